"""A real server on a free loopback port that says exactly what it is told to, and a resolver that needs no DNS."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest
from pydantic import JsonValue

from towpath.config.connections import Connection, Connections
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import ServiceError
from towpath.contracts.declared.http_call import HttpRequest
from towpath.engine.expression.template import secret_named
from towpath.engine.expression.values import Value
from towpath.engine.run.references import detach
from towpath.integrations.http.guarded_http import GuardedHttp

LOOPBACK = "127.0.0.1"
CANARY = "sk-canary/1+2 3"


@dataclass(frozen=True)
class Seen:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Handler = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


def raw(status: int, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Said", "Connection: close", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Loopback:
    """Closes after each answer, so that each request looks its name up again."""

    handlers: dict[str, Handler] = field(default_factory=dict[str, Handler])
    seen: list[Seen] = field(default_factory=list[Seen])
    released: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.released.set()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def url(self, path: str, host: str = LOOPBACK) -> str:
        return f"http://{host}:{self.port}{path}"

    def says(self, path: str, status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        answer = raw(status, headers or {}, body)

        async def write(_: Seen, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            await writer.drain()

        self.handlers[path] = write

    def says_json(self, path: str, value: JsonValue) -> None:
        self.says(path, headers={"Content-Type": "application/json"}, body=json.dumps(value).encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            self.seen.append(request)
            await self.handlers[request.target.partition("?")[0]](request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return Seen(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@dataclass
class Names:
    """A resolver: each look-up of a name uses up one answer, the last one stays."""

    answers: Mapping[str, Sequence[Sequence[str]]]
    lookups: list[str] = field(default_factory=list[str])

    def __call__(self, host: str, port: int, *_: Any) -> list[tuple[int, int, int, str, tuple[Any, ...]]]:
        self.lookups.append(host)
        answers = self.answers.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown name")
        addresses = answers[min(self.lookups.count(host), len(answers)) - 1]
        return [_row(address, port) for address in addresses]


def _row(address: str, port: int) -> tuple[int, int, int, str, tuple[Any, ...]]:
    if ip_address(address).version == 4:
        return socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port)
    return socket.AF_INET6, socket.SOCK_STREAM, 0, "", (address, port, 0, 0)


HERE = {name: [[LOOPBACK]] for name in (LOOPBACK, "one.example", "two.example", "tls.example", "wrong.example")}


def connection(name: str, **entry: Any) -> Connection:
    return Connection.model_validate({"name": name, **entry})


def connections(*entries: Connection) -> Connections:
    return Connections({entry.name: entry for entry in entries})


INNER = connection("inner", hosts=[LOOPBACK, "one.example", "two.example"], allow_http=True, allow_private=True)


@asynccontextmanager
async def guarded(
    *entries: Connection,
    names: Callable[..., Any] | None = None,
    tls: ssl.SSLContext | None = None,
    secrets: Secrets | None = None,
) -> AsyncGenerator[GuardedHttp]:
    allowed = connections(*(entries or (INNER,)))
    known = secrets or Secrets({"TOKEN": CANARY})
    http = GuardedHttp(allowed, known, resolver=names or Names(HERE), tls=tls)
    try:
        yield http
    finally:
        await http.close()


async def failing(http: GuardedHttp, request: HttpRequest) -> ServiceError:
    """The failure of a request, which is checked to tell nothing of what must stay inside."""
    with pytest.raises(ServiceError) as caught:
        await http.send(request)
    told = f"{caught.value.message} {caught.value.evidence}"
    assert not [word for word in (CANARY, "/path", "key-word") if word in told]
    assert caught.value.evidence.keys() == {"host", "method", "status"}
    assert caught.value.__cause__ is None
    return caught.value


SECRET = secret_named("TOKEN")


def asked(url: Value, **fields: Any) -> HttpRequest:
    """A request as a step makes it: each SecretText in it is told beside the data."""
    data, references = detach({"url": url, "key": "run/step", **fields})
    return HttpRequest.model_validate({"references": references, **data})
