"""The catalogue of processes, their task queues, and the search attributes that all of them share."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from temporalio.common import SearchAttributeKey

from towpath.contracts.incident import IncidentRequest, IncidentResult
from towpath.contracts.onboarding import Customer, OnboardingRequest, OnboardingResult
from towpath.contracts.pipeline import PipelineRequest, PipelineResult
from towpath.contracts.publishing import PublishingRequest, PublishingResult
from towpath.contracts.wire import CustomerKey, Wire

RequestT = TypeVar("RequestT", bound=Wire)
ResultT = TypeVar("ResultT", bound=Wire)

CLAUDE_QUEUE = "claude"
"""Claude's own task queue: its rate limit must not slow the other steps."""

DATA_QUEUE = "data-plane"
"""Tasks of pipelines on bytes: a worker takes as many as it has processes for them."""

RUNNING = "running"
"""Status of a run that waits for nobody."""

PROCESS = SearchAttributeKey.for_keyword("ProcessName")
STATUS = SearchAttributeKey.for_keyword("ProcessStatus")
PLAN = SearchAttributeKey.for_keyword("CustomerPlan")
TRIGGER = SearchAttributeKey.for_keyword("TriggerType")
SUBJECT = SearchAttributeKey.for_keyword("ProcessSubject")
"""What a run is about: a campaign, the service that an incident is at."""
SEVERITY = SearchAttributeKey.for_int("IncidentSeverity")
DEAD_LETTER_QUEUE = SearchAttributeKey.for_keyword("DeadLetterQueue")
PENDING_ASSIGNEES = SearchAttributeKey.for_keyword_list("PendingAssignees")
PENDING_UNTIL = SearchAttributeKey.for_datetime("PendingUntil")

DEFINITION_ID = SearchAttributeKey.for_keyword("DefinitionId")
DEFINITION_VERSION = SearchAttributeKey.for_keyword("DefinitionVersion")
DEFINITION_HASH = SearchAttributeKey.for_keyword("DefinitionHash")
AWAITED_EVENTS = SearchAttributeKey.for_keyword_list("AwaitedEvents")

SEARCH_ATTRIBUTES = (
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
    labels: Callable[[RequestT], Mapping[SearchAttributeKey[str], str]]
    """Search attributes that a request sets, beside those that every process sets."""
    dead_letter_queue: str

    @property
    def queue(self) -> str:
        return self.name

    def workflow_id(self, request: RequestT, salt: bytes) -> str:
        return f"{self.name}/{self.key(request, salt)}"

    def attributes(self, request: RequestT) -> dict[SearchAttributeKey[str], str]:
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
