"""A server in a process of its own that takes JSON posts and answers each the same. It prints its port."""

import asyncio
import sys

LOOPBACK = "127.0.0.1"
BODY = b'{"id": "0123456789abcdef", "status": "accepted", "amount": 4200}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
LENGTH = b"content-length: "


class Stub(asyncio.Protocol):
    def __init__(self) -> None:
        self._read = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (size := _whole(self._read)) and self._transport is not None:
            self._read = self._read[size:]
            self._transport.write(ANSWER)


def _whole(read: bytes) -> int:
    """The size of the first request, 0 while it is not complete."""
    head, end, body = read.partition(b"\r\n\r\n")
    if not end:
        return 0
    length = int(head.lower().partition(LENGTH)[2].partition(b"\r\n")[0] or b"0")
    return len(head) + len(end) + length if len(body) >= length else 0


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Stub, LOOPBACK, 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
