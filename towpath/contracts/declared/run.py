"""Runs of definitions: what starts one, what it answers, and the messages that operate it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import JsonValue, SerializerFunctionWrapHandler, model_serializer

from towpath.contracts.core.claude import Budget
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.run import Cost, Discard
from towpath.contracts.core.signed import Signed
from towpath.contracts.core.wire import ActivityResult, EffectKey, JsonObject, Wire
from towpath.contracts.declared.references import SecretPlace
from towpath.contracts.declared.within import Left, Sending, Within

DECLARED = "declared"
"""Temporal type and task queue of every run of a definition."""
CACHED_OUTPUT = "cached-output"
"""Temporal type of the runs that hold one output for a time."""
ITEMS = "declared-items"
"""Temporal type of the runs that do a part of a large for_each."""
LISTED_RECEIVERS = 50
"""So many runs, and problems, are named; all of them are counted."""


class CloudEvent(Wire):
    """A CloudEvents 1.0 event in its JSON format. `subject` is what waiting runs correlate with."""

    id: str
    type: str
    source: str = "towpath"
    specversion: str = "1.0"
    subject: str = ""
    time: datetime | None = None
    datacontenttype: str = "application/json"
    data: JsonValue = None


class Edit(Signed):
    """A change of one step by hand: who made it and why is kept."""

    step: str
    by: str
    reason: str
    value: JsonValue = None


class PauseRequest(Signed):
    by: str
    reason: str = ""


class KeptItems(Wire):
    """Items of a for_each that were done in a run that failed, or was cut off: the run that goes on does the others.

    `results` belong to the indexes of `done`, which holds a first and a last one each; `digest` is of what the items
    are made of.
    """

    count: int
    done: tuple[tuple[int, int], ...]
    results: tuple[JsonValue, ...]
    digest: str
    events: tuple[CloudEvent, ...] = ()
    """All that came, of a for_each over events; `closed` says what closed it."""
    closed: str = ""


class DeclaredRequest(Signed):
    """Input of the workflow `declared`. The whole definition travels with it, so an edit never touches this run.

    `digest` is the SHA-256 of the definition's canonical JSON. `secrets` are the names that it may refer to. `seed`
    are outputs of steps that an earlier run completed; `resume` is the state of a run that continues as new.
    """

    definition: JsonObject
    digest: str
    inputs: JsonObject = {}
    trigger: str = "manual"
    event: JsonValue = None
    events: tuple[str, ...] = ()
    """Marks of the events that started runs of this name before: none of them starts another one."""
    language: int = 1
    secrets: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()
    seed: JsonObject = {}
    redrive_of: str | None = None
    resume: JsonObject | None = None
    discard: Discard | None = None
    """Takes a failed run out of its queue: this run does nothing else."""
    input_templates: JsonObject = {}
    """Inputs that are evaluated when the run begins: those of a schedule trigger."""
    earlier: Sending | None = None
    """What an earlier part of this run sent, or the run that this one redrives."""
    items: dict[str, KeptItems] = {}
    """By step, of its for_each: what the run before did of it."""
    within: Within | None = None
    """This run does the members of a group for one item of another run, of which it is a child."""


class DeclaredOutcome(StrEnum):
    COMPLETED = "completed"
    REJECTED = "rejected"
    DISCARDED = "discarded"


class DeclaredResult(Wire):
    """How a run ended. `outputs` are the definition's; one that has `output` instead gives that, and no names."""

    outcome: DeclaredOutcome
    outputs: JsonObject = {}
    output: JsonValue = None
    definition: str = ""
    version: str = ""
    digest: str = ""
    cost: Cost = Cost()
    undone: tuple[str, ...] = ()
    discarded: Discard | None = None
    not_undone: tuple[str, ...] = ()
    """Steps of a rejected run whose effect stays, or may: somebody must look."""
    left: Left | None = None
    """Of a run that did an item of a group: what is to be undone when the run around it fails."""
    approvers: tuple[str, ...] | None = None
    """Of such a run: who may decide all that it asked people; None when it asked nobody."""

    @property
    def is_single(self) -> bool:
        """Whether the run gave one value: `output` stands in the result then, also when it is null."""
        return "output" in self.model_fields_set

    @property
    def given(self) -> JsonValue:
        """What the run gives to whoever started it."""
        return self.output if self.is_single else self.outputs

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `output` where the definition has none, and without what only an item tells: such results are what
        they always were.
        """
        found: dict[str, Any] = write(self)
        told = {"output": self.is_single, "left": self.left is not None, "approvers": self.approvers is not None}
        return {name: value for name, value in found.items() if told.get(name, True)}


class DeclaredFailure(Wire):
    """Second detail of a failed run, after its DeadLetter: what a redrive starts from."""

    request: DeclaredRequest
    completed: JsonObject = {}
    """Outputs of the steps that were completed and not undone."""
    sending: Sending | None = None
    items: dict[str, KeptItems] = {}
    """Of the steps that were not completed, or undone."""
    approvers: tuple[str, ...] | None = None
    """As in a result."""


class ServiceCall(Wire):
    """One operation of a service by its operationId, with flat parameters. `references` are paths within them."""

    service: str
    operation: str
    params: JsonObject = {}
    secrets: tuple[str, ...] = ()
    """Of calls of earlier versions, which held secrets among the parameters."""
    references: tuple[SecretPlace, ...] = ()
    select: tuple[str, ...] = ()
    key: EffectKey


class FunctionCall(Wire):
    """A registered function that has an effect. `references` are paths within its parameters."""

    handler: str
    params: JsonObject = {}
    secrets: tuple[str, ...] = ()
    """Of calls of earlier versions, which held secrets among the parameters."""
    references: tuple[SecretPlace, ...] = ()
    select: tuple[str, ...] = ()
    key: EffectKey


class CallAnswer(ActivityResult):
    value: JsonValue = None


class FindDefinition(Wire):
    """Which definition to run: the latest version when none is given. `check` says whether the inputs are there yet."""

    id: str
    version: str | None = None
    inputs: JsonObject = {}
    check: bool = True


class FoundDefinition(ActivityResult):
    """A request that starts a run of it."""

    request: DeclaredRequest


class LifecycleEvents(Wire):
    """Events of one run for the sinks of the installation, in order. Their ids are `run id:sequence number`."""

    sinks: tuple[str, ...]
    events: tuple[CloudEvent, ...]
    key: EffectKey


class EventsDelivered(ActivityResult):
    """How many events were delivered to how many sinks."""

    delivered: int = 0


class EmitEvent(Wire):
    """The id of the event is the effect key of the step: however often it is sent, it counts once."""

    event: CloudEvent


class EventReceivers(Wire):
    """Runs, counted; the first of them by id."""

    count: int = 0
    runs: tuple[str, ...] = ()

    @classmethod
    def of(cls, runs: list[str]) -> "EventReceivers":
        return cls(count=len(runs), runs=tuple(runs[:LISTED_RECEIVERS]))


class Emission(ActivityResult):
    """What became of an event. `problems` say why definitions that listen to it started no run."""

    delivered: EventReceivers = EventReceivers()
    started: EventReceivers = EventReceivers()
    problems: tuple[str, ...] = ()


class ItemsRequest(Wire):
    """Input of the workflow `declared-items`: a part of a for_each. `first` is the index of its first item.

    `names` are the roots that the step's expressions read; `owner` is the workflow id that effect keys are made of.
    """

    run: DeclaredRequest
    step: str
    names: JsonObject
    items: tuple[JsonValue, ...]
    first: int
    owner: str
    concurrency: int
    budget: Budget
    started_at: datetime | None = None
    """When the run began that this is a part of."""
    now: datetime | None = None
    """What `now()` is in what the items send; None in runs of earlier versions."""
    salt: str = ""
    variant: str = ""
    indexes: tuple[int, ...] = ()
    """Of the items, where they do not follow each other from `first`."""
    may_fail: int | None = None
    """Once more items failed, no other one begins. None in runs of earlier versions, which go by the policy alone."""
    visit: str = ""
    """What the step is called in a later visit of its cycle."""
    inside: dict[str, Sending] = {}
    """What runs of these items sent that failed in an earlier run, or were undone."""
    undo: dict[str, Left] = {}
    """By item of a group: the part undoes these, and does nothing else."""


class ItemsResult(Wire):
    """Results in the order of the items; a failed one is `{"error": …}` and counted. `failure` is the first.

    Items from the place `begun` on were not begun; `failed_at` are the places of those that failed.
    """

    results: tuple[JsonValue, ...]
    failed: int = 0
    failure: Failure | None = None
    cost: Cost = Cost()
    effects: bool = False
    """Whether an item has had an effect, or may have."""
    begun: int | None = None
    failed_at: tuple[int, ...] = ()
    inside: dict[str, Sending] = {}
    left: dict[str, Left] = {}
    undone: tuple[str, ...] = ()
    not_undone: tuple[str, ...] = ()
    asked: bool = True
    """Whether it is known who decides what the items ask people: `approvers`, or nobody was asked."""
    approvers: tuple[str, ...] | None = None


class CacheRead(Wire):
    """`place` is definition and step, `key` what the definition says: only together do they name an output."""

    place: str
    key: str


class CacheFound(ActivityResult):
    hit: bool
    value: JsonValue = None


class CacheWrite(CacheRead):
    value: JsonValue = None
    ttl_seconds: float


class Kept(ActivityResult):
    """`new` is False when the output was there already."""

    new: bool


class CachedOutput(Wire):
    """Input of the workflow `cached-output`, which holds one output for its time."""

    value: JsonValue
    ttl_seconds: float
