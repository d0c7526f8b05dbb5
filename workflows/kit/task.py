"""The human task: opened, reminded, escalated, and decided by as many people as its quorum says. Processes that are
classes and definitions ask people with it; what differs between them is a field of its plan.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from temporalio import workflow

from activities.reviews import ReviewActivities
from towpath.contracts.core.failure import Failure, FailureCode, HouseError
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.process import PENDING_ASSIGNEES, PENDING_UNTIL
from towpath.contracts.core.review import (
    DecidedReview,
    Decision,
    FindReviewers,
    Reviewers,
    ReviewTask,
    Verdict,
)
from towpath.contracts.core.wire import JsonObject, clip
from towpath.engine.checks.inputs import Check, violations
from towpath.engine.run.deciding import no_room, sent_before
from towpath.temporal.attributes import search_key
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import LOOKUP
from workflows.kit.schemas import breaches

NOT_PENDING = (search_key(PENDING_ASSIGNEES).value_unset(), search_key(PENDING_UNTIL).value_unset())


def pending(teams: Sequence[str], until: datetime) -> tuple[Any, ...]:
    """Updates of search attributes: who is waited for, and until when."""
    return search_key(PENDING_ASSIGNEES).value_set(teams), search_key(PENDING_UNTIL).value_set(until)


async def reviewers_of(team: str, lookup: str, what: str) -> Reviewers:
    """Who may do something for a team; `lookup` is what the activity's id begins with. Raises CallFailedError."""
    return await call(
        ReviewActivities.find_reviewers,
        FindReviewers(team=team),
        LOOKUP,
        activity_id=f"{lookup}/{team}",
        summary=f"Who may {what} for {team}",
    )


class ReviewRefusedError(HouseError):
    """A decision does not count."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a team hears of a task that is still open, counted from its opening."""

    after: timedelta
    event: Literal["reminder", "escalation"]
    team: str


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What a task is made of. The moments of `agenda` come in its order."""

    place: str
    """What the ids of its notices begin with."""
    lookup: str
    """What the ids begin with under which reviewers are looked up."""
    team: str
    title: str
    deadline: timedelta
    agenda: tuple[Moment, ...] = ()
    name: str = ""
    """What a decision may name it by; empty in a run that has no other task."""
    timer: str = "review"
    """What its timers are called."""
    reasons: tuple[str, ...] = ()
    instructions: str = ""
    candidates: tuple[str, ...] = ()
    """People who may decide without a role."""
    exclude: tuple[str, ...] = ()
    form: JsonObject | None = None
    quorum: int = 1
    repeatable: bool = False
    """Submitted any number of times, until its deadline: no decision ends it."""
    then_to: str | None = None
    """The team that gets the task, and the deadline once more, when nobody decided."""
    is_beside_others: bool = False
    """Whether the run may have several open at once: a refusal names the task, and not the run."""

    def opened(self, now: datetime) -> ReviewTask:
        first = {moment.event: now + moment.after for moment in reversed(self.agenda)}
        due = now + self.deadline
        return ReviewTask(
            workflow_id=workflow.info().workflow_id,
            team=self.team,
            title=self.title,
            reasons=self.reasons,
            opened_at=now,
            remind_at=first.get("reminder", due),
            escalate_at=first.get("escalation", due),
            due_at=due,
            task=self.name,
            instructions=self.instructions,
            form=self.form,
            quorum=self.quorum,
            repeatable=self.repeatable,
        )


@dataclass(frozen=True, slots=True)
class Desk:
    """What the run lends a task: how it is put into words for an event, and how a team is told."""

    words: Callable[[ReviewTask, str], tuple[str, str]]
    """Title and text for `opened`, `reminder`, `escalation` or `closed`."""
    tell: Callable[[str, str, str, str], Awaitable[Failure | None]]
    """Team, event, title and text; what failed, if it did: the task stays open all the same."""


class HumanTask:
    """One task. The first rejection decides, or as many approvals by different people as the quorum; a repeatable one
    collects all of them until its deadline.
    """

    def __init__(self, plan: TaskPlan, desk: Desk, admitted: Callable[["HumanTask"], None]) -> None:
        """`admitted` is called whenever a team may decide: before the first, nobody is known who may."""
        self.task = plan.opened(workflow.now())
        self.teams: tuple[str, ...] = ()
        self.closed = False
        self._plan = plan
        self._desk = desk
        self._admitted = admitted
        self._people: dict[str, Reviewers] = {}
        """The first of the teams asked that knows the person."""

    async def until_decided(self) -> ReviewTask:
        """Wait until it is decided, or its deadline passed. Raises CallFailedError when nobody can be found."""
        await self._admit(self._plan.team)
        await self._tell(self._plan.team, "opened")
        for moment in self._plan.agenda:
            if self._is_out_of_reach():
                if moment.event == "escalation":
                    await self._happen(moment)
                continue
            if await self._decided_by(self.task.opened_at + moment.after, moment.event):
                break
            await self._happen(moment)
        if self._is_out_of_reach():
            await self._pass_on_or_fail()
        elif not await self._decided_by(self.task.due_at, "deadline") and self._plan.then_to is not None:
            await self._pass_on(self._plan.then_to)
        self.withdraw()
        return self.task

    def _is_out_of_reach(self) -> bool:
        """Whether fewer people may decide than must. The change of history that follows is asked for only then."""
        if self.task.decision is not None or len(self.deciders()) >= self._plan.quorum:
            return False
        return workflow.patched("quorum-out-of-reach-2026-11")

    def deciders(self) -> set[str]:
        """All who may decide it."""
        people = {person for person in self._people if self.may_decide(person)}
        return (people | set(self._plan.candidates)) - set(self._plan.exclude)

    async def _pass_on_or_fail(self) -> None:
        """To the last team that there is, at once. Raises CallFailedError when there are too few with it, too."""
        team = self._plan.then_to
        if team is not None and team not in self.teams:
            await self._happen(Moment(timedelta(), "escalation", team))
        deciders = self.deciders()
        if len(deciders) < self._plan.quorum:
            self.withdraw()
            who = ", ".join(sorted(deciders)) or "nobody"
            message = f"it takes {self._plan.quorum} people, and only {who} may decide for {', '.join(self.teams)}"
            raise CallFailedError(Failure(code=FailureCode.REVIEW_QUORUM, message=clip(message)))
        await self._decided_by(self.task.due_at, "deadline")

    def withdraw(self) -> None:
        """Close it undecided: its time has passed, or it is no longer needed."""
        if self.task.decision is None:
            self.change(expired=True)

    def close(self) -> None:
        """Nobody decides it from now on."""
        self.closed = True
        if self.task.is_open:
            self.change(withdrawn=True)

    async def tell_end(self) -> None:
        """Tell the team that nothing is left to do."""
        await self._tell(self._plan.team, "closed")

    def role_of(self, decision: Decision, check: Check = violations) -> str:
        """The role in which the person may decide it now. Raises ReviewRefusedError."""
        role = self._role_in(decision, check)
        full = no_room(self.task.submissions, decision) if self._plan.repeatable else ""
        if full:
            raise ReviewRefusedError(FailureCode.REVIEW_FULL, full)
        return role

    def _role_in(self, decision: Decision, check: Check) -> str:
        task, who = self.task, decision.reviewer
        if task.expired or (self.closed and task.decision is None and self._plan.is_beside_others):
            code = FailureCode.REVIEW_EXPIRED if task.expired else FailureCode.REVIEW_NOT_OPEN
            raise ReviewRefusedError(code, self._why_closed())
        if decision.task not in {None, task.task}:
            message = f"the open task is {task.task!r}, not {decision.task!r}"
            raise ReviewRefusedError(FailureCode.REVIEW_NOT_OPEN, message)
        if task.decision is not None or any(approval.reviewer == who for approval in task.approvals):
            raise ReviewRefusedError(FailureCode.REVIEW_ALREADY_DECIDED, self._how_decided(who))
        role = self.role_of_person(who)
        self._check_content(decision, check)
        return role

    def check_alone(self, decision: Decision) -> None:
        """Whether the person could decide it without anybody else. Raises ReviewRefusedError."""
        self._role_in(decision, violations)
        if self._plan.quorum > 1:
            message = f"it takes {self._plan.quorum} people, and nobody decides for them"
            raise ReviewRefusedError(FailureCode.REVIEW_ROLE_NOT_ALLOWED, message)

    def role_of_person(self, who: str) -> str:
        """The role that lets the person decide this task, decided or not. Raises ReviewRefusedError."""
        if who in self._plan.exclude:
            raise ReviewRefusedError(FailureCode.REVIEW_ROLE_NOT_ALLOWED, f"{who!r} is excluded from this task")
        return self._role(who)

    def _check_content(self, decision: Decision, check: Check) -> None:
        if decision.verdict is Verdict.REJECT and not decision.reason.strip():
            raise ReviewRefusedError(FailureCode.REVIEW_REASON_REQUIRED, "a rejection needs a reason")
        if self._plan.form is None or decision.verdict is Verdict.REJECT:
            return
        wrong = check(self._plan.form, decision.data, ())
        if wrong:
            raise ReviewRefusedError(FailureCode.REVIEW_FORM, f"the form is not complete: {'; '.join(wrong[:5])}")

    def take(self, decision: Decision, *, by_signal: bool = False) -> DecidedReview:
        """Count a decision; one that was submitted before counts once, and is answered as it was. Raises
        ReviewRefusedError.
        """
        decided = DecidedReview(
            verdict=decision.verdict,
            reviewer=decision.reviewer,
            role=self.role_of(decision, breaches),
            reason=decision.reason.strip(),
            at=workflow.now(),
            by_signal=by_signal,
            data=decision.data,
        )
        if self._plan.repeatable:
            before = sent_before(self.task.submissions, decided)
            self.change(submissions=self.task.submissions if before is not None else (*self.task.submissions, decided))
            return before or decided
        approvals = self.task.approvals if decided.verdict is Verdict.REJECT else (*self.task.approvals, decided)
        final = decided.verdict is Verdict.REJECT or len(approvals) >= self._plan.quorum
        self.change(approvals=approvals, decision=decided if final else None)
        return decided

    def may_decide(self, person: str) -> bool:
        """Whether the person has a role that may decide it."""
        return person in self._people and self._people[person].role_of(person) is not None

    def change(self, **fields: object) -> None:
        self.task = self.task.model_copy(update=fields)

    def _role(self, who: str) -> str:
        if who in self._plan.candidates:
            return "candidate"
        if who not in self._people:
            teams = ", ".join(self.teams) if self._plan.is_beside_others else self.task.team
            raise ReviewRefusedError(FailureCode.REVIEW_UNKNOWN_REVIEWER, f"{who!r} is not a reviewer of {teams}")
        team = self._people[who]
        role = team.role_of(who)
        if role is None:
            message = f"{who!r} has none of the roles that may decide: {', '.join(team.roles)}"
            raise ReviewRefusedError(FailureCode.REVIEW_ROLE_NOT_ALLOWED, message)
        return role

    def _why_closed(self) -> str:
        if self._plan.is_beside_others:
            return f"the task {self.task.task} is closed"
        if workflow.now() < self.task.due_at:
            return "the task was closed before its deadline: nobody needs to decide it any more"
        return f"this run passed its deadline at {in_utc(self.task.due_at)}: nobody decided"

    def _how_decided(self, who: str) -> str:
        decision = self.task.decision
        if decision is None:
            own = next(approval for approval in self.task.approvals if approval.reviewer == who)
            return f"already approved by {who} at {in_utc(own.at)}; {self._plan.quorum} people must"
        return f"already decided: {decision.verdict} by {decision.reviewer} at {in_utc(decision.at)}"

    async def _happen(self, moment: Moment) -> None:
        if moment.event == "reminder":
            self.change(reminded=True)
        else:
            self.change(escalated=True)
            await self._admit(moment.team)
        await self._tell(moment.team, moment.event)

    async def _pass_on(self, team: str) -> None:
        """The deadline passed: once more, with another team."""
        self.change(escalated=True, due_at=workflow.now() + self._plan.deadline)
        await self._admit(team)
        await self._tell(team, "escalation")
        await self._decided_by(self.task.due_at, "deadline")

    async def _admit(self, team: str) -> None:
        found = await reviewers_of(team, self._plan.lookup, "decide")
        for reviewer in found.members:
            self._people.setdefault(reviewer.reviewer, found)
        self.teams = (*self.teams, team)
        self._admitted(self)

    async def _tell(self, team: str, event: str) -> None:
        failure = await self._desk.tell(team, f"{self._plan.place}/{event}", *self._desk.words(self.task, event))
        if failure is not None:
            self.change(notice_failures=(*self.task.notice_failures, failure))

    async def _decided_by(self, moment: datetime, what: str) -> bool:
        left = moment - workflow.now()
        if left.total_seconds() > 0 and self.task.decision is None:
            try:
                await workflow.wait_condition(
                    lambda: self.task.decision is not None, timeout=left, timeout_summary=f"{self._plan.timer}: {what}"
                )
            except TimeoutError:
                return False
        return self.task.decision is not None
