"""A person's decision in a process that is a class: one task at a time, shown in the run's record and in lists."""

from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.process import PENDING_ASSIGNEES, RUNNING
from towpath.contracts.core.review import DecidedReview, Decision, RefusedDecision, ReviewPolicy, ReviewTask
from towpath.contracts.core.run import Waiting
from towpath.temporal.attributes import search_key
from towpath.temporal.failures import to_application_error
from workflows.kit.calling import CallFailedError
from workflows.kit.signing import unsigned_counts
from workflows.kit.steps import Steps
from workflows.kit.task import NOT_PENDING, Desk, HumanTask, Moment, ReviewRefusedError, TaskPlan, pending

MAX_REFUSED_KEPT = 20


def plan_by(policy: ReviewPolicy, place: str, title: str, reasons: tuple[str, ...], name: str = "") -> TaskPlan:
    """One reminder and one escalation, at their shares of the deadline."""
    return TaskPlan(
        place=place,
        lookup=f"{place}/reviewers",
        team=policy.team,
        title=title,
        deadline=policy.deadline,
        agenda=(
            Moment(policy.deadline * policy.remind_at_ratio, "reminder", policy.team),
            Moment(policy.deadline * policy.escalate_at_ratio, "escalation", policy.escalate_to),
        ),
        name=name,
        reasons=reasons,
    )


class Reviewable:
    """Mixin of a workflow with a human task. One task at a time; the first valid decision wins."""

    def __init__(self) -> None:
        self.human_task: HumanTask | None = None
        """The latest, once somebody is known who may decide it."""
        self._asked: list[HumanTask] = []
        """All of them that somebody could decide, in the order of their opening."""
        self._signals = 0

    @workflow.query(name="review")
    def review(self) -> ReviewTask | None:
        """The human task of this run, or null when it never needed one."""
        return None if self.human_task is None else self.human_task.task

    @workflow.query(name="reviews")
    def reviews(self) -> Sequence[ReviewTask]:
        """All of this run's tasks, in the order of their opening: at most the last one is open."""
        return tuple(asked.task for asked in self._asked)

    def ask(self, task: HumanTask) -> None:
        """From now on it is the one that a decision is for."""
        self.human_task = task
        if task not in self._asked:
            self._asked.append(task)

    @workflow.update(name="decide")
    async def decide(self, decision: Decision) -> DecidedReview:
        """Decide the open task. Refused with a `review.*` error when it does not count."""
        return self._take(decision, by_signal=False)

    @decide.validator
    def _check_decide(self, decision: Decision) -> None:
        try:
            self._task_of(decision).role_of(decision)
        except ReviewRefusedError as error:
            raise to_application_error(error) from None

    @workflow.signal(name="decide")
    def decide_by_signal(self, decision: Decision) -> None:
        """The same decision by signal. A signal has no answer: a refusal is kept in the task, under `refused`.

        Where decisions must be signed, none counts.
        """
        self._signals += 1
        if not unsigned_counts(self._signals):
            self._keep_refused(decision, FailureCode.SIGNATURE_REFUSED)
            return
        try:
            self._take(decision, by_signal=True)
        except ApplicationError:
            return

    def _take(self, decision: Decision, *, by_signal: bool) -> DecidedReview:
        try:
            return self._task_of(decision).take(decision, by_signal=by_signal)
        except ReviewRefusedError as error:
            if by_signal:
                self._keep_refused(decision, error.code)
            raise to_application_error(error) from None

    def _keep_refused(self, decision: Decision, code: FailureCode) -> None:
        if self.human_task is not None:
            refused = RefusedDecision(reviewer=decision.reviewer, code=code, at=workflow.now())
            self.human_task.change(refused=(*self.human_task.task.refused, refused)[-MAX_REFUSED_KEPT:])

    def _task_of(self, decision: Decision) -> HumanTask:
        """The one that it names, open or not; else the latest. Raises ReviewRefusedError."""
        if self.human_task is None:
            raise ReviewRefusedError(FailureCode.REVIEW_NOT_OPEN, "this run has no open review")
        named = (asked for asked in reversed(self._asked) if decision.task == asked.task.task)
        return self.human_task if decision.task is None else next(named, self.human_task)


class Asking:
    """One question to people, from the moment at which lists show that the run waits for them."""

    def __init__(self, run: Reviewable, steps: Steps, plan: TaskPlan, desk: Desk) -> None:
        self._run = run
        self._steps = steps
        self._team = plan.team
        self._human_task = HumanTask(plan, desk, self._admitted)
        self.due_at = self._human_task.task.due_at
        self._step = ""

    def open(self, step: str, what: str = "a decision", status: str = "waiting-for-review") -> None:
        """Show in the record of a step, and where people list runs, what is waited for."""
        self._step = step
        self._steps.wait_in(step, (Waiting(what=f"{what} by {self._team}", who=self._team, until=self.due_at),))
        self._steps.status(status, *pending([self._team], self.due_at))

    async def until_decided(self) -> None:
        """Wait for the end of the task. Raises CallFailedError when nobody can be found."""
        await self._human_task.until_decided()

    async def decision(self) -> DecidedReview | None:
        """Wait for it, and close; None when nobody decided in time. Raises StepFailedError when nobody can be found."""
        try:
            await self.until_decided()
        except CallFailedError as error:
            raise self._steps.failed(self._step, error.failure) from error
        self.close()
        return self._human_task.task.decision

    def close(self) -> None:
        """Lists show it no longer, decided or not."""
        self._human_task.withdraw()
        self._steps.wait_in(self._step, ())
        self._steps.status(RUNNING, *NOT_PENDING)

    async def tell_end(self) -> ReviewTask | None:
        """The task as it ended; the team is told. None when it was never open to anybody."""
        if not self._human_task.teams:
            return None
        await self._human_task.tell_end()
        return self._human_task.task

    def _admitted(self, task: HumanTask) -> None:
        self._run.ask(task)
        if len(task.teams) > 1:
            workflow.upsert_search_attributes([search_key(PENDING_ASSIGNEES).value_set(task.teams)])
