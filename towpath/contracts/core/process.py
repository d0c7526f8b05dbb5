"""What a process is: its names, contracts and key, how it ends and is started again; and the search attributes that
all processes share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from towpath.contracts.core.run import Discard
from towpath.contracts.core.wire import Wire

RequestT = TypeVar("RequestT", bound=Wire)
ResultT = TypeVar("ResultT", bound=Wire)
FailureT = TypeVar("FailureT", bound=Wire)
ValueT = TypeVar("ValueT", str, int, datetime, Sequence[str])

CLAUDE_QUEUE = "claude"
"""Claude's own task queue: its rate limit must not slow the other steps."""

DATA_QUEUE = "data-plane"
"""Tasks of pipelines on bytes: a worker takes as many as it has processes for them."""

RUNNING = "running"
"""Status of a run that waits for nobody."""


class AttributeKind(StrEnum):
    """Types of search attributes, as Temporal's server and command line spell them."""

    KEYWORD = "Keyword"
    KEYWORD_LIST = "KeywordList"
    DATETIME = "Datetime"
    INT = "Int"


@dataclass(frozen=True)
class SearchAttribute(Generic[ValueT]):
    """One field by which runs are listed; `ValueT` is what Python gives for it."""

    kind: AttributeKind
    name: str


PROCESS = SearchAttribute[str](AttributeKind.KEYWORD, "ProcessName")
STATUS = SearchAttribute[str](AttributeKind.KEYWORD, "ProcessStatus")
PLAN = SearchAttribute[str](AttributeKind.KEYWORD, "CustomerPlan")
TRIGGER = SearchAttribute[str](AttributeKind.KEYWORD, "TriggerType")
SUBJECT = SearchAttribute[str](AttributeKind.KEYWORD, "ProcessSubject")
"""What a run is about: a campaign, the service that an incident is at."""
SEVERITY = SearchAttribute[int](AttributeKind.INT, "IncidentSeverity")
DEAD_LETTER_QUEUE = SearchAttribute[str](AttributeKind.KEYWORD, "DeadLetterQueue")
PENDING_ASSIGNEES = SearchAttribute[Sequence[str]](AttributeKind.KEYWORD_LIST, "PendingAssignees")
PENDING_UNTIL = SearchAttribute[datetime](AttributeKind.DATETIME, "PendingUntil")

DEFINITION_ID = SearchAttribute[str](AttributeKind.KEYWORD, "DefinitionId")
DEFINITION_VERSION = SearchAttribute[str](AttributeKind.KEYWORD, "DefinitionVersion")
DEFINITION_HASH = SearchAttribute[str](AttributeKind.KEYWORD, "DefinitionHash")
AWAITED_EVENTS = SearchAttribute[Sequence[str]](AttributeKind.KEYWORD_LIST, "AwaitedEvents")

ROLE = SearchAttribute[str](AttributeKind.KEYWORD, "ProcessRole")
HELPER: Mapping[SearchAttribute[str], str] = {ROLE: "helper"}
"""What a run is started with that serves other runs and that nobody asked for: a record, a part, a launcher. Runs of
processes have no role, so `ProcessRole IS NULL` lists those alone.
"""

SEARCH_ATTRIBUTES: tuple[SearchAttribute[Any], ...] = (
    PROCESS,
    STATUS,
    PLAN,
    TRIGGER,
    SUBJECT,
    SEVERITY,
    DEAD_LETTER_QUEUE,
    PENDING_ASSIGNEES,
    PENDING_UNTIL,
    DEFINITION_ID,
    DEFINITION_VERSION,
    DEFINITION_HASH,
    AWAITED_EVENTS,
    ROLE,
)
"""A namespace holds 10 Keyword and 3 each of KeywordList, Datetime and Int: new processes share these. No Keyword is
left.
"""


@dataclass(frozen=True, slots=True)
class Again:
    """A failed run is started again: to go on where it failed or, with `discard`, only to leave its queue."""

    run_id: str
    discard: Discard | None = None


@dataclass(frozen=True, slots=True)
class Process(Generic[RequestT, ResultT, FailureT]):
    """One process: `name` is its Temporal type, task queue and id prefix at once.

    Whatever lists, starts, finishes, shows or mends runs reads it here, and nothing asks which process it is.
    """

    name: str
    folder: str
    """Of its contracts, its workflows and, where it has any, its views."""
    request: type[RequestT]
    result: type[ResultT]
    failure: type[FailureT]
    """What a failed run tells beside its letter."""
    labels: Callable[[RequestT], Mapping[SearchAttribute[str], str]]
    """Search attributes that a request sets, beside those that every process sets."""
    title: Callable[[RequestT], str]
    """What Temporal's UI shows as the run's title."""
    succeeded: Callable[[ResultT], bool]
    """Whether a run that ended with this result did what it was started for."""
    keeps: Callable[[FailureT], Sequence[str]]
    """What a redrive does not do again."""
    again: Callable[[FailureT, Again], RequestT]
    """The request that starts a failed run again."""
    dead_letter_queue: str = ""
    """Empty where the run itself says which."""
    key: Callable[[RequestT, bytes], str] | None = None
    """Business key of a request, from the request and the installation's salt; None where a starter names its run."""
    command: str = ""
    """What starts a run from a terminal, where that is a command of its own."""
    named_by_key: bool = False
    """Commands take the key of a run alone as one of this process; true of one process."""

    @property
    def queue(self) -> str:
        return self.name

    def workflow_id(self, request: RequestT, salt: bytes) -> str:
        if self.key is None:
            raise ValueError(f"a request of {self.name} does not say how its run is named")
        return f"{self.name}/{self.key(request, salt)}"

    def full_id(self, name: str) -> str:
        """The workflow id of a run that is named by its key, or already by its id."""
        return name if name.startswith(f"{self.name}/") else f"{self.name}/{name}"

    def attributes(self, request: RequestT) -> dict[SearchAttribute[str], str]:
        """Search attributes of a run that has just begun."""
        return {PROCESS: self.name, STATUS: RUNNING, **self.labels(request)}


class TriggerType(StrEnum):
    MANUAL = "manual"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"
    EVENT = "event"
