"""A human task inside a workflow: opened, reminded, escalated, and decided once by an Update or a signal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from towpath.contracts.core.failure import Failure, FailureCode, HouseError
from towpath.contracts.core.review import (
    DecidedReview,
    Decision,
    RefusedDecision,
    Reviewer,
    Reviewers,
    ReviewPolicy,
    ReviewTask,
    Verdict,
)
from towpath.temporal.failures import to_application_error

MAX_REFUSED_KEPT = 20


class ReviewRefusedError(HouseError):
    """A decision does not count."""


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """What the process lends a review: who may decide for a team, and how a team is told."""

    reviewers: Callable[[str], Awaitable[Reviewers]]
    tell: Callable[[str, str], Awaitable[Failure | None]]
    """Team and event (`opened`, `reminder`, `escalation`); what failed, if it did: the task stays open all the same."""


class Reviewable:
    """Mixin of a workflow with a human task. One task at a time; the first valid decision wins."""

    def __init__(self) -> None:
        self._task: ReviewTask | None = None
        self._may_decide: dict[str, tuple[Reviewers, Reviewer]] = {}

    @workflow.query(name="review")
    def review(self) -> ReviewTask | None:
        """The human task of this run, or null when it never needed one."""
        return self._task

    @workflow.update(name="decide")
    async def decide(self, decision: Decision) -> DecidedReview:
        """Decide the open task. Refused with a `review.*` error when it does not count."""
        return self._take(decision, by_signal=False)

    @decide.validator
    def _check_decide(self, decision: Decision) -> None:
        try:
            self._role_of(decision)
        except ReviewRefusedError as error:
            raise to_application_error(error) from None

    @workflow.signal(name="decide")
    def decide_by_signal(self, decision: Decision) -> None:
        """The same decision by signal. A signal has no answer: a refusal is kept in the task, under `refused`."""
        try:
            self._take(decision, by_signal=True)
        except ApplicationError:
            return

    def may_decide(self, person: str) -> bool:
        """Whether the person has a role that may decide the run's task."""
        team, reviewer = self._may_decide.get(person, (None, None))
        return team is not None and reviewer is not None and bool(set(reviewer.roles) & set(team.roles))

    async def hold_review(
        self,
        policy: ReviewPolicy,
        title: str,
        reasons: tuple[str, ...],
        opened_at: datetime,
        desk: ReviewDesk,
        name: str = "",
    ) -> ReviewTask:
        """Open a task and wait until it is decided or its deadline has passed; the task as it then stands.

        `name` tells the tasks of a run apart that has one after the other: a decision that names another is refused.
        """
        self._may_decide.clear()
        await self._admit(policy.team, desk)
        task = _open(policy, title, reasons, opened_at).model_copy(update={"task": name})
        self._task = task
        await self._notice(policy.team, "opened", desk)
        if not await self._decided_by(task.remind_at, "reminder"):
            self._change(reminded=True)
            await self._notice(policy.team, "reminder", desk)
        if not await self._decided_by(task.escalate_at, "escalation"):
            self._change(escalated=True)
            await self._admit(policy.escalate_to, desk)
            await self._notice(policy.escalate_to, "escalation", desk)
        if not await self._decided_by(task.due_at, "deadline"):
            self._change(expired=True)
        return self._open_task()

    def withdraw_review(self) -> None:
        """Close the open task undecided: it is no longer needed."""
        if self._task is not None and self._task.decision is None:
            self._change(expired=True)

    def _take(self, decision: Decision, *, by_signal: bool) -> DecidedReview:
        try:
            role = self._role_of(decision)
        except ReviewRefusedError as error:
            if by_signal and self._task is not None:
                refused = RefusedDecision(reviewer=decision.reviewer, code=error.code, at=workflow.now())
                self._change(refused=(*self._task.refused, refused)[-MAX_REFUSED_KEPT:])
            raise to_application_error(error) from None
        decided = DecidedReview(
            verdict=decision.verdict,
            reviewer=decision.reviewer,
            role=role,
            reason=decision.reason.strip(),
            at=workflow.now(),
            by_signal=by_signal,
        )
        self._change(decision=decided)
        return decided

    def _role_of(self, decision: Decision) -> str:
        """The role in which the reviewer may decide. Raises ReviewRefusedError."""
        task = self._task
        if task is None or task.expired:
            state = "has no open review" if task is None else f"passed its deadline at {task.due_at:%Y-%m-%d %H:%M} UTC"
            raise ReviewRefusedError(FailureCode.REVIEW_NOT_OPEN, f"this run {state}")
        if decision.task not in {None, task.task}:
            raise ReviewRefusedError(
                FailureCode.REVIEW_NOT_OPEN, f"the open task is {task.task!r}, not {decision.task!r}"
            )
        if task.decision is not None:
            raise ReviewRefusedError(
                FailureCode.REVIEW_ALREADY_DECIDED,
                f"already decided: {task.decision.verdict} by {task.decision.reviewer} "
                f"at {task.decision.at:%Y-%m-%d %H:%M} UTC",
            )
        if decision.reviewer not in self._may_decide:
            raise ReviewRefusedError(
                FailureCode.REVIEW_UNKNOWN_REVIEWER, f"{decision.reviewer!r} is not a reviewer of {task.team}"
            )
        team, reviewer = self._may_decide[decision.reviewer]
        role = next((role for role in reviewer.roles if role in team.roles), None)
        if role is None:
            raise ReviewRefusedError(
                FailureCode.REVIEW_ROLE_NOT_ALLOWED,
                f"{decision.reviewer!r} has none of the roles that may decide: {', '.join(team.roles)}",
            )
        if decision.verdict is Verdict.REJECT and not decision.reason.strip():
            raise ReviewRefusedError(FailureCode.REVIEW_REASON_REQUIRED, "a rejection needs a reason")
        return role

    async def _admit(self, team: str, desk: ReviewDesk) -> None:
        reviewers = await desk.reviewers(team)
        for reviewer in reviewers.members:
            self._may_decide.setdefault(reviewer.reviewer, (reviewers, reviewer))

    async def _notice(self, team: str, event: str, desk: ReviewDesk) -> None:
        failure = await desk.tell(team, event)
        if failure is not None:
            self._change(notice_failures=(*self._open_task().notice_failures, failure))

    async def _decided_by(self, moment: datetime, what: str) -> bool:
        left = moment - workflow.now()
        if left.total_seconds() > 0 and self._open_task().decision is None:
            try:
                await workflow.wait_condition(
                    lambda: self._open_task().decision is not None, timeout=left, timeout_summary=f"review: {what}"
                )
            except TimeoutError:
                return False
        return self._open_task().decision is not None

    def _open_task(self) -> ReviewTask:
        if self._task is None:
            raise RuntimeError("no review was opened")
        return self._task

    def _change(self, **fields: object) -> None:
        self._task = self._open_task().model_copy(update=fields)


def _open(policy: ReviewPolicy, title: str, reasons: tuple[str, ...], now: datetime) -> ReviewTask:
    return ReviewTask(
        workflow_id=workflow.info().workflow_id,
        team=policy.team,
        title=title,
        reasons=reasons,
        opened_at=now,
        remind_at=now + policy.deadline * policy.remind_at_ratio,
        escalate_at=now + policy.deadline * policy.escalate_at_ratio,
        due_at=now + policy.deadline,
    )
