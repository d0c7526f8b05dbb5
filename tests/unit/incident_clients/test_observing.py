"""What an investigation gets to see of a shop with a fault."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.incident_clients.conftest import Shop
from towpath.contracts.core.failure import ServiceError
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.incident.incident import ArchiveIncident, IncidentRecord
from towpath.contracts.incident.investigation import FindSimilar, TimeWindow
from towpath.contracts.incident.remediation import FetchMetrics, MetricQuery, ReadMetrics
from towpath.integrations.http.services import ServiceClient, ServiceEndpoint
from towpath.integrations.observe.incident_archive import IncidentArchive, IncidentMemory
from towpath.integrations.observe.logs import Loki
from towpath.integrations.observe.observing import DeploymentRecord, LogReader, MetricReader
from towpath.integrations.observe.prometheus import Prometheus
from towpath.integrations.storage.artefacts import ArtefactStore

KEY = EffectKey("incident-response/1/logs")
ERRORS = MetricQuery(
    name="error_ratio",
    title="share of failed requests",
    query='sum(rate(http_requests_total{service="$service",code=~"5.."}[1m]))',
)
DISK = MetricQuery(name="disk", title="disk", query='node_disk_used_ratio{service="$service"}')


def window(shop: Shop, seconds_ahead: float = 5) -> TimeWindow:
    end = datetime.fromtimestamp(shop.standins.services.world.now() + seconds_ahead, UTC)
    return TimeWindow(service="checkout", start=end - timedelta(minutes=15), end=end, key=KEY)


async def test_logs_come_as_patterns_and_by_reference(shop: Shop, tmp_path: Path) -> None:
    """Patterns with counts travel; all lines are kept as an artefact, and a sample has the lines they point to."""
    shop.standins.services.world.begin("checkout", "database-down")
    store = ArtefactStore(str(tmp_path))
    asked = window(shop)

    found = await LogReader(Loki(shop.http, "http://standin"), store).fetch(asked)

    assert found.lines > 800
    assert any("<*>" in pattern.template and pattern.count > 100 for pattern in found.patterns)
    assert {number for pattern in found.patterns for number in pattern.lines} >= {line.number for line in found.sample}
    assert found.artefact is not None
    kept = (await store.read(found.artefact)).decode().splitlines()
    assert len(kept) == found.lines
    assert all(kept[line.number - 1].endswith(line.text) for line in found.sample)


async def test_metrics_show_their_course(shop: Shop, tmp_path: Path) -> None:
    """A metric's last value stands against its beginning; one without data is missing, and not 0."""
    shop.standins.services.world.begin("checkout", "database-down")
    unknown = DISK.model_copy(update={"name": "queue", "query": "queue_length"})
    reader = MetricReader(Prometheus(shop.http, "http://standin/prometheus"), ArtefactStore(str(tmp_path)))

    found = await reader.over(FetchMetrics(window=window(shop), metrics=(ERRORS, DISK, unknown)))

    errors = next(series for series in found.series if series.metric == "error_ratio")
    assert errors.last > 0.5
    assert errors.baseline is not None
    assert errors.baseline < 0.01
    assert (errors.change or 0) > 10
    assert len([series for series in found.series if series.metric == "disk"]) == 3
    assert found.missing == ("queue",)


async def test_all_metrics_lost_is_a_failure(shop: Shop, tmp_path: Path) -> None:
    """When the server answers nothing at all, that is a failure and not "no data"."""
    shop.standins.faults.order({"service": "prometheus", "status": 503})
    reader = MetricReader(Prometheus(shop.http, "http://standin/prometheus"), ArtefactStore(str(tmp_path)))

    with pytest.raises(ServiceError):
        await reader.over(FetchMetrics(window=window(shop), metrics=(ERRORS, DISK)))


async def test_present_values_are_the_worst_of_the_series(shop: Shop, tmp_path: Path) -> None:
    """A metric with a series for each instance is judged by its highest."""
    shop.standins.services.world.begin("checkout", "disk-full")
    reader = MetricReader(Prometheus(shop.http, "http://standin/prometheus"), ArtefactStore(str(tmp_path)))
    world = shop.standins.services.world
    highest = max(world.services["checkout"].quantity("disk", world.now(), f"checkout-{n}") for n in (1, 2, 3))

    values = (await reader.now(ReadMetrics(service="checkout", metrics=(DISK,), key=KEY))).values

    assert values["disk"] >= highest


async def test_deployments_of_the_window(shop: Shop) -> None:
    """The deployment that came just before the fault is the first of the list."""
    shop.standins.services.world.begin("checkout", "bad-deployment")
    services = ServiceClient(shop.http, {"platform": ServiceEndpoint("http://standin/platform", "token")})

    found = await DeploymentRecord(services).deployments(window(shop))

    assert [made.version for made in found.deployments] == ["2026.11.1"]
    assert found.deployments[0].previous_version == "2026.11.0"


async def test_archived_incident_is_found_again(tmp_path: Path) -> None:
    """An incident that was archived, even twice, is found once by what comes after it."""
    memory = IncidentMemory(IncidentArchive(str(tmp_path)), ArtefactStore(str(tmp_path)), ())
    at = datetime(2026, 11, 1, tzinfo=UTC)
    record = IncidentRecord(
        incident_id="incident-response/abc/run-1",
        fingerprint="f" * 32,
        service="checkout",
        at=at,
        ended_at=at + timedelta(minutes=9),
        level=4,
        summary="connections to the database were refused",
        cause="database down",
    )
    wanted = ArchiveIncident(record=record, post_mortem="# What happened", key=KEY)
    first, second = await memory.archive(wanted), await memory.archive(wanted)
    (tmp_path / "incidents" / "20260101T000000-broken.json").write_text("{", encoding="utf-8")

    found = await memory.similar(FindSimilar(fingerprint="f" * 32, text="database", service="checkout"))

    assert first == second
    assert [(one.incident_id, one.score, one.same_fingerprint) for one in found.incidents] == [
        (record.incident_id, 1.0, True)
    ]
