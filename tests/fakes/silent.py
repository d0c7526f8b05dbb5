"""A server that takes every request and answers none, but those below `/quick`: it knows when a caller let go."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from towpath.local.server import LOOPBACK

BODY = b'{"done": true}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


@dataclass
class Held:
    """One request. Times are of the event loop."""

    text: str
    closed: asyncio.Future[float] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass
class Silent:
    """`quick` are the paths that were answered, and when."""

    url: str = ""
    held: list[Held] = field(default_factory=list[Held])
    quick: dict[str, float] = field(default_factory=dict[str, float])
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def holding(self, word: str) -> Held:
        """The request that has the word in it, once it is there."""
        async with asyncio.timeout(60), self._changed:
            while True:
                found = next((held for held in self.held if word in held.text), None)
                if found is not None:
                    return found
                await self._changed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await self._request(reader, writer):
            pass
        writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        path = head.split(" ")[1]
        if path.startswith("/quick/"):
            await _rest(reader, head)
            self.quick[path.removeprefix("/quick/")] = asyncio.get_running_loop().time()
            writer.write(ANSWER)
            return True
        held = Held(head)
        self.held.append(held)
        await self._tell()
        while more := await _more(reader):
            held.text += more.decode("latin-1")
            await self._tell()
        held.closed.set_result(asyncio.get_running_loop().time())
        return False

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _rest(reader: asyncio.StreamReader, head: str) -> None:
    """The body of a request that is answered."""
    lengths = [line.partition(":")[2] for line in head.lower().splitlines() if line.startswith("content-length:")]
    await reader.readexactly(int(lengths[0]) if lengths else 0)


async def _more(reader: asyncio.StreamReader) -> bytes:
    """What else the caller sends; nothing once it let go."""
    try:
        return await reader.read(65536)
    except ConnectionError:
        return b""


@asynccontextmanager
async def silent() -> AsyncGenerator[Silent]:
    server = Silent()
    listening = await asyncio.start_server(server.serve, LOOPBACK, 0)
    server.url = f"http://{LOOPBACK}:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield server
