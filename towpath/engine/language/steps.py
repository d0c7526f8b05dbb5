"""One model for each type of step: what its `config` holds. What they mean is in docs/definitions.md."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from towpath.engine.language.emission import EmitConfig
from towpath.engine.language.http_step import HttpConfig, OpenApiConfig
from towpath.engine.language.model import (
    Condition,
    Count,
    Duration,
    Entries,
    Kebab,
    Model,
    Name,
    Percent,
    StepId,
    Template,
    Templates,
    Text,
    Version,
    is_empty,
    is_left_out,
)

JsonSchema = Annotated[dict[str, Any], Field(json_schema_extra={"x-json-schema": True})]
MOST_VISITS = 1_000
"""So often a cycle goes through its steps at most: a run keeps what each visit gave."""


class ClaudeConfig(Model):
    """A question to Claude. What a template brings into `prompt` is marked as data; `input` is sent beside it."""

    prompt: Template
    system: Text = ""
    model: Text = "default"
    input: Templates = None
    output_schema: JsonSchema | None = None
    max_tokens: Annotated[int, Field(ge=1, le=64_000)] = 4096
    effort: Literal["low", "medium", "high"] = "low"
    web_search: bool = False


class FunctionConfig(Model):
    """A registered function. `params` are checked against its signature."""

    handler: Text
    params: dict[str, Templates] = {}


class ApiConfig(Model):
    """An operation of a service: `method` is the operationId in the service's OpenAPI document."""

    service: Text
    method: Text
    params: dict[str, Templates] = {}


class Case(Model):
    """One way out of a switch."""

    case: Condition
    do: Entries


class ConditionConfig(Model):
    """`if` with `then` and `else`, or `switch` with `default`."""

    if_: Condition | None = Field(default=None, alias="if")
    then: Entries | None = None
    else_: Entries | None = Field(default=None, alias="else")
    switch: list[Case] | None = None
    default: Entries | None = None


class Escalation(Model):
    """After how long the task goes to whom as well."""

    after: Duration
    to: Text


class HumanTaskConfig(Model):
    """A decision by a person of the team `assignee`."""

    assignee: Template
    candidates: list[Text] = []
    title: Template = ""
    instructions: Template = ""
    form: JsonSchema | None = None
    deadline: Duration = "24h"
    remind: list[Duration] = []
    escalate: list[Escalation] = []
    on_timeout: Literal["fail", "approve", "reject", "escalate"] = "fail"
    quorum: Annotated[int, Field(ge=1, le=20)] = 1
    exclude: list[Template] = []
    on_reject: Literal["stop", "continue"] = "stop"
    enabled_while: Condition | None = Field(default=None, exclude_if=is_left_out)
    optional: Annotated[bool, Field(exclude_if=is_empty)] = False
    repeatable: Annotated[bool, Field(exclude_if=is_empty)] = False


class EmailChannel(Model):
    to: Template
    template: Text = "plain"
    language: Template = "en"
    subject: Template = ""
    data: Templates = None


class SlackChannel(Model):
    channel: Template
    message: Template


class CrmChannel(Model):
    action: Text
    status: Template
    reference: Template = "{{ run.key }}"
    fields: dict[str, Templates] = {}


class NotifyChannel(Model):
    """Exactly one of them."""

    email: EmailChannel | None = None
    slack: SlackChannel | None = None
    crm: CrmChannel | None = None

    @property
    def name(self) -> str:
        return next((name for name in ("email", "slack", "crm") if getattr(self, name) is not None), "")


class MultiChannelConfig(Model):
    """One message to each channel; `require` says which must be delivered."""

    channels: Annotated[list[NotifyChannel], Field(min_length=1, max_length=20)]
    require: Literal["all", "any", "none"] | list[Text] = "all"


class WaitConfig(Model):
    """One of: for a time, until a moment, for an event."""

    for_: Duration | None = Field(default=None, alias="for")
    until: Template | None = None
    event: Text | None = None
    correlate: Template | None = None
    filter: Condition | None = None
    within: Duration | None = None
    on_timeout: Literal["fail", "continue"] = "fail"


class Choice(Model):
    """One of: an event, a time, a human task."""

    event: Text | None = None
    correlate: Template | None = None
    filter: Condition | None = None
    after: Duration | None = None
    human_task: HumanTaskConfig | None = Field(default=None, alias="human-task")


class WaitAnyConfig(Model):
    """The first that comes is chosen; the others are withdrawn."""

    on: Annotated[dict[Name | StepId, Choice], Field(min_length=1, max_length=20)]


class WorkflowConfig(Model):
    """A run of another published definition."""

    id: Kebab
    version: Version | None = None
    inputs: dict[str, Templates] = {}
    wait: bool = True


class NotifyConfig(Model):
    target: Text
    title: Template = ""
    message: Template = ""


class QueueConfig(Model):
    queue: Kebab


class RaiseConfig(Model):
    """An error of the definition's own, in the words of RFC 9457."""

    type: Template = "about:blank"
    status: Template | Annotated[int, Field(ge=100, le=599)] | None = None
    title: Template = ""
    detail: Template = ""


CONFIGS: Mapping[str, type[Model] | None] = {
    "http": HttpConfig,
    "claude": ClaudeConfig,
    "function": FunctionConfig,
    "api": ApiConfig,
    "openapi": OpenApiConfig,
    "condition": ConditionConfig,
    "human-task": HumanTaskConfig,
    "multi-channel": MultiChannelConfig,
    "wait": WaitConfig,
    "wait-any": WaitAnyConfig,
    "workflow": WorkflowConfig,
    "set": None,
    "notify": NotifyConfig,
    "queue": QueueConfig,
    "raise": RaiseConfig,
    "emit": EmitConfig,
}
"""By step type; `set` takes any names."""


RETIRED: Mapping[str, Mapping[str, str]] = {
    "claude": {"temperature": "leave it out: effort (low, medium, high) says how much thought goes into an answer"}
}
"""Fields of a config that the language had, by step type, and what to do instead. Stored runs may hold them."""


class StepCall(Model):
    """A step without an id: how another one is undone."""

    type: Literal["http", "api", "openapi", "function"]
    config: dict[str, Any]
    timeout: Duration | None = None


class OutcomeCheck(StepCall):
    """Asked when the outcome of a step is unknown: `done` on its `output` tells whether the effect happened."""

    done: Condition


class Retry(Model):
    """`retry_on` and `no_retry_on` hold failure codes, statuses (429) or classes of them (5xx)."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    backoff: Literal["exponential", "fixed"] = "exponential"
    initial: Duration = "2s"
    max: Duration = "1m"
    retry_on: list[str | int] = []
    no_retry_on: list[str | int] = []


class ForEach(Model):
    """Once for each item, at most `concurrency` at a time; results in the order of the items.

    With `on_event` the items are events as they come, up to the one for which `until` is true, which only closes.
    """

    in_: Templates = Field(default=None, alias="in")
    times: Annotated[int, Field(ge=0, le=100_000)] | None = None
    on_event: Text | None = None
    correlate: Template | None = None
    filter: Condition | None = None
    until: Condition | None = None
    within: Duration | None = None
    as_: Name = Field(default="item", alias="as")
    concurrency: Count = 10
    on_item_error: Literal["fail", "collect"] = "fail"
    max_failures: Percent | None = None


class Cache(Model):
    """Reuse a completed output with the same key, for `ttl`."""

    key: Templates
    ttl: Duration = "1h"


class CancelOn(Model):
    """An event that cancels."""

    event: Text
    correlate: Template | None = None
    filter: Condition | None = None


class CallLimits(Model):
    """Calls of one `key` take turns with those of others, where the service or the connection has limits."""

    key: Template


class CaughtError(Model):
    """Which errors: all that is given must be so. `status` is one, or a class of them like 5xx."""

    type: Text | None = None
    status: Annotated[int, Field(ge=100, le=599)] | Annotated[str, Field(pattern=r"^[1-5]xx$")] | None = None
    code: Text | None = None


class Catch(Model):
    """What is done about an error of the step, or of one in the group; `as` is the error as data, for what is done.

    With `retry`, the step is done again first, so often and after such waits.
    """

    on: CaughtError = CaughtError()
    as_: Name | None = Field(default=None, alias="as")
    retry: Retry | None = Field(default=None, exclude_if=is_empty)
    do: Entries = []


class JoinCount(Model):
    count: Count


class OnErrorDefault(Model):
    """The step counts as completed with this output."""

    default: Templates


Join = Literal["all", "any"] | JoinCount


class Step(Model):
    """A step; its `config` is read by its type."""

    id: StepId
    type: str
    config: dict[str, Any] = {}
    when: Condition | bool | None = None
    needs: list[StepId] | None = None
    join: Join = "all"
    timeout: Duration | None = None
    retry: Retry | None = None
    on_error: Literal["fail", "continue"] | OnErrorDefault = "fail"
    catch: Annotated[list[Catch], Field(max_length=20, exclude_if=is_empty)] = []
    compensate: StepCall | None = None
    check: OutcomeCheck | None = None
    for_each: ForEach | None = None
    cache: Cache | None = None
    select: list[Text] = []
    cancel_on: CancelOn | None = None
    limits: CallLimits | None = Field(default=None, exclude_if=is_left_out)
    back_to: StepId | None = Field(default=None, exclude_if=is_left_out)
    max: Annotated[int, Field(ge=2, le=MOST_VISITS)] | None = Field(default=None, exclude_if=is_left_out)
    exhausted: StepId | None = Field(default=None, exclude_if=is_left_out)
    description: Text = ""


class Group(Model):
    """Members that start together."""

    parallel: Entries
    id: StepId | None = None
    join: Join = "all"
    losers: Literal["cancel", "let-run"] = "cancel"
    on_error: Literal["finish", "cancel"] = "finish"
    max_concurrency: Count | None = None
    each_done: Annotated[Entries, Field(exclude_if=is_empty)] = []
    catch: Annotated[list[Catch], Field(max_length=20, exclude_if=is_empty)] = []
    for_each: ForEach | None = Field(default=None, exclude_if=is_left_out)
    description: Text = ""


EACH_GROUP = "each-group"
"""Type of the step that stands for a group with `for_each` in a plan that is run; no document can write it."""


class EachGroupConfig(Model):
    """The group as it is written: what is done for each item."""

    group: dict[str, Any]
