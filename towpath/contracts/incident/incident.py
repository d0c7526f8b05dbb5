"""Incident response: what begins it, how severe it is, who was called, and how it ends."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.claude import Budget
from towpath.contracts.core.review import ReviewPolicy
from towpath.contracts.core.run import Cost, Discard, StepRecord
from towpath.contracts.core.signed import Signed
from towpath.contracts.core.text import Line
from towpath.contracts.core.wire import ActivityResult, EffectKey, JsonObject, Wire
from towpath.contracts.incident.alerts import AlertBatch, AlertGroup, AlertStatus
from towpath.contracts.incident.investigation import (
    Diagnosis,
    IncidentContext,
    InitialAnalysis,
    LogFindings,
    MetricFindings,
    SimilarIncident,
)
from towpath.contracts.incident.remediation import ActionCatalogue, ActionPlan, ActionRecord


class IncidentRequest(Signed):
    """Input of the workflow `incident-response`. The alerts themselves come by the signal `alerts`.

    `carried` is what came while the episode before was ending: it begins this one.
    """

    group_key: str
    labels: dict[Line, Line] = {}
    service: Line = ""
    subject: str = ""
    """The service's name where the inventory has it, for lists of runs: labels of alerts are anybody's words."""
    budget: Budget = Budget()
    review: ReviewPolicy = ReviewPolicy(
        team="operations", escalate_to="operations-leads", deadline=timedelta(minutes=30)
    )
    acknowledge_within: timedelta = timedelta(minutes=5)
    """Each level of the on-call chain has so long to acknowledge."""
    window: timedelta = timedelta(minutes=15)
    settle: timedelta = timedelta(minutes=5)
    """How long after the success criteria held the run waits for the alerts to be resolved as well."""
    hold_open: timedelta = timedelta(hours=24)
    """How long an incident that people have taken over stays open for its alerts to be resolved."""
    carried: tuple[AlertBatch, ...] = ()
    episode: str = ""
    """Names the incident in every effect key. Empty: the id of the first run."""
    resume: "IncidentProgress | None" = None
    """State of a run that continues as new in the middle of an incident."""
    discard: Discard | None = None
    """Takes a failed run out of its queue: this run does nothing else."""


class Severity(Wire):
    """`level` 1 to 5. Rules are the floor: Claude may raise it and never lower it."""

    level: int
    floor: int
    reasons: tuple[str, ...]
    raised_by_claude: bool = False
    auto_remediable: bool = False
    auto_reason: str = ""


class PageRequest(Wire):
    """A PagerDuty event (Events API v2). `key` is its dedup_key: a page sent twice is one page."""

    summary: Line
    severity: Literal["critical", "error", "warning", "info"]
    source: Line
    level: int
    """Of the on-call chain, from 1."""
    details: JsonObject = {}
    link: str = ""
    key: EffectKey


class PageChange(Wire):
    """Of a page that was sent with the same key and level."""

    action: Literal["acknowledge", "resolve"]
    level: int = 1
    key: EffectKey


class Paged(ActivityResult):
    dedup_key: str


class Acknowledge(Signed):
    """Update `acknowledge`: somebody takes the incident."""

    by: Line
    note: Line = ""


class Acknowledged(Wire):
    by: Line
    at: datetime
    level: int
    note: Line = ""


class TimelineEntry(Wire):
    at: datetime
    what: Line


class IncidentOutcome(StrEnum):
    RESOLVED = "resolved"
    """The alerts are resolved, or the success criteria held for their time."""
    HANDED_OVER = "handed-over"
    """People were paged and told everything; the alerts still fire."""
    FALSE_ALARM = "resolved-by-itself"
    """The alerts were resolved before anything was done."""
    DISCARDED = "discarded"
    """Taken out of its queue by a person: nothing else was done."""


class FollowUp(Wire):
    """A task for people, filed once. `tracker_id` is the tracker's id of it, empty where it could not be filed."""

    title: str
    tracker_id: str = ""


class IncidentRecord(Wire):
    """An incident as the archive keeps it, for those to come."""

    incident_id: str
    fingerprint: str
    service: str
    at: datetime
    ended_at: datetime
    level: int
    summary: str
    cause: str = ""
    resolution: str = ""
    terms: tuple[str, ...] = ()


class ArchiveIncident(Wire):
    record: IncidentRecord
    post_mortem: str
    key: EffectKey


class Archived(ActivityResult):
    artefact: Artefact


class KnownAlert(Wire):
    """The latest news of one alert."""

    status: AlertStatus
    starts_at: datetime
    moment: datetime | None = None
    """When it was so: its start, or its end, never later than it was heard."""


class AlertMemory(Wire):
    """What a run remembers of its alerts: the group as people see it, and the latest of each by fingerprint."""

    group: AlertGroup
    known: dict[str, KnownAlert] = {}
    truncated: int = 0
    """Alerts that the sender left out of its latest delivery."""
    truncated_at: datetime | None = None
    uncounted: int = 0
    """Alerts that fire beyond those that are told apart."""


class OpenPage(Wire):
    level: int
    key: EffectKey


class OnCallPaging(Wire):
    """How far the on-call chain has come. `level` 0: nobody was called yet."""

    level: int = 0
    due_at: datetime | None = None
    """When the next level is called, if nobody acknowledges."""
    pages: tuple[OpenPage, ...] = ()
    acknowledged: Acknowledged | None = None


class IncidentResult(Wire):
    """How an incident ended. `post_mortem` is a draft made from the record alone."""

    outcome: IncidentOutcome
    service: str
    group: AlertGroup
    severity: Severity
    analysis: InitialAnalysis | None = None
    diagnosis: Diagnosis | None = None
    plan: ActionPlan | None = None
    actions: tuple[ActionRecord, ...] = ()
    acknowledged: Acknowledged | None = None
    follow_ups: tuple[FollowUp, ...] = ()
    similar: tuple[SimilarIncident, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    post_mortem: Artefact | None = None
    degraded: dict[str, str] = {}
    cost: Cost = Cost()


class IncidentView(Wire):
    """What the query `incident` answers while it goes on."""

    service: str
    group: AlertGroup
    severity: Severity | None = None
    analysis: InitialAnalysis | None = None
    context: IncidentContext | None = None
    diagnosis: Diagnosis | None = None
    plan: ActionPlan | None = None
    actions: tuple[ActionRecord, ...] = ()
    paging: OnCallPaging = OnCallPaging()
    timeline: tuple[TimelineEntry, ...] = ()
    degraded: dict[str, str] = {}


class IncidentProgress(Wire):
    """All that a run knows, between two steps: what it continues as new with, and what its record is made of."""

    alerts: AlertMemory
    service: str
    started_at: datetime
    catalogue: ActionCatalogue = ActionCatalogue()
    severity: Severity | None = None
    logs: LogFindings | None = None
    metrics: MetricFindings | None = None
    analysis: InitialAnalysis | None = None
    context: IncidentContext | None = None
    diagnosis: Diagnosis | None = None
    plan: ActionPlan | None = None
    actions: tuple[ActionRecord, ...] = ()
    paging: OnCallPaging = OnCallPaging()
    timeline: tuple[TimelineEntry, ...] = ()
    degraded: dict[str, str] = {}
    steps: tuple[StepRecord, ...] = ()
    cost: Cost = Cost()
    handed_over_at: datetime | None = None
    """Since when people have it; None while the run itself still watches."""


class IncidentFailure(Wire):
    """Second detail of a failed run, after its DeadLetter: what a redrive starts with."""

    request: IncidentRequest


IncidentRequest.model_rebuild()
