"""What a process is: its names, its contracts, its business key; and the search attributes that all processes share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from towpath.contracts.core.wire import Wire

RequestT = TypeVar("RequestT", bound=Wire)
ResultT = TypeVar("ResultT", bound=Wire)
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
class Process(Generic[RequestT, ResultT]):
    """One process: `name` is its Temporal type, task queue, command and id prefix at once."""

    name: str
    request: type[RequestT]
    result: type[ResultT]
    key: Callable[[RequestT, bytes], str]
    """Business key of a request, from the request and the installation's salt."""
    labels: Callable[[RequestT], Mapping[SearchAttribute[str], str]]
    """Search attributes that a request sets, beside those that every process sets."""
    dead_letter_queue: str

    @property
    def queue(self) -> str:
        return self.name

    def workflow_id(self, request: RequestT, salt: bytes) -> str:
        return f"{self.name}/{self.key(request, salt)}"

    def attributes(self, request: RequestT) -> dict[SearchAttribute[str], str]:
        """Search attributes of a run that has just begun."""
        return {PROCESS: self.name, STATUS: RUNNING, **self.labels(request)}


class TriggerType(StrEnum):
    MANUAL = "manual"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"
    EVENT = "event"
