"""What an HTTP call costs the process that makes it, by transport: JSON posts to a stub on loopback."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from statistics import median

import aiohttp
import httpx
import httpx2

from bench.http_stub import LOOPBACK
from towpath.clients.transport import AiohttpTransport

SERVICES = 5
PAYLOAD = {"customer": "c-1", "amount": 4200, "currency": "EUR", "note": "a line of text about it"}
LANES = ("httpx", "httpx, a client a service", "httpx2", "ours", "ours, a client a service", "aiohttp itself")

Post = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class TransportRow:
    """`ratio` is CPU against httpx with one client, in the same rounds."""

    lane: str
    in_flight: int
    cpu_ms: float
    ratio: float


async def transport_rows(
    rounds: int = 5, calls: int = 1500, in_flight: tuple[int, ...] = (5, 150)
) -> list[TransportRow]:
    rows: list[TransportRow] = []
    async with stub() as url:
        for many in in_flight:
            figures: dict[str, list[float]] = {lane: [] for lane in LANES}
            for _ in range(rounds):
                for lane in LANES:
                    async with poster(lane, url) as post:
                        await _spent(post, many * 2, many)
                        figures[lane].append(await _spent(post, calls, many))
            base = median(figures[LANES[0]])
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


@asynccontextmanager
async def poster(lane: str, url: str) -> AsyncGenerator[Post]:
    async with AsyncExitStack() as stack:
        if lane == LANES[5]:
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)))
            yield lambda: _by_aiohttp(session, url)
        elif lane == LANES[2]:
            other = httpx2.AsyncClient(timeout=30, limits=httpx2.Limits(max_connections=200))
            await stack.enter_async_context(other)
            yield lambda: other.post(url, json=PAYLOAD)
        else:
            clients = [_client(lane) for _ in range(SERVICES if "service" in lane else 1)]
            for client in clients:
                await stack.enter_async_context(client)
            turn = cycle(clients)
            yield lambda: next(turn).post(url, json=PAYLOAD)


def _client(lane: str) -> httpx.AsyncClient:
    if lane.startswith("ours"):
        return httpx.AsyncClient(timeout=30, transport=AiohttpTransport())
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=100)
    return httpx.AsyncClient(timeout=30, limits=limits)


async def _by_aiohttp(session: aiohttp.ClientSession, url: str) -> object:
    async with session.post(url, json=PAYLOAD) as answer:
        return await answer.json()


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
