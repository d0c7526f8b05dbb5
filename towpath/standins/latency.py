"""How long every outside call takes, on order, and when each was under way. For measurements; open with `--faults`."""

import asyncio
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

OWN_PATHS = ("/_standins", "/health")
MOST = 100_000


class Latency:
    """`seconds` is added to each call; `calls` are path, begin and end in seconds of one clock."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls: list[tuple[str, float, float]] = []

    def route(self) -> Route:
        """POST `{"seconds": 1}` sets it and forgets the calls; GET tells the calls."""
        return Route("/latency", self._order, methods=["GET", "POST"])

    async def _order(self, request: Request) -> Response:
        if request.method == "POST":
            wanted: dict[str, Any] = await request.json()
            self.seconds = float(wanted["seconds"])
            self.calls.clear()
        return JSONResponse({"seconds": self.seconds, "calls": self.calls})


class Delayed:
    """Middleware that lets each call take its time."""

    def __init__(self, app: ASGIApp, latency: Latency) -> None:
        self._app = app
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or path.startswith(OWN_PATHS):
            await self._app(scope, receive, send)
            return
        begun = time.monotonic()
        if self._latency.seconds:
            await asyncio.sleep(self._latency.seconds)
        try:
            await self._app(scope, receive, send)
        finally:
            if len(self._latency.calls) < MOST:
                self._latency.calls.append((path, begun, time.monotonic()))
