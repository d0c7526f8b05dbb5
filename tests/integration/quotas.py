"""What tests of limits share: a receiver that counts by its own clock, workers with limits, and runs that call it."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.conftest import House
from tests.integration.definitions import Handle, document, start
from towpath.contracts.core.wire import JsonObject
from towpath.local.processes import Child

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Arrival:
    """One request: when it came, what it asked for, and how many were at work with it."""

    at: float
    path: str
    key: str
    at_once: int


@dataclass
class Receiver:
    """An HTTP server on loopback that takes `seconds` for each request, and keeps all that came."""

    port: int
    seconds: float = 0.0
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    _open: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def most_at_once(self) -> int:
        return max((arrival.at_once for arrival in self.arrivals), default=0)

    def most_within(self, seconds: float) -> int:
        """Of all spans so long, however they begin, the one in which most came."""
        times = sorted(arrival.at for arrival in self.arrivals)
        return max((sum(begin <= at < begin + seconds for at in times) for begin in times), default=0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                await self._answer(head)
                body = b'{"ok":true}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, head: bytes) -> None:
        self._open += 1
        key = re.search(rb"idempotency-key: *(\S+)", head, re.IGNORECASE)
        path = head.split(b" ", 2)[1].decode()
        self.arrivals.append(Arrival(time.monotonic(), path, key[1].decode() if key else "", self._open))
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self._open -= 1


@asynccontextmanager
async def receiving(seconds: float = 0.0) -> AsyncGenerator[Receiver]:
    receiver = Receiver(0, seconds)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def limited(
    house: House, limits: Mapping[str, JsonObject], log: Path | None = None
) -> AbstractAsyncContextManager[Child]:
    """A worker that reaches this machine by connections with these limits."""
    path = house.folder / "connections.json"
    reach: JsonObject = {"hosts": ["127.0.0.1"], "allow_http": True, "allow_private": True}
    path.write_text(json.dumps({name: {**reach, "limits": given} for name, given in limits.items()}), encoding="utf-8")
    return house.worker({"TOWPATH_CONNECTIONS_FILE": str(path)}, log=log)


def calling(receiver: Receiver, connection: str, *, more: str = "", step: str = "", then: str = "") -> JsonObject:
    """A definition with one step that posts to the receiver for each of its `items`."""
    path = "{{ inputs.customer }}/{{ item }}"
    return document(
        f"""
id: calling
version: "1.0.0"
inputs: {{items: {{type: array}}, customer: {{type: string, default: nobody}}}}
{more}
steps:
  - id: call
    type: http
    for_each: {{in: "{{{{ inputs.items }}}}", concurrency: 250}}
    {step}
    config: {{url: "{receiver.url}/{path}", method: POST, body: {{n: "{{{{ item }}}}"}}, connection: {connection}}}
{then}
"""
    )


async def call(house: House, given: JsonObject, count: int, customer: str = "nobody") -> Handle:
    return await start(house, given, {"items": list(range(count)), "customer": customer})


def customers(arrivals: Sequence[Arrival]) -> Sequence[str]:
    """Whose request came, in order."""
    return [arrival.path.split("/")[1] for arrival in arrivals]


def sent_twice(arrivals: Sequence[Arrival]) -> Mapping[str, int]:
    keys = [arrival.key for arrival in arrivals]
    return {key: keys.count(key) for key in keys if keys.count(key) > 1}
