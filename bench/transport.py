"""What an HTTP call costs the process that makes it, by transport: JSON posts to a stub on loopback."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from statistics import median

import aiohttp
import httpx
import httpx2
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table
from ssrfguard.httpx import AsyncSafeTransport

from bench.http_stub import LOOPBACK
from towpath.config.connections import Connection, Connections
from towpath.config.secrets import Secrets
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.declared.http_call import HttpRequest
from towpath.integrations.http.guarded_http import GuardedHttp, TransportFactory, policy
from towpath.outside.transport import AiohttpTransport

SERVICES = 5
LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=100)
PAYLOAD: dict[str, JsonValue] = {
    "customer": "c-1",
    "amount": 4200,
    "currency": "EUR",
    "note": "a line of text about it",
}
Post = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class TransportRow:
    """`ratio` is CPU against httpx with one client, in the same rounds."""

    lane: str
    in_flight: int
    cpu_ms: float
    ratio: float


async def transport_rows(
    rounds: int = 5, calls: int = 600, in_flight: tuple[int, ...] = (5, 150)
) -> list[TransportRow]:
    rows: list[TransportRow] = []
    async with stub() as url:
        for many in in_flight:
            figures: dict[str, list[float]] = {lane: [] for lane in LANES}
            for _ in range(rounds):
                for lane, open_lane in LANES.items():
                    async with open_lane(url) as post:
                        await _spent(post, many * 2, many)
                        figures[lane].append(await _spent(post, calls, many))
            base = median(figures["httpx"])
            rows += [TransportRow(lane, many, median(spent), median(spent) / base) for lane, spent in figures.items()]
    return rows


@asynccontextmanager
async def stub() -> AsyncGenerator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.http_stub", stdout=asyncio.subprocess.PIPE
    )
    try:
        line = b"" if process.stdout is None else await process.stdout.readline()
        yield f"http://{LOOPBACK}:{int(line)}/v1/orders"
    finally:
        process.terminate()
        await process.wait()


def show_transports(console: Console, rows: Sequence[TransportRow]) -> None:
    table = Table("in flight", "transport", "CPU ms a call", "x httpx", title="An HTTP call, JSON post on loopback")
    for row in rows:
        table.add_row(str(row.in_flight), row.lane, f"{row.cpu_ms:.2f}", f"{row.ratio:.2f}")
    console.print(table)


@asynccontextmanager
async def by_httpx(url: str, transports: Sequence[httpx.AsyncBaseTransport | None]) -> AsyncGenerator[Post]:
    """One client for each transport, in turn. None is httpx's own."""
    async with AsyncExitStack() as stack:
        clients = [httpx.AsyncClient(timeout=30, limits=LIMITS, transport=transport) for transport in transports]
        for client in clients:
            await stack.enter_async_context(client)
        turn = cycle(clients)
        yield lambda: next(turn).post(url, json=PAYLOAD)


@asynccontextmanager
async def by_httpx2(url: str) -> AsyncGenerator[Post]:
    async with httpx2.AsyncClient(timeout=30, limits=httpx2.Limits(max_connections=200)) as client:
        yield lambda: client.post(url, json=PAYLOAD)


@asynccontextmanager
async def by_aiohttp(url: str) -> AsyncGenerator[Post]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as session:

        async def post() -> object:
            async with session.post(url, json=PAYLOAD) as answer:
                return await answer.json()

        yield post


@asynccontextmanager
async def by_step(url: str, transport: TransportFactory | None) -> AsyncGenerator[Post]:
    """The `http` step, its guard included. None is our transport."""
    open_here = Connection(name="stub", hosts=(LOOPBACK,), allow_http=True, allow_private=True)
    http = GuardedHttp(Connections({"stub": open_here}), Secrets({}), transport=transport)
    request = HttpRequest(method="POST", url=url, body=PAYLOAD, key=EffectKey("run/step"))
    try:
        yield lambda: http.send(request)
    finally:
        await http.close()


def guarded_by_ssrfguard(connection: Connection) -> httpx.AsyncBaseTransport:
    return AsyncSafeTransport(policy=policy(connection))


LANES: dict[str, Callable[[str], AbstractAsyncContextManager[Post]]] = {
    "httpx": lambda url: by_httpx(url, [None]),
    "httpx, a client a service": lambda url: by_httpx(url, [None] * SERVICES),
    "httpx2": by_httpx2,
    "ours": lambda url: by_httpx(url, [AiohttpTransport()]),
    "ours, a client a service": lambda url: by_httpx(url, [AiohttpTransport() for _ in range(SERVICES)]),
    "aiohttp itself": by_aiohttp,
    "http step over httpx": lambda url: by_step(url, guarded_by_ssrfguard),
    "http step over ours": lambda url: by_step(url, None),
}


async def _spent(post: Post, calls: int, in_flight: int) -> float:
    """CPU milliseconds a call."""
    left = calls

    async def one_after_another() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await post()

    begun = time.process_time()
    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
    return (time.process_time() - begun) / calls * 1000
