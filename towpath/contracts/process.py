"""The catalogue of processes, their task queues, and the search attributes that all of them share."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from towpath.contracts.declared import DECLARED, DeclaredResult
from towpath.contracts.incident import IncidentRequest, IncidentResult
from towpath.contracts.onboarding import Customer, OnboardingRequest, OnboardingResult
from towpath.contracts.pipeline import PipelineRequest, PipelineResult
from towpath.contracts.publishing import PublishingRequest, PublishingResult
from towpath.contracts.wire import CustomerKey, Wire

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
)
"""A namespace holds 10 Keyword and 3 each of KeywordList, Datetime and Int: new processes share these."""


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


def customer_key(customer: Customer, salt: bytes) -> CustomerKey:
    """The customer's own id where given; else the first 128 bits of HMAC-SHA-256 over the normalised e-mail address."""
    if customer.customer_id is not None:
        return CustomerKey(customer.customer_id)
    digest = hmac.new(salt, customer.email.strip().lower().encode(), hashlib.sha256)
    return CustomerKey(digest.hexdigest()[:32])


def group_name(group_key: str) -> str:
    """Stable name of a group of alerts: the first 64 bits of the SHA-256 of Alertmanager's group key."""
    return hashlib.sha256(group_key.encode()).hexdigest()[:16]


def pipeline_key(request: PipelineRequest) -> str:
    """One run of a pipeline at a time; a backfill has one for each of its date ranges, and so has a replay."""
    if request.replay:
        return f"{request.config.id}/replay/{request.run_key}"
    if request.dates is not None:
        return f"{request.config.id}/{request.dates.first}..{request.dates.last}"
    return request.config.id


ONBOARDING = Process(
    name="customer-onboarding",
    request=OnboardingRequest,
    result=OnboardingResult,
    key=lambda request, salt: customer_key(request.customer, salt),
    labels=lambda request: {PLAN: request.customer.plan, TRIGGER: request.trigger},
    dead_letter_queue="failed-onboarding",
)

PUBLISHING = Process(
    name="content-publishing",
    request=PublishingRequest,
    result=PublishingResult,
    key=lambda request, _: request.metadata.campaign,
    labels=lambda request: {SUBJECT: request.metadata.campaign, TRIGGER: request.trigger},
    dead_letter_queue="failed-publishing",
)

INCIDENT = Process(
    name="incident-response",
    request=IncidentRequest,
    result=IncidentResult,
    key=lambda request, _: group_name(request.group_key),
    labels=lambda request: {SUBJECT: request.service or "unknown", TRIGGER: "webhook"},
    dead_letter_queue="failed-incidents",
)

PIPELINE = Process(
    name="etl-pipeline",
    request=PipelineRequest,
    result=PipelineResult,
    key=lambda request, _: pipeline_key(request),
    labels=lambda request: {SUBJECT: request.config.id, TRIGGER: request.trigger},
    dead_letter_queue="failed-etl",
)

PROCESSES = {process.name: process for process in (ONBOARDING, PUBLISHING, INCIDENT, PIPELINE)}

RESULTS: Mapping[str, type[Wire]] = {
    **{process.name: process.result for process in PROCESSES.values()},
    DECLARED: DeclaredResult,
}
"""What a run answers when it has ended, by its Temporal type."""
