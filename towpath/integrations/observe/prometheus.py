"""Prometheus's HTTP API: instant and range queries.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import httpx
from pydantic import JsonValue

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.wire import JsonObject
from towpath.integrations.http.web import Web, WebAnswer

MAX_POINTS = 11_000
"""Prometheus refuses a range of more points for one series."""
EXECUTION = frozenset({"execution", "timeout", "canceled", "internal"})
"""Error types of the API that may pass when asked again."""


@dataclass(frozen=True, slots=True)
class Points:
    """One time series: its labels, and (seconds since 1970, value) in order of time. NaN is left out."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """One server. Queries are ours, from the metric catalogue: nothing from outside is ever put into one unchecked."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, token: str | None = None) -> None:
        self._web = Web(http, "prometheus", base_url, token)

    async def query(self, query: str) -> Sequence[Points]:
        """The present value of each series. Raises ServiceError."""
        return _series(self._checked(await self._web.ask("GET", "/api/v1/query", params={"query": query})), "value")

    async def query_range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Points]:
        """Each series from `start` to `end`, both included, a point each `step`. Raises ServiceError."""
        shortest = max((end - start).total_seconds() / MAX_POINTS, 1.0)
        params = {
            "query": query,
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{max(step.total_seconds(), shortest):.3f}",
        }
        return _series(self._checked(await self._web.ask("GET", "/api/v1/query_range", params=params)), "values")

    def _checked(self, answer: WebAnswer) -> JsonObject:
        body = answer.body
        if body is not None and body.get("status") == "error":
            kind = str(body.get("errorType"))[:40]
            if kind in EXECUTION:
                raise self._web.failed(FailureCode.SERVICE_UNAVAILABLE, kind, answer.status)
            raise self._web.failed(FailureCode.SERVICE_REFUSED, f"{kind}: the query is refused", answer.status)
        if not answer.ok:
            raise self._web.refused(answer)
        data = None if body is None else body.get("data")
        if not isinstance(data, dict) or not isinstance(data.get("result"), list):
            raise self._web.failed(FailureCode.SERVICE_BAD_RESPONSE, "the answer is not a query's", answer.status)
        return data


def _series(data: JsonObject, field: str) -> Sequence[Points]:
    if data.get("resultType") == "scalar":
        return [Points({}, _points([data["result"]]))]
    found: list[Points] = []
    for entry in cast("list[JsonValue]", data["result"]):
        if not isinstance(entry, dict):
            continue
        labels = entry.get("metric")
        names = {name: str(value) for name, value in labels.items()} if isinstance(labels, dict) else {}
        values = entry.get(field)
        pairs = [values] if field == "value" else values
        found.append(Points(names, _points(pairs if isinstance(pairs, list) else [])))
    return found


def _points(pairs: list[JsonValue]) -> tuple[tuple[float, float], ...]:
    points: list[tuple[float, float]] = []
    for pair in pairs:
        if isinstance(pair, list) and len(pair) == 2:
            value = float(str(pair[1]))
            if not math.isnan(value):
                points.append((float(str(pair[0])), value))
    return tuple(points)
