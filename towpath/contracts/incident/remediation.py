"""What may be done about an incident: the catalogue of actions, the plan made from it, and what became of each."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, cast

from pydantic import Field, JsonValue, StringConstraints, field_validator

from towpath.contracts.core.claude import Provenance
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.review import DecidedReview
from towpath.contracts.core.signed import Signed
from towpath.contracts.core.wire import ActivityResult, EffectKey, Wire
from towpath.contracts.incident.investigation import Hypothesis, TimeWindow

ActionId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]


class ActionParameter(Wire):
    """A parameter of an action: one of `choices`, or a member of the inventory that the worker knows."""

    name: str
    choices: tuple[str, ...] = ()
    inventory: Literal["", "service", "deployment", "previous-version", "instance"] = ""
    type: Literal["string", "integer"] = "string"
    """How the value is sent; plans and records hold it as text."""
    description: str = ""


class ActionStep(Wire):
    """What an action does: an operation of a service by its OpenAPI document, or a registered function with an effect.

    `{name}` in a param is a parameter of the action.
    """

    service: str = ""
    operation: str = ""
    function: str = ""
    params: dict[str, JsonValue] = {}


class Verify(Wire):
    """How an action is judged: `condition` over `metrics.NAME` must hold for `hold`, within `within`."""

    condition: str
    every: timedelta = timedelta(seconds=15)
    hold: timedelta = timedelta(minutes=1)
    within: timedelta = timedelta(minutes=5)


class CatalogueAction(Wire):
    """One entry of definitions/actions: all that may be done to a running system, and under which conditions."""

    id: ActionId
    title: str
    description: str = ""
    categories: tuple[str, ...] = ()
    """Categories of hypotheses that it may answer."""
    parameters: tuple[ActionParameter, ...] = ()
    precondition: str | None = None
    apply: ActionStep
    verify: Verify | None = None
    rollback: ActionStep | None = None
    timeout: timedelta = timedelta(minutes=2)
    blast_radius: Literal["instance", "service", "platform"]
    max_per_hour: int = Field(ge=1, le=100)
    approval: Literal["auto", "needed"] = "needed"
    executor: str = "platform"


class MetricQuery(Wire):
    """One metric by name: `query` is PromQL with `$service` for the service's name, which is checked before.

    `healthy` is the condition over `metrics.NAME` under which the service is well, as a success criterion. A metric
    without one cannot be a criterion.
    """

    name: str
    title: str
    query: str
    unit: str = ""
    healthy: str = ""
    required: bool = False
    """Whether it is among the success criteria of every incident, whatever a plan chooses."""


class ActionCatalogue(ActivityResult):
    """Actions, metrics and inventory as the worker's files have them, pinned for the run. `digest` names them all."""

    actions: tuple[CatalogueAction, ...] = ()
    metrics: tuple[MetricQuery, ...] = ()
    services: tuple[str, ...] = ()
    instances: dict[str, tuple[str, ...]] = {}
    digest: str = ""


class LoadCatalogue(Wire):
    """Ask for the catalogue of this worker's files."""


class OfferedAction(Wire):
    """An action as Claude may choose it: its parameters with the values that are allowed now."""

    id: str
    title: str
    description: str
    categories: tuple[str, ...]
    parameters: dict[str, tuple[str, ...]]
    approval: str
    blast_radius: str


class ActionPlanTask(Wire):
    """Input of the action plan."""

    service: str
    severity: int
    hypotheses: tuple[Hypothesis, ...]
    actions: tuple[OfferedAction, ...]
    metrics: tuple[str, ...]


class ChosenValue(Wire):
    name: str
    value: str = Field(description="one of the values that the action allows for it")


class ChosenAction(Wire):
    """Parameters are a list: the API's strict schemas know no object with names of its own."""

    action: str = Field(description="id of an offered action")
    parameters: list[ChosenValue] = Field(description="each parameter of the action, once")
    reason: str

    @field_validator("parameters", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        """Answers that lie in older histories have an object here."""
        if not isinstance(given, dict):
            return given
        named = cast("dict[object, object]", given)
        return [{"name": name, "value": value} for name, value in named.items()]

    @property
    def values(self) -> dict[str, str] | None:
        """The parameters by name; None when one is given twice."""
        given = {one.name: one.value for one in self.parameters}
        return given if len(given) == len(self.parameters) else None


class PlanAnswer(Wire):
    immediate: list[ChosenAction] = Field(description="in order, at most four; empty when nothing offered fits")
    follow_up: list[str] = Field(description="tasks for people, at most six")
    success_criteria: list[str] = Field(description="names of the metrics to watch")
    watch_minutes: int = Field(description="how long to watch them, 1 to 60")


class PlannedAction(Wire):
    """An action that passed the checks: everything in it is from the catalogue and the inventory."""

    number: int
    action: CatalogueAction
    parameters: dict[str, str] = {}
    reason: str = ""
    needs_approval: bool
    approval_reason: str = ""


class ActionPlan(Wire):
    """`refused` says for each choice that was not taken over why it was not."""

    immediate: tuple[PlannedAction, ...] = ()
    follow_up: tuple[str, ...] = ()
    watched_metrics: tuple[str, ...] = ()
    watch: timedelta = timedelta(minutes=10)
    refused: tuple[str, ...] = ()
    provenance: Provenance | None = None


class ActionState(StrEnum):
    PLANNED = "planned"
    WAITING = "waiting-for-approval"
    RUNNING = "running"
    VERIFIED = "verified"
    APPLIED = "applied"
    """Applied, and it has no way to be verified."""
    NOT_NEEDED = "not-needed"
    """Its precondition did not hold."""
    REFUSED = "refused"
    """By a person, the kill switch, or its limit an hour."""
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    ROLLBACK_FAILED = "rollback-failed"


class ActionRecord(Wire):
    number: int
    action: str
    title: str
    parameters: dict[str, str] = {}
    state: ActionState
    started_at: datetime | None = None
    ended_at: datetime | None = None
    note: str = ""
    decision: DecidedReview | None = None
    failure: Failure | None = None


class FetchMetrics(Wire):
    """Ask for the course of some metrics over a window."""

    window: TimeWindow
    metrics: tuple[MetricQuery, ...]


class ReadMetrics(Wire):
    """Ask for the present values of some metrics."""

    service: str
    metrics: tuple[MetricQuery, ...]
    key: EffectKey


class MetricValues(ActivityResult):
    """`values` holds what the server knows now; a metric without data is not in it."""

    values: dict[str, float] = {}


class ReserveAction(Wire):
    """Ask for one run of an action under its limit an hour. The same `key` is one reservation.

    Of a `target` it is the only one, over all incidents, until it is settled or its `lease` is over.
    """

    action: str
    max_per_hour: int
    key: EffectKey
    target: str = ""
    incident: str = ""
    lease: timedelta = timedelta(hours=1)


class SettleAction(Wire):
    """What became of a reservation: its target is free again. `verified` is None where nothing was learnt of it."""

    key: EffectKey
    verified: bool | None = None


class ActionReservation(ActivityResult):
    """`allowed` is False when the limit is reached or the kill switch is on; `reason` says which."""

    allowed: bool
    reason: str = ""


class KillSwitch(Wire):
    """State of the switch that stops all remediation. `on` means that nothing may be done."""

    on: bool
    by: str = ""
    reason: str = ""
    at: datetime | None = None


class ReadSwitch(Wire):
    """Ask for the kill switch as it stands now."""


class ActionUses(Wire):
    """How the last uses of an action that were judged ended, and how often it ran in the last hour."""

    judged: int = 0
    verified: int = 0
    last_hour: int = 0


class SwitchState(ActivityResult):
    """The kill switch, and what the record knows of actions and of targets that are being worked on."""

    switch: KillSwitch
    uses: dict[str, ActionUses] = {}
    busy: dict[str, str] = {}
    """For each target the incident that acts on it."""


REMEDIATION_CONTROL = "remediation-control"
"""Temporal type and id of the one record that guards all remediation."""


class SetSwitch(Signed):
    """Updates `switch_on` and `switch_off`: who moves the kill switch, and why."""

    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ReservedAction(Wire):
    action: str
    key: EffectKey
    at: datetime
    target: str = ""
    incident: str = ""
    until: datetime | None = None
    """Until when its target is its own; None once it is settled, or was never held."""


class ControlRecord(Wire):
    """State of the record: the switch, who moved it lately, and the reservations of the last hour."""

    switch: KillSwitch = KillSwitch(on=False)
    moves: tuple[KillSwitch, ...] = ()
    reservations: tuple[ReservedAction, ...] = ()
    outcomes: dict[str, tuple[bool, ...]] = {}
    """For each action whether its last uses that were judged were verified, the latest at the end."""
