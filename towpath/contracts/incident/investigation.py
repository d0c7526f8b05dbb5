"""What is found out about an incident: logs, metrics, context, and the diagnosis that rests on them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.claude import Provenance
from towpath.contracts.core.wire import ActivityResult, EffectKey, JsonObject, Wire

Category = Literal[
    "deployment", "dependency", "capacity", "configuration", "certificate", "storage", "data", "network", "unknown"
]
"""Kinds of causes, by which hypotheses and actions find each other."""


class TimeWindow(Wire):
    """A service and a stretch of time: what logs, metrics and deployments are asked for."""

    service: str
    start: datetime
    end: datetime
    key: EffectKey


class LogLine(Wire):
    """`number` counts from 1 in the lines that were fetched, oldest first: what evidence points to."""

    number: int
    at: datetime
    level: str = ""
    text: str


class LogPattern(Wire):
    """Lines that differ only in their values. `<*>` stands for a value in `template`."""

    template: str
    count: int
    first_seen: datetime
    last_seen: datetime
    level: str
    lines: tuple[int, ...]
    """Numbers of up to ten of them."""


class LogFindings(ActivityResult):
    """What the log store gave for a window. All lines are in `artefact`; `sample` has those that patterns point to."""

    source: str
    lines: int = 0
    truncated: bool = False
    patterns: tuple[LogPattern, ...] = ()
    sample: tuple[LogLine, ...] = ()
    artefact: Artefact | None = None


class Series(Wire):
    """One time series of a metric over the window, in the metric's unit."""

    metric: str
    """Name in definitions/metrics.yaml."""
    title: str
    unit: str
    labels: dict[str, str] = {}
    first: float
    last: float
    minimum: float
    maximum: float
    mean: float
    baseline: float | None = None
    """Mean of the first third of the window."""
    change: float | None = None
    """`last` against `baseline`, as a ratio; None where the baseline is 0."""


class MetricFindings(ActivityResult):
    """`missing` names metrics for which the server had no data: unknown is unknown, never 0."""

    series: tuple[Series, ...] = ()
    missing: tuple[str, ...] = ()
    artefact: Artefact | None = None


class AnalysisTask(Wire):
    """Input of the initial analysis. Everything in it is data from outside."""

    service: str
    alerts: tuple[JsonObject, ...]
    patterns: tuple[LogPattern, ...]
    lines: tuple[LogLine, ...]
    metrics: tuple[Series, ...]
    missing_metrics: tuple[str, ...]


class Claim(Wire):
    """A statement, and what it rests on."""

    statement: str
    lines: list[int] = Field(description="numbers of the log lines that show it")
    metrics: list[str] = Field(description="names of the metrics that show it")


class AnalysisAnswer(Wire):
    """What Claude sees in the material. A claim without evidence that exists is dropped by code."""

    summary: str = Field(description="what is happening, in at most three sentences")
    claims: list[Claim] = Field(description="at most eight")
    suggested_level: int = Field(description="1 (lowest) to 5 (all is down)")
    suggested_level_reason: str


class InitialAnalysis(Wire):
    """The analysis as the run keeps it. `dropped` counts claims whose evidence does not exist."""

    summary: str
    claims: tuple[Claim, ...] = ()
    dropped: int = 0
    suggested_level: int | None = None
    suggested_level_reason: str = ""
    provenance: Provenance | None = None
    unavailable: dict[str, str] = {}
    """What could not be had, and why: `logs`, `metrics`, `claude`."""


class Deployment(Wire):
    id: str
    service: str
    version: str
    previous_version: str
    at: datetime
    by: str = ""


class Deployments(ActivityResult):
    deployments: tuple[Deployment, ...] = ()


class FindSimilar(Wire):
    fingerprint: str
    text: str
    service: str
    limit: int = 3


class SimilarIncident(Wire):
    """A past incident. `score` is 1 for the same fingerprint, else the text's rank, below 1."""

    incident_id: str
    at: datetime
    service: str
    summary: str
    cause: str = ""
    resolution: str = ""
    score: float
    same_fingerprint: bool = False


class SimilarIncidents(ActivityResult):
    incidents: tuple[SimilarIncident, ...] = ()


class FindRunbooks(Wire):
    service: str
    alert_names: tuple[str, ...]
    text: str
    limit: int = 2


class Runbook(Wire):
    name: str
    title: str
    text: str


class Runbooks(ActivityResult):
    runbooks: tuple[Runbook, ...] = ()


class IncidentContext(Wire):
    deployments: tuple[Deployment, ...] = ()
    similar: tuple[SimilarIncident, ...] = ()
    runbooks: tuple[Runbook, ...] = ()
    unavailable: dict[str, str] = {}


class DiagnosisTask(Wire):
    """Input of the diagnosis. Everything in it is data from outside."""

    service: str
    alerts: tuple[JsonObject, ...]
    patterns: tuple[LogPattern, ...]
    lines: tuple[LogLine, ...]
    metrics: tuple[Series, ...]
    deployments: tuple[Deployment, ...]
    similar: tuple[SimilarIncident, ...]
    runbooks: tuple[Runbook, ...]
    claims: tuple[Claim, ...]


class Evidence(Wire):
    kind: Literal["log", "metric", "deployment", "incident", "runbook", "alert"]
    reference: str = Field(description="number of a log line, or the name or id of the rest")
    quote: str = Field(description="the words or figures that show it")


class Hypothesis(Wire):
    cause: str = Field(description="one sentence")
    category: Category
    confidence: float = Field(description="0 to 1")
    evidence: list[Evidence]
    counter_evidence: list[Evidence]


class DiagnosisAnswer(Wire):
    """What Claude answers. "Insufficient evidence" is a proper answer."""

    insufficient_evidence: bool
    hypotheses: list[Hypothesis] = Field(description="the most likely first, at most four")
    impact: str
    recommended_actions: list[str] = Field(description="for people, at most five")
    prevention: list[str] = Field(description="at most five")


class Diagnosis(Wire):
    """The diagnosis as checked: every kept piece of evidence exists."""

    insufficient_evidence: bool = True
    hypotheses: tuple[Hypothesis, ...] = ()
    impact: str = ""
    recommended_actions: tuple[str, ...] = ()
    prevention: tuple[str, ...] = ()
    dropped: int = 0
    provenance: Provenance | None = None
