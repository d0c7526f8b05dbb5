"""What an incident's investigation looks at: log lines with their patterns, the course of metrics, deployments."""

import asyncio
import json
import math
from collections.abc import Sequence
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.incident.investigation import (
    Deployment,
    Deployments,
    LogFindings,
    LogLine,
    MetricFindings,
    Series,
    TimeWindow,
)
from towpath.contracts.incident.remediation import FetchMetrics, MetricQuery, MetricValues, ReadMetrics
from towpath.integrations.http.services import ServiceClient
from towpath.integrations.observe.logs import LogStore, RawLines
from towpath.integrations.observe.prometheus import Points, Prometheus
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError
from towpath.policy.incident.patterns import most_telling, patterns, sample

MAX_LINES = 20_000
MAX_PATTERNS = 40
MAX_SAMPLE = 80
SAMPLE_CHARACTERS = 500
MAX_SERIES = 8
"""Series of one metric: those that changed most."""
STEPS = 90
"""Points of a metric over a window."""
DEPLOYMENTS = TypeAdapter(tuple[Deployment, ...])


class LogReader:
    """Lines of a store: their patterns travel, all of them are kept as an artefact."""

    def __init__(self, store: LogStore, artefacts: ArtefactStore) -> None:
        self._store = store
        self._artefacts = artefacts

    async def fetch(self, window: TimeWindow) -> LogFindings:
        """Raises ServiceError."""
        raw = await self._store.lines(window.service, window.start, window.end, MAX_LINES)
        lines = _numbered(raw)
        found = most_telling(await asyncio.to_thread(patterns, lines), MAX_PATTERNS)
        shown = sample(found, lines, MAX_SAMPLE)
        return LogFindings(
            source=self._store.name,
            lines=len(lines),
            truncated=raw.truncated,
            patterns=found,
            sample=tuple(line.model_copy(update={"text": line.text[:SAMPLE_CHARACTERS]}) for line in shown),
            artefact=await self._keep(lines) if lines else None,
        )

    async def _keep(self, lines: Sequence[LogLine]) -> Artefact:
        text = "".join(f"{line.number}\t{line.at.isoformat()}\t{line.level}\t{line.text}\n" for line in lines)
        return await _kept(self._artefacts, text.encode(), "text/tab-separated-values")


class MetricReader:
    """Metrics of the catalogue, by Prometheus. `$service` in a query becomes the service's name, quoted."""

    def __init__(self, prometheus: Prometheus, artefacts: ArtefactStore) -> None:
        self._prometheus = prometheus
        self._artefacts = artefacts

    async def over(self, request: FetchMetrics) -> MetricFindings:
        """Raises ServiceError, when no metric at all could be had."""
        window = request.window
        step = max((window.end - window.start) / STEPS, timedelta(seconds=1))
        asked = [
            self._prometheus.query_range(_query(metric, window.service), window.start, window.end, step)
            for metric in request.metrics
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        raw: dict[str, list[Points]] = {}
        for metric, answer in zip(request.metrics, answers, strict=True):
            if isinstance(answer, ServiceError):
                if all(isinstance(other, ServiceError) for other in answers):
                    raise answer
                continue
            if isinstance(answer, BaseException):
                raise answer
            raw[metric.name] = _finite(answer)
        shown = [series for metric in request.metrics for series in _course(metric, raw.get(metric.name, []))]
        return MetricFindings(
            series=tuple(shown),
            missing=tuple(metric.name for metric in request.metrics if not raw.get(metric.name)),
            artefact=await self._keep(raw) if shown else None,
        )

    async def now(self, request: ReadMetrics) -> MetricValues:
        """The highest series of each metric counts. Raises ServiceError."""
        answers = await asyncio.gather(
            *(self._prometheus.query(_query(metric, request.service)) for metric in request.metrics)
        )
        values: dict[str, float] = {}
        for metric, found in zip(request.metrics, answers, strict=True):
            points = [series.points[-1][1] for series in _finite(found)]
            if points:
                values[metric.name] = max(points)
        return MetricValues(values=values)

    async def _keep(self, raw: dict[str, list[Points]]) -> Artefact:
        shaped = {
            name: [{"labels": series.labels, "points": series.points} for series in found]
            for name, found in raw.items()
        }
        return await _kept(self._artefacts, json.dumps(shaped).encode(), "application/json")


class DeploymentRecord:
    """Deployments as the service `platform` tells them."""

    def __init__(self, services: ServiceClient) -> None:
        self._services = services

    async def deployments(self, window: TimeWindow) -> Deployments:
        """Those of the window, the latest first. Raises ServiceError."""
        params = {"service": window.service, "since": window.start.isoformat()}
        answer = await self._services.call("platform", "listDeployments", dict(params), window.key)
        try:
            found = DEPLOYMENTS.validate_python(answer["deployments"])
        except ValidationError as error:
            message = "platform listDeployments: the answer holds no deployments"
            raise ServiceError(FailureCode.SERVICE_BAD_RESPONSE, message) from error
        wanted = [made for made in found if window.start <= made.at <= window.end]
        return Deployments(deployments=tuple(sorted(wanted, key=lambda made: made.at, reverse=True)))


def _numbered(raw: RawLines) -> list[LogLine]:
    return [
        LogLine(number=number, at=line.at, level=line.level, text=line.text) for number, line in enumerate(raw.lines, 1)
    ]


def _finite(found: Sequence[Points]) -> list[Points]:
    """Series with the points that are numbers: a ratio of nothing is unknown, and JSON has no infinity."""
    kept = [Points(series.labels, tuple(p for p in series.points if math.isfinite(p[1]))) for series in found]
    return [series for series in kept if series.points]


def _query(metric: MetricQuery, service: str) -> str:
    return metric.query.replace("$service", json.dumps(service)[1:-1])


def _course(metric: MetricQuery, found: Sequence[Points]) -> Sequence[Series]:
    shown = [_series(metric, series) for series in found]
    shown.sort(key=lambda series: abs(series.last - (series.baseline or 0.0)), reverse=True)
    return shown[:MAX_SERIES]


def _series(metric: MetricQuery, series: Points) -> Series:
    values = [value for _, value in series.points]
    third = values[: max(1, len(values) // 3)]
    baseline = sum(third) / len(third)
    return Series(
        metric=metric.name,
        title=metric.title,
        unit=metric.unit,
        labels=series.labels,
        first=values[0],
        last=values[-1],
        minimum=min(values),
        maximum=max(values),
        mean=sum(values) / len(values),
        baseline=baseline,
        change=None if baseline == 0 else values[-1] / baseline,
    )


async def _kept(artefacts: ArtefactStore, content: bytes, media_type: str) -> Artefact:
    try:
        return await artefacts.keep(content, media_type)
    except ArtefactStoreError as error:
        message = "the artefact store cannot be written: see TOWPATH_ARTEFACT_STORE"
        raise ServiceError(FailureCode.SERVICE_UNAVAILABLE, message, evidence={"service": "artefacts"}) from error
