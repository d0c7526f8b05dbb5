"""How long every outside call takes, on order, and an account of the calls. For measurements; open with `--faults`."""

import asyncio
import time
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from towpath.standins.control import LatencyOrder

OWN_PATHS = ("/_standins", "/health")
KEPT_HEADERS = frozenset({"content-type", "idempotency-key", "authorization", "anthropic-version", "x-api-key"})
MOST = 100_000


@dataclass(frozen=True, slots=True)
class TimedCall:
    """One call: what was asked, and when it began and ended in seconds of the machine's monotonic clock."""

    method: str
    path: str
    began: float
    ended: float
    headers: dict[str, str]
    body: str


class Latency:
    """`seconds` is added to each call. With `bodies`, headers and bodies are kept, to be sent again."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.bodies = False
        self.calls: list[TimedCall] = []

    def route(self) -> Route:
        """POST `{"seconds": 1, "bodies": false}` sets both and forgets the calls; GET tells the calls."""
        return Route("/latency", self._order, methods=["GET", "POST"])

    async def _order(self, request: Request) -> Response:
        if request.method == "POST":
            wanted = LatencyOrder.model_validate_json(await request.body())
            self.seconds, self.bodies = wanted.seconds, wanted.bodies
            self.calls.clear()
        return JSONResponse({"seconds": self.seconds, "calls": [asdict(call) for call in self.calls]})


class Delayed:
    """Middleware that lets each call take its time, and keeps the account."""

    def __init__(self, app: ASGIApp, latency: Latency) -> None:
        self._app = app
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or path.startswith(OWN_PATHS):
            await self._app(scope, receive, send)
            return
        began, body = time.monotonic(), bytearray()

        async def heard() -> Message:
            message = await receive()
            if self._latency.bodies:
                body.extend(message.get("body", b""))
            return message

        if self._latency.seconds:
            await asyncio.sleep(self._latency.seconds)
        try:
            await self._app(scope, heard, send)
        finally:
            if len(self._latency.calls) < MOST:
                self._latency.calls.append(self._call(scope, path, began, bytes(body)))

    def _call(self, scope: Scope, path: str, began: float, body: bytes) -> TimedCall:
        query = scope["query_string"].decode()
        whole = f"{path}?{query}" if query else path
        pairs: list[tuple[bytes, bytes]] = scope["headers"] if self._latency.bodies else []
        headers = {name.decode(): value.decode() for name, value in pairs if name.decode() in KEPT_HEADERS}
        return TimedCall(scope["method"], whole, began, time.monotonic(), headers, body.decode(errors="replace"))
