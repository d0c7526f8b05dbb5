"""What the shop tells about itself: metrics for a real Prometheus to scrape, and, where there is none, the HTTP APIs of
Prometheus and Loki over the same world.

The Prometheus API knows the shop's own metrics only: it tells by the metric names in a query which quantity is meant.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from towpath.standins.faults import Faults
from towpath.standins.world import FAULTS, Service, World

Series = Callable[[dict[str, str], Callable[[float], str]], dict[str, Any]]
"""Labels and the value at a moment to one result of an answer."""
MAX_LINES = 5_000
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
ERROR_LINES_A_SECOND = 4
_SERVICE = re.compile(r'service="((?:[^"\\]|\\.)*)"')
QUANTITIES = (
    ("disk", "node_disk_used_ratio"),
    ("memory", "process_memory_used_ratio"),
    ("latency", "http_request_duration_seconds"),
    ("errors", 'code=~"5'),
    ("rate", "http_requests_total"),
    ("instances", "up{"),
)
"""Quantity of the world, and what a query for it holds; the first that fits."""
BY_INSTANCE = frozenset({"disk", "memory"})


class Telemetry:
    """Metrics and logs of one world."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults

    def routes(self) -> list[Mount | Route]:
        return [
            Route("/shop/metrics", self._exposition),
            Mount(
                "/prometheus/api/v1",
                routes=[
                    Route("/query", self._query, methods=["GET", "POST"]),
                    Route("/query_range", self._range, methods=["GET", "POST"]),
                ],
            ),
            Route("/loki/api/v1/query_range", self._loki),
        ]

    async def _exposition(self, _: Request) -> Response:
        lines: list[str] = []
        for service in self._world.services.values():
            lines += _exposed(service, self._world.now())
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    async def _query(self, request: Request) -> Response:
        now = self._world.now()

        def instant(labels: dict[str, str], value: Callable[[float], str]) -> dict[str, Any]:
            return {"metric": labels, "value": [now, value(now)]}

        return await self._answer(request, "vector", instant)

    async def _range(self, request: Request) -> Response:
        asked = request.query_params
        start, end, step = (float(asked[name]) for name in ("start", "end", "step"))
        count = int((end - start) / step) + 1
        moments = [start + step * number for number in range(count)]

        def ranged(labels: dict[str, str], value: Callable[[float], str]) -> dict[str, Any]:
            return {"metric": labels, "values": [[at, value(at)] for at in moments]}

        return await self._answer(request, "matrix", ranged)

    async def _answer(self, request: Request, kind: str, make: Series) -> Response:
        fault = self._faults.take("prometheus", "query", "")
        if fault is not None:
            error = {"status": "error", "errorType": "timeout", "error": "query timed out"}
            return JSONResponse(error, status_code=fault.status or 503)
        query = request.query_params.get("query", "")
        quantity = next((name for name, text in QUANTITIES if text in query), None)
        if quantity is None:
            error = {"status": "error", "errorType": "bad_data", "error": "this stand-in does not know the metric"}
            return JSONResponse(error, status_code=400)
        named = _SERVICE.search(query)
        service = None if named is None else self._world.services.get(json.loads(f'"{named[1]}"'))
        result = [] if service is None else list(_results(service, quantity, make))
        return JSONResponse({"status": "success", "data": {"resultType": kind, "result": result}})

    async def _loki(self, request: Request) -> Response:
        fault = self._faults.take("loki", "query_range", "")
        if fault is not None:
            return PlainTextResponse("too many outstanding requests", status_code=fault.status or 503)
        asked = request.query_params
        named = _SERVICE.search(asked["query"])
        service = None if named is None else self._world.services.get(json.loads(f'"{named[1]}"'))
        start, end = int(asked["start"]), min(int(asked["end"]), int(self._world.now() * 1e9))
        limit = min(int(asked.get("limit", "100")), MAX_LINES)
        found = [] if service is None else list(_lines(service, start, end))
        chosen = found[-limit:] if asked.get("direction", "backward") == "backward" else found[:limit]
        streams: dict[str, list[list[str]]] = {}
        for at, level, text in chosen:
            streams.setdefault(level, []).append([str(at), text])
        result = [
            {"stream": {"service": "" if service is None else service.name, "level": level}, "values": values}
            for level, values in streams.items()
        ]
        return JSONResponse({"status": "success", "data": {"resultType": "streams", "result": result}})


def _results(service: Service, quantity: str, make: Series) -> Iterator[dict[str, Any]]:
    for instance in service.instance_names if quantity in BY_INSTANCE else [None]:
        labels = {} if instance is None else {"service": service.name, "instance": instance}

        def value(at: float, instance: str | None = instance) -> str:
            return repr(service.quantity(quantity, at, instance))

        yield make(labels, value)


def _exposed(service: Service, now: float) -> Iterator[str]:
    requests, errors = service.total("requests", now), service.total("errors", now)
    label = f'service="{service.name}"'
    yield f'http_requests_total{{{label},code="500"}} {errors:.0f}'
    yield f'http_requests_total{{{label},code="200"}} {requests - errors:.0f}'
    latency = service.quantity("latency", now)
    for bound in BUCKETS:
        share = 0.96 if bound >= latency else 0.5 * bound / latency
        yield f'http_request_duration_seconds_bucket{{{label},le="{bound}"}} {requests * share:.0f}'
    yield f'http_request_duration_seconds_bucket{{{label},le="+Inf"}} {requests:.0f}'
    for instance in service.instance_names:
        both = f'{label},instance="{instance}"'
        yield f"process_up{{{both}}} 1"
        yield f"node_disk_used_ratio{{{both}}} {service.quantity('disk', now, instance):.4f}"
        yield f"process_memory_used_ratio{{{both}}} {service.quantity('memory', now, instance):.4f}"


def _lines(service: Service, start: int, end: int) -> Iterator[tuple[int, str, str]]:
    """Lines between two moments in nanoseconds: one a second when all is well, and those of the faults beside."""
    for second in range(start // 1_000_000_000, end // 1_000_000_000 + 1):
        for offset, level, text in _second(service, second):
            at = second * 1_000_000_000 + offset
            if start <= at < end:
                yield at, level, text


def _second(service: Service, second: int) -> Iterator[tuple[int, str, str]]:
    millis = 40 + second % 90
    yield 0, "info", f"GET /{service.name}/items/{second % 977} 200 in {millis} ms"
    for moment, operation in service.changes:
        if int(moment) == second:
            yield 1_000, "warn", f"change applied: {operation}"
    for episode in service.episodes:
        kind = FAULTS[episode.kind]
        for number in range(ERROR_LINES_A_SECOND):
            if episode.weight(second + 0.2 * number) > 0:
                message = kind.message.format(number=second * 10 + number, version=service.version)
                where = f"[{episode.instance}] " if kind.one_instance else ""
                yield 200_000_000 * number + 7, "error", f"ERROR {where}{message}"
