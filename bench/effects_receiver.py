"""Receives what the effect lanes send, and counts it by idempotency key: `python -m bench.effects_receiver PORT`.

A POST is counted and answered at once, always with the same object. `GET /counts` tells what came, `GET /counts/320`
the same as soon as so many requests have come, and `DELETE /counts` forgets all of it. It is a bare protocol, because
two cores have to carry the lanes as well.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import cast

from towpath.local.server import LOOPBACK

COUNTS = b"/counts"
ANSWER = b'{"id":"a-1","industry":"logistics","accepted":true}'
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Received:
    method: bytes
    path: bytes
    key: bytes
    body: bytes


class Ledger:
    """Requests by key. `changed` are the keys that came again with another body."""

    def __init__(self) -> None:
        self._requests = 0
        self._bodies: dict[bytes, bytes] = {}
        self._changed: set[bytes] = set()
        self._waiting: list[tuple[int, asyncio.Transport]] = []

    def take(self, request: Received, connection: asyncio.Transport) -> None:
        """Count a request, or answer a question about the count."""
        if not request.path.startswith(COUNTS):
            self._count(request)
            _send(connection, ANSWER)
        elif request.method == b"DELETE":
            self._forget()
            _send(connection, self._told())
        else:
            wanted = int(request.path.removeprefix(COUNTS).lstrip(b"/") or 0)
            self._waiting.append((wanted, connection))
        self._tell()

    def _count(self, request: Received) -> None:
        self._requests += 1
        if self._bodies.setdefault(request.key, request.body) != request.body:
            self._changed.add(request.key)

    def _forget(self) -> None:
        self._requests = 0
        self._bodies.clear()
        self._changed.clear()

    def _told(self) -> bytes:
        counts = {"requests": self._requests, "keys": len(self._bodies), "changed": len(self._changed)}
        return json.dumps(counts).encode()

    def _tell(self) -> None:
        due = [connection for wanted, connection in self._waiting if wanted <= self._requests]
        if due:
            self._waiting = [pair for pair in self._waiting if pair[0] > self._requests]
            for connection in due:
                _send(connection, self._told())


class Connection(asyncio.Protocol):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        while self._transport is not None and (found := _first(self._held)) is not None:
            request, self._held = found
            self._ledger.take(request, self._transport)


def _first(held: bytes) -> tuple[Received, bytes] | None:
    """The first whole request of what was read, and the rest."""
    head, end, rest = held.partition(HEAD_END)
    if not end:
        return None
    line, *lines = head.split(b"\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (entry.partition(b":") for entry in lines)}
    length = int(headers.get(b"content-length", 0))
    if len(rest) < length:
        return None
    method, path, _ = line.split(b" ", 2)
    return Received(method, path, headers.get(b"idempotency-key", b""), rest[:length]), rest[length:]


def _send(connection: asyncio.Transport, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d" % len(body)
    connection.write(head + HEAD_END + body)


async def main(port: int) -> None:
    ledger = Ledger()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(ledger), LOOPBACK, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
