"""What an incident's investigation sees of a case, through the clients that the worker has; nothing can be done to it.

Lines and points lie before the end of the window that the run asks for, so a case means the same at any time.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from activities.incident import IncidentActivities
from tests.evaluations.cases import CourseGiven, IncidentCase, minutes
from tests.fakes.house import FakeHouse
from towpath.config.catalogue import make_catalogue
from towpath.config.incident_files import CheckedFiles, load_catalogue
from towpath.contracts.incident.alerts import Alert, AlertBatch, AlertStatus
from towpath.contracts.incident.incident import IncidentRecord, PageChange, Paged, PageRequest
from towpath.contracts.incident.investigation import Deployment, Deployments, Runbook, TimeWindow
from towpath.contracts.incident.remediation import (
    ActionReservation,
    KillSwitch,
    ReserveAction,
    SettleAction,
    SwitchState,
)
from towpath.integrations.observe.incident_archive import IncidentArchive, IncidentMemory
from towpath.integrations.observe.logs import RawLine, RawLines
from towpath.integrations.observe.observing import LogReader, MetricReader
from towpath.integrations.observe.prometheus import Prometheus
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.policy.incident.runbooks import RunbookEntry
from towpath.policy.incident.similarity import fingerprint_of

ROOT = Path(__file__).resolve().parents[2]
STOPPED = "an evaluation changes nothing"


def shipped_files() -> CheckedFiles:
    """Catalogue and runbooks that the project ships."""
    return load_catalogue(ROOT / "definitions", make_catalogue(None, frozenset()))


class CaseLogs:
    """The lines of a case as a log store. `planted` are the numbers that the run knows the planted lines by."""

    name = "case"

    def __init__(self, case: IncidentCase) -> None:
        self._case = case
        self.planted: frozenset[int] = frozenset()

    async def lines(self, service: str, start: datetime, end: datetime, limit: int) -> RawLines:
        del service
        found = sorted(self._lines(end), key=lambda pair: pair[0].at)
        found = [pair for pair in found if start <= pair[0].at < end][-limit:]
        self.planted = frozenset(number for number, (_, planted) in enumerate(found, 1) if planted)
        return RawLines([line for line, _ in found], truncated=False)

    def _lines(self, end: datetime) -> Iterator[tuple[RawLine, bool]]:
        for given in self._case.logs:
            length = minutes(given.since - given.until)
            for number in range(given.times):
                at = end - minutes(given.since) + length * number / given.times
                yield RawLine(at, given.level, given.text.replace("{n}", str(number + 1))), given.planted


class CaseMetrics(httpx.AsyncBaseTransport):
    """The metrics of a case as Prometheus answers them, query by query of the catalogue."""

    def __init__(self, case: IncidentCase, files: CheckedFiles) -> None:
        self._case = case
        metrics = () if files.catalogue is None else files.catalogue.metrics
        self._names = {metric.query.replace("$service", case.service): metric.name for metric in metrics}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        name = self._names[asked["query"]]
        courses = [course for course in self._case.metrics if course.metric == name]
        if request.url.path.endswith("/query_range"):
            start, end, step = (float(asked[field]) for field in ("start", "end", "step"))
            count = int((end - start) / step) + 1
            moments = [start + step * number for number in range(count)]
            series = [_series(one, "values", [[at, _value(one, end - at)] for at in moments]) for one in courses]
            return _answer("matrix", series)
        now = datetime.now(UTC).timestamp()
        return _answer("vector", [_series(one, "value", [now, str(one.now)]) for one in courses])


def _value(course: CourseGiven, seconds_ago: float) -> str:
    since = course.since * 60
    if seconds_ago > since:
        return str(course.before)
    share = 1 - seconds_ago / since if course.ramp and since else 1.0
    return str(course.before + (course.now - course.before) * share)


def _series(course: CourseGiven, field: str, points: Sequence[Any]) -> dict[str, Any]:
    labels = {} if course.instance is None else {"instance": course.instance}
    return {"metric": labels, field: points}


def _answer(kind: str, series: Sequence[dict[str, Any]]) -> httpx.Response:
    body = {"status": "success", "data": {"resultType": kind, "result": series}}
    return httpx.Response(200, content=json.dumps(body), headers={"content-type": "application/json"})


class CaseChanges:
    def __init__(self, case: IncidentCase) -> None:
        self._case = case

    async def deployments(self, window: TimeWindow) -> Deployments:
        made = [
            Deployment(
                id=one.id,
                service=one.service or self._case.service,
                version=one.version,
                previous_version=one.previous_version,
                at=window.end - minutes(one.ago),
                by=one.by,
            )
            for one in self._case.deployments
        ]
        return Deployments(deployments=tuple(sorted(made, key=lambda one: one.at, reverse=True)))


class NobodyOnCall:
    async def page(self, request: PageRequest) -> Paged:
        return Paged(dedup_key=request.key)

    async def change(self, request: PageChange) -> Paged:
        return Paged(dedup_key=request.key)


class KilledControl:
    """The kill switch is on, so no action is ever carried out; plans are made all the same."""

    async def known(self) -> SwitchState:
        return SwitchState(switch=KillSwitch(on=True, by="evaluation", reason=STOPPED))

    async def reserve(self, request: ReserveAction) -> ActionReservation:
        del request
        return ActionReservation(allowed=False, reason=STOPPED)

    async def settle(self, request: SettleAction) -> ActionReservation:
        del request
        return ActionReservation(allowed=True)


class IncidentWorld:
    """One case with its own archive under `folder`."""

    def __init__(self, case: IncidentCase, files: CheckedFiles, folder: Path) -> None:
        self._case = case
        self._files = files
        self.logs = CaseLogs(case)
        self._artefacts = ArtefactStore(str(folder))
        self._archive = IncidentArchive(str(folder / case.name))
        self._http = httpx.AsyncClient(transport=CaseMetrics(case, files))

    async def activities(self) -> Sequence[Callable[..., Any]]:
        for record in self._past():
            await self._archive.keep(record)
        own = [
            RunbookEntry(Runbook(name=one.name, title=one.title, text=one.text), one.services, one.alerts)
            for one in self._case.runbooks
        ]
        memory = IncidentMemory(self._archive, self._artefacts, [*self._files.runbooks, *own])
        metrics = MetricReader(Prometheus(self._http, "http://metrics.case.example"), self._artefacts)
        sight = (LogReader(self.logs, self._artefacts), metrics, CaseChanges(self._case))
        catalogue = self._files.catalogue
        if catalogue is None:
            raise RuntimeError("the shipped catalogue cannot be used")
        room = IncidentActivities(sight, memory, NobodyOnCall(), KilledControl(), lambda: catalogue)
        methods = (getattr(room, name) for name in dir(room) if not name.startswith("_"))
        house = FakeHouse()
        return [*methods, house.notify_team, house.find_reviewers]

    def alerts(self) -> AlertBatch:
        now = datetime.now(UTC)
        return AlertBatch(
            alerts=tuple(
                Alert(
                    status=AlertStatus.FIRING,
                    labels={"alertname": one.name, "service": self._case.service, "severity": one.severity}
                    | one.labels,
                    annotations=one.annotations,
                    starts_at=now - minutes(one.ago),
                    fingerprint=f"{number:016x}",
                )
                for number, one in enumerate(self._case.alerts, 1)
            )
        )

    async def close(self) -> None:
        await self._http.aclose()

    def _past(self) -> Iterator[IncidentRecord]:
        for one in self._case.past:
            service, at = one.service or self._case.service, datetime.now(UTC) - timedelta(days=one.days)
            yield IncidentRecord(
                incident_id=one.id,
                fingerprint=fingerprint_of(service, (one.id,), ()),
                service=service,
                at=at,
                ended_at=at + minutes(40),
                level=3,
                summary=one.summary,
                cause=one.cause,
                resolution=one.resolution,
            )
