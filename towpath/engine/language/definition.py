"""The document: its header, triggers, inputs, error handling, monitoring and tests. Steps are read by `reading`."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from towpath.engine.language.http_step import ApiDocument
from towpath.engine.language.model import (
    ENDPOINT,
    Condition,
    Duration,
    Entries,
    Kebab,
    Model,
    Name,
    Template,
    Templates,
    Text,
    Version,
    is_left_out,
)
from towpath.engine.language.steps import CallLimits, CancelOn, JsonSchema, Retry


class WebhookTrigger(Model):
    type: Literal["webhook"]
    endpoint: Annotated[str, Field(pattern=ENDPOINT)]
    verify: Literal["standard-webhooks", "hmac", "github", "slack", "stripe"] | None = None
    dedup: Template | None = None
    filter: Condition | None = None
    inputs: dict[Name, Templates] | None = None


class TriggerForEach(Model):
    """One run an item: of a list, or of the answer of an operation of a service."""

    in_: Templates = Field(default=None, alias="in")
    service: Text | None = None
    method: Text | None = None
    params: dict[str, Templates] = {}
    items: Template | None = None
    as_: Name = Field(default="item", alias="as")


class ScheduleTrigger(Model):
    type: Literal["schedule"]
    cron: Annotated[str, Field(max_length=200)]
    timezone: Annotated[str, Field(max_length=64)] = "UTC"
    overlap: Literal["skip", "buffer-one", "buffer-all", "cancel-other", "terminate-other", "allow-all"] = "skip"
    catchup: Duration = "1h"
    jitter: Duration = "0s"
    inputs: dict[Name, Templates] | None = None
    for_each: TriggerForEach | None = None


class EventTrigger(Model):
    type: Literal["event"]
    source: Annotated[str, Field(min_length=1, max_length=200)]
    filter: Condition | None = None
    correlate: Template | None = None
    inputs: dict[Name, Templates] | None = None


TRIGGERS: dict[str, type[Model]] = {"webhook": WebhookTrigger, "schedule": ScheduleTrigger, "event": EventTrigger}
Trigger = WebhookTrigger | ScheduleTrigger | EventTrigger


class Notification(Model):
    type: Literal["notification", "notify"]
    target: Text
    message: Template = ""


class Queue(Model):
    type: Literal["queue"]
    queue: Kebab


FALLBACKS: dict[str, type[Model]] = {"notification": Notification, "notify": Notification, "queue": Queue}


class ErrorHandling(Model):
    """`fallback` runs in order when the run fails, after what was done is undone."""

    retry: Retry = Retry()
    fallback: list[dict[str, Any]] = []


class AlertRule(Model):
    """`execution_time > 300s` fires while the run goes on."""

    condition: Condition
    channel: Text
    message: Template = ""


class Monitoring(Model):
    metrics: list[Literal["execution_time", "success_rate", "step_duration"]] = []
    alerts: Annotated[list[AlertRule], Field(max_length=20)] = []


class RunBudget(Model):
    """Ceiling over the Claude steps of a run, checked before each call."""

    usd: Annotated[float, Field(gt=0, le=10_000, strict=False)] = 1.0
    tokens: Annotated[int, Field(gt=0, le=100_000_000)] = 200_000


class CaseDecision(Model):
    """What a person says of a human task, so long after it was opened. Of a wait-any, `task` names the choice."""

    by: Text
    verdict: Literal["approve", "reject"] = "approve"
    after: Duration = "0s"
    reason: Text = ""
    data: dict[str, Any] = {}
    task: Text | None = None


class CaseCall(Model):
    """How a call that belongs to a step ends: its check, or its compensation."""

    output: Any = None
    fail: Text | None = None


class CaseCost(Model):
    """What one answer of Claude costs."""

    usd: Annotated[float, Field(ge=0, le=10_000, strict=False)] = 0.0
    tokens: Annotated[int, Field(ge=0, le=100_000_000)] = 0


class CaseAnswer(Model):
    """What a step answers in a test: an output, a failure by its code, a time-out, or what people decide. A list is one
    for each call: of its attempts, its items, its polls. `cached`: an earlier run left the output.
    """

    output: Any = None
    fail: Text | None = None
    timeout: bool = False
    after: Duration | None = None
    cached: bool = False
    cost: CaseCost | None = None
    decisions: list[CaseDecision] | None = None
    channels: dict[str, Text] = {}
    """Failure codes of single channels of a multi-channel step."""
    check: CaseCall | None = None
    undo: CaseCall | None = None


class CaseEvent(Model):
    """An event that arrives in a test, after so much time."""

    event: Text
    after: Duration = "0s"
    subject: Text = ""
    data: dict[str, Any] = {}


class CaseOperation(Model):
    """What an operator does to the run, after so much time: exactly one of its verbs."""

    after: Duration = "0s"
    skip: Text | None = None
    set_output: Text | None = None
    output: Any = None
    cancel: bool = False
    pause: bool = False
    resume: bool = False
    by: Text = "operator"
    reason: Text = "in a test"

    @model_validator(mode="after")
    def _has_one_verb(self) -> Self:
        verbs = (self.skip is not None, self.set_output is not None, self.cancel, self.pause, self.resume)
        if sum(verbs) != 1:
            raise ValueError("an operation has exactly one of skip, set_output, cancel, pause, resume")
        return self


class Expectation(Model):
    """`steps` maps ids to states; `outputs` and `output` are compared whole where given; the lists in order."""

    status: Literal["completed", "failed", "rejected", "cancelled"] = "completed"
    failure: Text | None = None
    steps: dict[str, Literal["completed", "failed", "skipped", "cancelled", "undone", "pending"]] = {}
    outputs: dict[str, Any] | None = None
    output: Any = None
    undone: list[str] | None = None
    not_undone: list[str] | None = None
    calls: list[str] | None = None
    told: list[str] | None = None
    chosen: dict[str, str] = {}


class DefinitionTest(Model):
    """One test of the definition: inputs and answers in, states and outputs out. `teams` says who belongs to which."""

    name: Text
    inputs: dict[str, Any] = {}
    now: Text = "2026-01-01T00:00:00Z"
    teams: dict[Text, list[Text]] = {}
    answers: dict[str, CaseAnswer | list[CaseAnswer]] = {}
    events: list[CaseEvent] = []
    operations: list[CaseOperation] = []
    expect: Expectation = Expectation()


class Header(Model):
    """The document, without its steps."""

    id: Kebab
    version: Version
    name: Text = ""
    description: Text = ""
    triggers: list[dict[str, Any]] = []
    inputs: dict[Name, JsonSchema] = {}
    steps: Entries
    outputs: dict[Name, Templates] | None = None
    output: Templates = Field(default=None, exclude_if=is_left_out)
    """Instead of named outputs one value, of any kind, that the whole run gives."""
    documents: Annotated[dict[Kebab, ApiDocument], Field(max_length=20)] = {}
    error_handling: ErrorHandling = ErrorHandling()
    monitoring: Monitoring = Monitoring()
    cancel_on: CancelOn | None = None
    limits: CallLimits | None = Field(default=None, exclude_if=is_left_out)
    budget: RunBudget = RunBudget()
    tests: list[DefinitionTest] = []

    @field_validator("inputs")
    @classmethod
    def _read_required(cls, inputs: dict[str, JsonSchema]) -> dict[str, JsonSchema]:
        """`required: false` of an input, as other tools write it, is no keyword of JSON Schema: it becomes our own."""
        return {name: _with_own_keyword(schema) for name, schema in inputs.items()}


def _with_own_keyword(schema: JsonSchema) -> JsonSchema:
    if not isinstance(schema.get("required"), bool):
        return schema
    rest = {name: value for name, value in schema.items() if name != "required"}
    return rest if schema["required"] else {**rest, "x-optional": True}
