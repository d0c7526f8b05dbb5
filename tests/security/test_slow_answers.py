"""A server that answered a byte at a time kept some of our clients for as long as it liked."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat

import httpx
import httpx2
import obstore
import pytest
from obstore.store import S3Store

from tests.security.outside import KINDS, MIB, Ask, by_claude, by_pipeline, by_step, listening
from tests.security.test_client import FAILURES, PATIENT
from towpath.outside.blocking import READS, blocking_client
from towpath.outside.bounds import AnswerBounds
from towpath.outside.client import http_client
from towpath.outside.objects import object_options
from towpath.outside.sdk import sdk_client

SECONDS = 1.0
"""The whole time of each client here; the server goes on for twenty times as long."""
TICK = 0.02
TICKS = 1000
GOOD = b"HTTP/1.1 200 OK\r\n"
SLOW: dict[str, Callable[[], Iterator[bytes]]] = {
    "header": lambda: chain([GOOD + b"X-Drip: "], repeat(b"x")),
    "many headers": lambda: chain([GOOD], repeat(b"a:b\r\n")),
    "interim answers": lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": lambda: chain([GOOD + b"Content-Length: 1000000\r\n\r\n"], repeat(b" ")),
    "head of a chunk": lambda: chain([GOOD + b"Transfer-Encoding: chunked\r\n\r\n1;"], repeat(b"x")),
    "chunks": lambda: chain([GOOD + b"Transfer-Encoding: chunked\r\n\r\n"], repeat(b"1\r\n \r\n")),
    "trailer": lambda: chain([GOOD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Drip: "], repeat(b"x")),
    "nothing": lambda: repeat(b""),
}
every_slow_answer = pytest.mark.parametrize("pieces", SLOW.values(), ids=SLOW)


async def by_blocking(_: httpx.AsyncClient, url: str) -> object:
    def get() -> object:
        with blocking_client(SECONDS / READS, MIB) as client:
            return client.get(url)

    return await asyncio.to_thread(get)


async def by_sdk(_: httpx.AsyncClient, url: str) -> object:
    async with sdk_client(httpx2.Timeout(20.0), bounds=AnswerBounds(MIB, SECONDS)) as client:
        return await client.get(url)


async def by_objects(_: httpx.AsyncClient, url: str) -> object:
    options = object_options(allow_http=True, seconds=SECONDS)
    store = S3Store(
        "bucket",
        endpoint=url,
        region="us-east-1",
        access_key_id="a",
        secret_access_key="b",
        client_options=options,
        retry_config={"max_retries": 0},
    )
    return await (await obstore.get_async(store, "key")).bytes_async()


ASKED: dict[str, Ask] = KINDS | {
    "http step": partial(by_step, seconds=SECONDS),
    "claude": partial(by_claude, seconds=SECONDS),
    "pipeline": partial(by_pipeline, seconds=SECONDS / READS),
    "door": by_blocking,
    "sdk by itself": by_sdk,
    "object store": by_objects,
}


@dataclass
class Visits:
    """Of the connections of clients: how many began, and how many the server gave up."""

    begun: int = 0
    outlasted: int = 0


@asynccontextmanager
async def slow_site(pieces: Callable[[], Iterator[bytes]]) -> AsyncGenerator[tuple[str, Visits]]:
    """A piece each tick, until the client has gone."""
    visits = Visits()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.begun += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            for _, piece in zip(range(TICKS), pieces(), strict=False):
                writer.write(piece)
                await writer.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK):
                        while await reader.read(MIB):
                            pass
                        return
            visits.outlasted += 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with listening(serve) as url:
        yield url, visits


@every_slow_answer
async def test_no_answer_outlasts_its_client(pieces: Callable[[], Iterator[bytes]]) -> None:
    """Each kind of client ends by its whole time, however the server spreads its bytes."""
    async with slow_site(pieces) as (url, visits), http_client(PATIENT, AnswerBounds(MIB, SECONDS)) as http:

        async def ended(name: str, ask: Ask) -> str | None:
            before = visits.outlasted
            try:
                await ask(http, url)
            except (*FAILURES, httpx2.HTTPError, obstore.exceptions.BaseError):
                return None
            return name if visits.outlasted == before else f"{name}: outlasted"

        found = await asyncio.gather(*(ended(name, ask) for name, ask in ASKED.items()))

    assert [name for name in found if name] == []
    assert visits.begun >= len(ASKED)
    assert visits.outlasted == 0
