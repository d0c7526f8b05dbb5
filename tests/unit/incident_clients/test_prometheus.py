"""Prometheus's HTTP API as its client reads it."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.unit.incident_clients.conftest import Shop
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.integrations.observe.prometheus import Prometheus
from towpath.outside.bounded import BoundedTransport
from towpath.outside.bounds import AnswerBounds

ERRORS = (
    'sum(rate(http_requests_total{service="checkout",code=~"5.."}[1m]))'
    ' / sum(rate(http_requests_total{service="checkout"}[1m]))'
)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def answering(status: int, body: object, headers: dict[str, str] | None = None) -> Prometheus:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=body, headers=headers)

    return Prometheus(httpx.AsyncClient(transport=httpx.MockTransport(answer)), "http://prometheus.example")


async def test_range_shows_a_fault_begin(shop: Shop) -> None:
    """A range query has the points of the window, and shows when the errors began."""
    world = shop.standins.services.world
    world.begin("checkout", "database-down")
    now = datetime.fromtimestamp(world.now(), UTC)

    series = await Prometheus(shop.http, "http://standin/prometheus").query_range(
        ERRORS, now - timedelta(minutes=15), now + timedelta(seconds=10), timedelta(seconds=5)
    )

    (only,) = series
    assert only.points[0][1] < 0.01
    assert only.points[-1][1] > 0.5
    assert [at for at, _ in only.points] == sorted(at for at, _ in only.points)


async def test_instant_query_has_a_value_an_instance(shop: Shop) -> None:
    """An instant query has the labels of each series."""
    found = await Prometheus(shop.http, "http://standin/prometheus").query(
        'max by (instance) (node_disk_used_ratio{service="catalog"})'
    )

    assert [series.labels["instance"] for series in found] == ["catalog-1", "catalog-2", "catalog-3"]
    assert all(0 < series.points[0][1] < 1 for series in found)


async def test_unknown_service_has_no_series(shop: Shop) -> None:
    """No data is an empty list, and never a zero."""
    query = ERRORS.replace("checkout", "nowhere")

    assert await Prometheus(shop.http, "http://standin/prometheus").query(query) == []


async def test_nan_is_left_out_and_infinity_kept() -> None:
    """NaN, which a ratio of nothing gives, is no point."""
    series: dict[str, object] = {"metric": {}, "values": [[1, "NaN"], [2, "1.5"], [3, "+Inf"]]}
    body = {"status": "success", "data": {"resultType": "matrix", "result": [series]}}

    (found,) = await answering(200, body).query_range("up", NOW, NOW + timedelta(minutes=1), timedelta(seconds=1))

    assert found.points == ((2.0, 1.5), (3.0, float("inf")))


async def test_scalar_is_one_series() -> None:
    """A scalar is a series without labels."""
    body = {"status": "success", "data": {"resultType": "scalar", "result": [1, "42"]}}

    assert (await answering(200, body).query("42"))[0].points == ((1.0, 42.0),)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        pytest.param(400, {"status": "error", "errorType": "bad_data", "error": "secret"}, "service.refused", id="bad"),
        pytest.param(422, {"status": "error", "errorType": "execution"}, "service.unavailable", id="execution"),
        pytest.param(503, {"status": "error", "errorType": "timeout"}, "service.unavailable", id="timeout"),
        pytest.param(502, {"message": "gateway"}, "service.unavailable", id="gateway"),
        pytest.param(401, {}, "service.auth", id="auth"),
        pytest.param(429, {}, "service.rate_limited", id="limited"),
        pytest.param(200, {"status": "success"}, "service.bad_response", id="no data"),
        pytest.param(200, ["x"], "service.bad_response", id="no object"),
    ],
)
async def test_failures_are_typed(status: int, body: object, code: str) -> None:
    """Each refusal has its code, and repeats nothing that the server said in words."""
    with pytest.raises(ServiceError) as caught:
        await answering(status, body, {"Retry-After": "7"}).query("up")

    assert caught.value.code is FailureCode(code)
    assert "secret" not in str(caught.value)


async def test_too_large_an_answer_is_refused() -> None:
    """An answer without bounds is not read to its end."""

    def endless(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"[" * (17 * 1024**2))

    client = httpx.AsyncClient(transport=BoundedTransport(httpx.MockTransport(endless), AnswerBounds()))

    with pytest.raises(ServiceError, match="larger than"):
        await Prometheus(client, "http://prometheus.example").query("up")
