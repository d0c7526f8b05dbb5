"""Incidents, lines, metrics and the shipped catalogue for the tests of the rules."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from towpath.config.catalogue import make_catalogue
from towpath.config.incident_files import CheckedFiles, load_catalogue
from towpath.contracts.incident.alerts import Alert
from towpath.contracts.incident.incident import Severity
from towpath.contracts.incident.investigation import (
    Category,
    Deployment,
    Diagnosis,
    DiagnosisTask,
    Evidence,
    Hypothesis,
    IncidentContext,
    LogLine,
    Runbook,
    Series,
    SimilarIncident,
)
from towpath.engine.language.catalogue import DefinitionCatalogue

DEFINITIONS = Path(__file__).resolve().parents[3] / "definitions"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@cache
def registered() -> DefinitionCatalogue:
    return make_catalogue(None, frozenset())


@cache
def shipped() -> CheckedFiles:
    return load_catalogue(DEFINITIONS, registered())


def lines(*texts: str, level: str = "") -> list[LogLine]:
    """One a second from noon on, numbered from 1."""
    return [
        LogLine(number=number, at=NOON + timedelta(seconds=number), level=level, text=text)
        for number, text in enumerate(texts, 1)
    ]


def series(metric: str, last: float, first: float = 0.0, **labels: str) -> Series:
    return Series(
        metric=metric,
        title=metric,
        unit="",
        labels=labels,
        first=first,
        last=last,
        minimum=min(first, last),
        maximum=max(first, last),
        mean=(first + last) / 2,
        baseline=first,
        change=None if first == 0 else last / first,
    )


def alert(
    name: str = "HighErrorRate", severity: str = "critical", service: str = "checkout", **annotations: str
) -> Alert:
    return Alert.model_validate(
        {
            "status": "firing",
            "labels": {"alertname": name, "severity": severity, "service": service},
            "annotations": annotations,
            "starts_at": NOON,
            "fingerprint": f"{name}-{service}",
        }
    )


def deployment(at: datetime = NOON, number: int = 7, service: str = "checkout") -> Deployment:
    return Deployment(
        id=f"{service}-d{number}",
        service=service,
        version=f"2026.11.{number}",
        previous_version=f"2026.11.{number - 1}",
        at=at,
        by="ci",
    )


def evidence(kind: str, reference: str, quote: str) -> Evidence:
    return Evidence.model_validate({"kind": kind, "reference": reference, "quote": quote})


def hypothesis(*pieces: Evidence, category: Category = "deployment", confidence: float = 0.8) -> Hypothesis:
    return Hypothesis(
        cause="The deployment broke payments",
        category=category,
        confidence=confidence,
        evidence=list(pieces),
        counter_evidence=[],
    )


def diagnosis(*categories: Category) -> Diagnosis:
    found = [hypothesis(evidence("log", "1", "x"), category=category) for category in categories]
    return Diagnosis(insufficient_evidence=not found, hypotheses=tuple(found))


def severity(level: int = 4, *, auto: bool = True) -> Severity:
    return Severity(level=level, floor=level, reasons=("so",), auto_remediable=auto)


def context(*deployments: Deployment) -> IncidentContext:
    return IncidentContext(deployments=deployments)


def task(
    *,
    log: Sequence[LogLine] = (),
    metrics: Sequence[Series] = (),
    deployments: Sequence[Deployment] = (),
    similar: Sequence[SimilarIncident] = (),
    runbooks: Sequence[Runbook] = (),
    alerts: Sequence[Alert] = (),
) -> DiagnosisTask:
    return DiagnosisTask(
        service="checkout",
        alerts=tuple(one.model_dump(mode="json") for one in alerts),
        patterns=(),
        lines=tuple(log),
        metrics=tuple(metrics),
        deployments=tuple(deployments),
        similar=tuple(similar),
        runbooks=tuple(runbooks),
        claims=(),
    )


WELL: Mapping[str, float] = {
    "error_rate": 0.001,
    "request_rate": 40.0,
    "latency_p95": 0.12,
    "disk_used": 0.41,
    "memory_used": 0.55,
    "instances_up": 3.0,
}
"""Values of a service that is well."""
