"""A server that does exactly one fault, and counts the requests that reached it whole: what a client says is held
against this count, not against what the client believes.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes `close` send a reset."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STRAY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
NO_HANDSHAKE = b"HTTP/1.1 400 Bad Request\r\n\r\n"


@dataclass
class Visit:
    """One connection, as the server has it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    site: "Site"

    async def request(self) -> None:
        """A whole request, counted."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lengths = [
            line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        ]
        await self.reader.readexactly(int(lengths[0]) if lengths else 0)
        self.site.whole += 1

    async def says(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    def reset(self) -> None:
        taken = self.writer.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.writer.transport.abort()

    async def stays(self) -> None:
        """Until the test is over."""
        await self.site.over.wait()


Fault = Callable[[Visit], Awaitable[None]]


@dataclass
class Site:
    """`faults` are done one a connection, the last of them on every further one."""

    faults: Sequence[Fault]
    port: int = 0
    visits: int = 0
    whole: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set["asyncio.Task[object] | None"] = field(default_factory=set["asyncio.Task[object] | None"])

    async def visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self.faults[min(self.visits, len(self.faults) - 1)]
        self.visits += 1
        self.tasks.add(asyncio.current_task())
        try:
            await fault(Visit(reader, writer, self))
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self.done.set()

    async def told(self) -> None:
        """Until the server has done its part, and the client's loop had its turn to see that."""
        await self.done.wait()
        for _ in range(3):
            await asyncio.sleep(0)

    def url(self, scheme: str = "http", host: str = LOOPBACK) -> str:
        return f"{scheme}://{host}:{self.port}/effect"


@asynccontextmanager
async def site(*faults: Fault, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Site]:
    found = Site(faults)
    server = await asyncio.start_server(found.visited, LOOPBACK, 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        found.over.set()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*(task for task in found.tasks if task is not None))


def closed_port() -> int:
    """A port that nothing listens on: it was free a moment ago."""
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def full_port() -> AsyncGenerator[int]:
    """A port whose queue of connections is full: the kernel drops each further attempt."""
    waiting: list[socket.socket] = []
    with closing(socket.socket()) as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        try:
            for _ in range(4):
                attempt = socket.socket()
                attempt.setblocking(False)
                attempt.connect_ex(listener.getsockname())
                waiting.append(attempt)
            yield int(listener.getsockname()[1])
        finally:
            for attempt in waiting:
                attempt.close()


async def reset_at_once(visit: Visit) -> None:
    visit.reset()


async def close_at_once(visit: Visit) -> None:
    visit.writer.close()


async def reset_in_the_request(visit: Visit) -> None:
    await visit.reader.readexactly(20)
    visit.reset()


async def close_in_the_request(visit: Visit) -> None:
    await visit.reader.readexactly(20)


async def read_and_close(visit: Visit) -> None:
    await visit.request()


async def read_and_reset(visit: Visit) -> None:
    await visit.request()
    visit.reset()


async def read_and_stay(visit: Visit) -> None:
    await visit.request()
    await visit.stays()


async def half_a_head(visit: Visit) -> None:
    await visit.request()
    await visit.says(b"HTTP/1.1 200 OK\r\nContent-Le")


async def half_a_head_then_silence(visit: Visit) -> None:
    await half_a_head(visit)
    await visit.stays()


async def short_body(visit: Visit) -> None:
    await visit.request()
    await visit.says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")


async def short_body_then_reset(visit: Visit) -> None:
    await short_body(visit)
    visit.reset()


async def short_body_then_silence(visit: Visit) -> None:
    await short_body(visit)
    await visit.stays()


async def cut_chunks(visit: Visit) -> None:
    await visit.request()
    await visit.says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n")


async def broken_gzip(visit: Visit) -> None:
    await visit.request()
    await visit.says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone")


async def garbage(visit: Visit) -> None:
    await visit.request()
    await visit.says(b"\x00\xff this is no HTTP at all\r\n\r\n")


async def garbage_chunks(visit: Visit) -> None:
    await visit.request()
    await visit.says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot-a-size\r\n\r\n")
    await visit.stays()


async def answers(visit: Visit) -> None:
    """Keeps the connection, as a server should."""
    while True:
        await visit.request()
        await visit.says(OK)


async def answer_then_close(visit: Visit) -> None:
    await visit.request()
    await visit.says(OK)


async def answer_then_read_and_close(visit: Visit) -> None:
    """The race of keep-alive: the connection ends when the next request has just arrived."""
    await visit.request()
    await visit.says(OK)
    await visit.request()


async def answer_and_one_more(visit: Visit) -> None:
    """An answer nobody has asked for comes with the first one, on a connection that stays."""
    await visit.request()
    await visit.says(OK + STRAY)
    visit.site.done.set()
    await visit.stays()


async def answer_and_later_one_more(visit: Visit) -> None:
    """The same, when the client has long put the connection back."""
    await visit.request()
    await visit.says(OK)
    await visit.site.answered.wait()
    await visit.says(STRAY)
    visit.site.done.set()
    await visit.stays()


async def no_tls_here(visit: Visit) -> None:
    await visit.reader.read(1)
    await visit.says(NO_HANDSHAKE)


async def silence(visit: Visit) -> None:
    await visit.stays()
