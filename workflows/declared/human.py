"""A human task of a definition: opened, reminded, escalated, and decided by as many people as its quorum says."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio import workflow

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.review import DecidedReview, Decision, Reviewer, Reviewers, ReviewTask, Verdict
from towpath.contracts.core.wire import JsonObject
from towpath.engine.checks.inputs import violations
from workflows.kit.task import ReviewRefusedError


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What a task is made of. Times count from its opening; `escalate` is after how long to whom."""

    step: str
    team: str
    title: str
    instructions: str
    deadline: timedelta
    candidates: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    form: JsonObject | None = None
    remind: tuple[timedelta, ...] = ()
    escalate: tuple[tuple[timedelta, str], ...] = ()
    quorum: int = 1
    then_to: str | None = None
    """With `on_timeout: escalate`: the team that gets the task, and the deadline once more, when nobody decided."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the run lends a task: who belongs to a team, and how a team is told of an event."""

    reviewers: Callable[[str], Awaitable[Reviewers]]
    tell: Callable[[ReviewTask, str, str], Awaitable[Failure | None]]
    changed: Callable[[ReviewTask, tuple[str, ...]], None]


@dataclass(slots=True)
class _Admitted:
    people: dict[str, tuple[Reviewers, Reviewer]] = field(default_factory=dict[str, tuple[Reviewers, Reviewer]])
    teams: tuple[str, ...] = ()


class HumanTask:
    """One task. The first rejection decides, or as many approvals by different people as the quorum."""

    def __init__(self, plan: TaskPlan, desk: Desk) -> None:
        now = workflow.now()
        self._plan = plan
        self._desk = desk
        self._admitted = _Admitted()
        self.closed = False
        moments = sorted(plan.remind)
        escalations = sorted(after for after, _ in plan.escalate)
        self.task = ReviewTask(
            workflow_id=workflow.info().workflow_id,
            team=plan.team,
            title=plan.title,
            reasons=(),
            opened_at=now,
            remind_at=now + (moments[0] if moments else plan.deadline),
            escalate_at=now + (escalations[0] if escalations else plan.deadline),
            due_at=now + plan.deadline,
            task=plan.step,
            instructions=plan.instructions,
            form=plan.form,
            quorum=plan.quorum,
        )

    async def hold(self) -> ReviewTask:
        """Wait until it is decided, or its deadline passed. Raises CallFailedError when nobody can be found."""
        try:
            await self._admit(self._plan.team)
            await self._notice(self._plan.team, "opened")
            for moment, event, team in self._agenda(self.task.opened_at):
                if await self._decided_by(moment, event):
                    break
                await self._happen(event, team)
            if not await self._decided_by(self.task.due_at, "deadline") and self._plan.then_to is not None:
                await self._pass_on(self._plan.then_to)
            self._change(expired=self.task.decision is None)
            await self._notice(self._plan.team, "closed")
            return self.task
        finally:
            self.closed = True

    def role_of(self, decision: Decision) -> str:
        """The role in which the person may decide. Raises ReviewRefusedError."""
        task, who = self.task, decision.reviewer
        if self.closed or task.expired:
            raise ReviewRefusedError(FailureCode.REVIEW_NOT_OPEN, f"the task {task.task} is closed")
        if task.decision is not None or any(approval.reviewer == who for approval in task.approvals):
            raise ReviewRefusedError(FailureCode.REVIEW_ALREADY_DECIDED, "already decided")
        if who in self._plan.exclude:
            raise ReviewRefusedError(FailureCode.REVIEW_ROLE_NOT_ALLOWED, f"{who!r} is excluded from this task")
        role = self._role(who)
        if decision.verdict is Verdict.REJECT and not decision.reason.strip():
            raise ReviewRefusedError(FailureCode.REVIEW_REASON_REQUIRED, "a rejection needs a reason")
        if self._plan.form is not None and decision.verdict is Verdict.APPROVE:
            wrong = violations(self._plan.form, decision.data)
            if wrong:
                raise ReviewRefusedError(FailureCode.REVIEW_FORM, f"the form is not complete: {'; '.join(wrong[:5])}")
        return role

    def take(self, decision: Decision, *, by_signal: bool = False) -> DecidedReview:
        """Count a decision. Raises ReviewRefusedError."""
        decided = DecidedReview(
            verdict=decision.verdict,
            reviewer=decision.reviewer,
            role=self.role_of(decision),
            reason=decision.reason.strip(),
            at=workflow.now(),
            by_signal=by_signal,
            data=decision.data,
        )
        approvals = self.task.approvals if decided.verdict is Verdict.REJECT else (*self.task.approvals, decided)
        final = decided.verdict is Verdict.REJECT or len(approvals) >= self._plan.quorum
        self._change(approvals=approvals, decision=decided if final else None)
        return decided

    def _role(self, who: str) -> str:
        if who in self._plan.candidates:
            return "candidate"
        if who not in self._admitted.people:
            raise ReviewRefusedError(
                FailureCode.REVIEW_UNKNOWN_REVIEWER, f"{who!r} is not a reviewer of {', '.join(self._admitted.teams)}"
            )
        team, reviewer = self._admitted.people[who]
        role = next((role for role in reviewer.roles if role in team.roles), None)
        if role is None:
            wanted = ", ".join(team.roles)
            raise ReviewRefusedError(
                FailureCode.REVIEW_ROLE_NOT_ALLOWED, f"{who!r} has none of the roles that may decide: {wanted}"
            )
        return role

    def _agenda(self, opened: datetime) -> list[tuple[datetime, str, str]]:
        reminders = [(opened + after, "reminder", self._plan.team) for after in self._plan.remind]
        escalations = [(opened + after, "escalation", team) for after, team in self._plan.escalate]
        return sorted(entry for entry in (*reminders, *escalations) if entry[0] < opened + self._plan.deadline)

    async def _happen(self, event: str, team: str) -> None:
        if event == "reminder":
            self._change(reminded=True)
        else:
            self._change(escalated=True)
            await self._admit(team)
        await self._notice(team, event)

    async def _pass_on(self, team: str) -> None:
        """The deadline passed: once more, with another team."""
        self._change(escalated=True, due_at=workflow.now() + self._plan.deadline)
        await self._admit(team)
        await self._notice(team, "escalation")
        await self._decided_by(self.task.due_at, "deadline")

    async def _admit(self, team: str) -> None:
        found = await self._desk.reviewers(team)
        for reviewer in found.members:
            self._admitted.people.setdefault(reviewer.reviewer, (found, reviewer))
        self._admitted.teams = (*self._admitted.teams, team)
        self._desk.changed(self.task, self._admitted.teams)

    async def _notice(self, team: str, event: str) -> None:
        failure = await self._desk.tell(self.task, team, event)
        if failure is not None:
            self._change(notice_failures=(*self.task.notice_failures, failure))

    async def _decided_by(self, moment: datetime, what: str) -> bool:
        left = moment - workflow.now()
        if left.total_seconds() > 0 and self.task.decision is None:
            try:
                await workflow.wait_condition(
                    lambda: self.task.decision is not None, timeout=left, timeout_summary=f"{self.task.task}: {what}"
                )
            except TimeoutError:
                return False
        return self.task.decision is not None

    def _change(self, **fields: object) -> None:
        self.task = self.task.model_copy(update=fields)
