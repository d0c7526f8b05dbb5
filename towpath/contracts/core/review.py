"""A human task: who may decide, what was decided, and the deadlines around it."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.signed import Signed
from towpath.contracts.core.text import Line, Lines
from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Decision(Signed):
    """What a reviewer sends, by the Update `decide` or the signal `decide`.

    `task` names the step where a run has several tasks open; `data` is the form, where the task has one.
    """

    verdict: Verdict
    reviewer: Line
    reason: Lines = ""
    task: str | None = None
    data: JsonObject = {}


class Reviewer(Wire):
    reviewer: str
    roles: tuple[str, ...] = ()


class FindReviewers(Wire):
    team: str


class Reviewers(ActivityResult):
    team: str
    roles: tuple[str, ...]
    """Roles that may decide for the team."""
    members: tuple[Reviewer, ...]

    def knows(self, person: str) -> bool:
        return any(member.reviewer == person for member in self.members)

    def role_of(self, person: str) -> str | None:
        """The role in which the person may decide for the team; None for a stranger, and without such a role."""
        held = next((member.roles for member in self.members if member.reviewer == person), ())
        return next((role for role in held if role in self.roles), None)


class DecidedReview(Wire):
    """A decision that counted: who, when, why."""

    verdict: Verdict
    reviewer: Line
    role: Line
    reason: Lines
    at: datetime
    by_signal: bool = False
    data: JsonObject = {}


class RefusedDecision(Wire):
    """A signal that did not count, since a signal cannot answer its sender."""

    reviewer: Line
    code: FailureCode
    at: datetime


class ReviewTask(Wire):
    """A task as a person sees it in a list."""

    workflow_id: str
    team: str
    title: Line
    reasons: tuple[Lines, ...]
    opened_at: datetime
    remind_at: datetime
    escalate_at: datetime
    due_at: datetime
    reminded: bool = False
    escalated: bool = False
    decision: DecidedReview | None = None
    expired: bool = False
    refused: tuple[RefusedDecision, ...] = ()
    notice_failures: tuple[Failure, ...] = ()
    task: str = ""
    """The step, in a run that can have several tasks."""
    instructions: str = ""
    form: JsonObject | None = None
    """JSON Schema of the data that a decision must bring."""
    approvals: tuple[DecidedReview, ...] = ()
    quorum: int = 1
    repeatable: bool = False
    """Whether it is submitted any number of times, and no decision ends it."""
    submissions: tuple[DecidedReview, ...] = ()
    """Of a repeatable task, in their order."""
    withdrawn: bool = False
    """Closed without a decision before its deadline: its run needs none any more."""

    @property
    def is_open(self) -> bool:
        return self.decision is None and not self.expired and not self.withdrawn

    @property
    def came(self) -> str:
        """How often it was submitted, in words; empty for a task that is decided once."""
        count = len(self.submissions)
        return f"{count} submission{'' if count == 1 else 's'}" if self.repeatable else ""


class ReviewPolicy(Wire):
    """Deadline of a task, and the shares of it after which people are reminded and the task is escalated."""

    team: str = Field(description="the team that decides")
    escalate_to: str = Field(description="the team that is told when nobody decides")
    deadline: timedelta = Field(default=timedelta(hours=24), description="how long they have")
    remind_at_ratio: float = Field(default=0.5, description="share of it after which the team is reminded")
    escalate_at_ratio: float = Field(default=0.875, description="share of it after which the other team is told")
