"""An API that lists orders, paged in every style, with what real ones do wrong; on loopback."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Order = dict[str, Any]


@dataclass
class ShopApi:
    """`answers` are given first, one for each request. `asked` are the queries, oldest first; `at` their moments."""

    orders: list[Order] = field(default_factory=list[Order])
    answer: Callable[[Request], Response] | None = None
    """Gives all answers, where it is set."""
    total: bool = False
    largest_page: int = 100
    next_link: str | None = None
    answers: list[Response] = field(default_factory=list[Response])
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    at: list[float] = field(default_factory=list[float])
    tokens: list[str | None] = field(default_factory=list[str | None])
    url: str = ""
    held: int = 0
    """Which request waits for `going_on`, by its number."""
    going_on: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def served(self) -> Generator[str]:
        """Its base URL, which has a path."""
        routes = [Route(f"/v1/{name}", handler) for name, handler in self._handlers().items()]
        config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="error", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        ready = threading.Event()
        told = server.startup

        async def startup(*args: Any, **kwargs: Any) -> None:
            await told(*args, **kwargs)
            ready.set()

        server.startup = startup
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            assert ready.wait(20)
            port = server.servers[0].sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{port}/v1"
            yield self.url
        finally:
            server.should_exit = True
            thread.join()

    def _handlers(self) -> dict[str, Any]:
        return {"pages": self._pages, "cursors": self._cursors, "links": self._links, "list": self._list}

    async def _begin(self, request: Request) -> Response | None:
        self.asked.append(dict(request.query_params))
        self.at.append(time.monotonic())
        self.tokens.append(request.headers.get("authorization"))
        if len(self.asked) == self.held:
            await asyncio.to_thread(self.going_on.wait)
        if self.answer is not None:
            return self.answer(request)
        return self.answers.pop(0) if self.answers else None

    def _found(self, request: Request) -> list[Order]:
        since, until = request.query_params.get("since"), request.query_params.get("until")
        return [
            order
            for order in self.orders
            if (since is None or order["at"] >= since) and (until is None or order["at"] < until)
        ]

    async def _pages(self, request: Request) -> Response:
        if (answer := await self._begin(request)) is not None:
            return answer
        size = min(int(request.query_params["per_page"]), self.largest_page)
        page = int(request.query_params["page"])
        found = self._found(request)
        content: Order = {"data": {"items": found[(page - 1) * size : page * size]}}
        if self.total:
            content["meta"] = {"total": len(found)}
        return _json(content)

    async def _cursors(self, request: Request) -> Response:
        if (answer := await self._begin(request)) is not None:
            return answer
        size, start = int(request.query_params["per_page"]), int(request.query_params.get("cursor", "0"))
        rest = start + size < len(self.orders)
        return _json({"items": self.orders[start : start + size], "next_cursor": str(start + size) if rest else None})

    async def _links(self, request: Request) -> Response:
        if (answer := await self._begin(request)) is not None:
            return answer
        size, start = int(request.query_params.get("per_page", "10")), int(request.query_params.get("from", "0"))
        headers: dict[str, str] = {}
        if start + size < len(self.orders):
            following = self.next_link or f"/v1/links?per_page={size}&from={start + size}"
            headers["link"] = f'<{self.url}/links>; rel="first", <{following}>; rel="next"'
        return _json(self.orders[start : start + size], headers)

    async def _list(self, request: Request) -> Response:
        return await self._begin(request) or _json(self.orders)


def _json(content: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), media_type="application/json", headers=headers)
