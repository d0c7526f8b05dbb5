"""The HTTP transport that effects go through, and what its errors say: never sent, or perhaps received.

It is an httpx transport on aiohttp, which costs a fraction of httpcore's CPU time (docs/adr/0018). It refuses to guess:
from the moment a connection is handed over a request counts as sent, whatever aiohttp calls the error, and no request
is sent again behind its caller's back.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from types import CoroutineType
from typing import Any

import aiohttp
import httpx
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from aiohttp.typedefs import LooseHeaders
from multidict import CIMultiDict
from yarl import URL

from towpath.outside.bounded import ATTEMPT
from towpath.outside.tls import tls_context

NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)
"""Errors before the whole request could have left: every other one may hide a request that was received."""

MAX_CONNECTIONS = 200
KEEP_ALIVE_SECONDS = 5.0
"""As httpx: the longer, the more connections are met that the server closes at the same moment."""
MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 1000
PIECE_BYTES = 64 * 1024
"""What buffers take at once. A larger body is written in pieces, each within the write time-out."""
SCHEMES = frozenset({"http", "https"})

_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""What aiohttp would add to a request."""


def never_sent(error: Exception) -> bool:
    """Whether it is certain that no server has received the request that failed with this error."""
    return isinstance(error, NEVER_SENT)


@dataclass(slots=True)
class Attempt:
    """How far a request has come, for whoever cuts it off from outside.

    `unsent` is true only while the transport knows that nothing has left; a transport that does not know leaves it.
    """

    unsent: bool = False


class SentBeforeError(aiohttp.ClientConnectionError):
    """aiohttp wanted to send a request again whose first copy may have been received."""


_current: ContextVar[Attempt] = ContextVar(ATTEMPT)


class Connector(aiohttp.TCPConnector):
    """Hands over one connection for each request, never one that holds an answer nobody has asked for."""

    def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> "CoroutineType[Any, Any, Connection]":
        return self._hand_over(req, traces, timeout)

    async def _hand_over(
        self, req: aiohttp.ClientRequest, traces: list[Trace], limits: aiohttp.ClientTimeout
    ) -> Connection:
        attempt = _current.get()
        if not attempt.unsent:
            raise SentBeforeError
        connection = await super().connect(req, traces, limits)
        while connection.protocol is not None and connection.protocol.should_close:
            connection.close()
            connection = await super().connect(req, traces, limits)
        try:
            self.admit(connection)
        except BaseException:
            connection.close()
            raise
        attempt.unsent = False
        return connection

    def admit(self, connection: Connection) -> None:
        """Whatever it raises keeps the connection from being used."""


def plain_connector(tls: ssl.SSLContext | None = None) -> Connector:
    return Connector(ssl=tls or tls_context(), use_dns_cache=False, keepalive_timeout=KEEP_ALIVE_SECONDS, limit=0)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Bodies of answers are streamed as they came, headers raw; cookies, redirects and codings are the client's.

    `connector` is called once, within the running loop. A request's own body is read before it is sent.
    """

    def __init__(
        self, connector: Callable[[], Connector] = plain_connector, max_connections: int = MAX_CONNECTIONS
    ) -> None:
        self._connector = connector
        self._slots = asyncio.Semaphore(max_connections)
        self._opened: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        attempt = request.extensions.get(ATTEMPT) or Attempt()
        attempt.unsent = True
        headers = _headers(request, body)
        limits: dict[str, float | None] = request.extensions.get("timeout", {})
        await self._take_slot(limits.get("pool"))
        try:
            answer = await self._exchange(request, headers, body, limits, attempt)
        except BaseException:
            self._slots.release()
            raise
        return httpx.Response(
            answer.status,
            headers=list(answer.raw_headers),
            stream=_Answer(answer, self._slots.release),
            extensions={"reason_phrase": (answer.reason or "").encode("ascii", "ignore")},
        )

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _take_slot(self, seconds: float | None) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection was free in time") from None

    async def _exchange(
        self,
        request: httpx.Request,
        headers: LooseHeaders,
        body: bytes,
        limits: dict[str, float | None],
        attempt: Attempt,
    ) -> aiohttp.ClientResponse:
        url = request.url
        token = _current.set(attempt)
        try:
            async with _written(body, limits.get("write")) as data:
                return await self._session().request(
                    request.method,
                    URL(f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}", encoded=True),
                    data=data,
                    headers=headers,
                    allow_redirects=False,
                    timeout=_limits(limits.get("connect"), limits.get("read")),
                )
        except (aiohttp.ClientError, OSError) as error:
            raise _unsent(error) if attempt.unsent else _lost(error) from error
        finally:
            _current.reset(token)

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=self._connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_ADDED,
                auto_decompress=False,
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
                max_headers=MAX_HEADERS,
            )
        return self._opened


class _Answer(httpx.AsyncByteStream):
    """The body of an answer. One that is not read to its end takes its connection with it."""

    def __init__(self, answer: aiohttp.ClientResponse, release: Callable[[], None]) -> None:
        self._answer = answer
        self._release = release
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while chunk := await self._answer.content.readany():
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise _lost(error) from error

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._answer.close()
            self._release()


class _WriteTimeoutError(TimeoutError):
    """The server did not take the next piece of a body in time."""


@asynccontextmanager
async def _written(body: bytes, seconds: float | None) -> AsyncGenerator[bytes | AsyncIterator[bytes] | None]:
    """The body as aiohttp takes it. Within, each piece of a large one has to be taken in time."""
    if len(body) <= PIECE_BYTES or seconds is None:
        yield body or None
        return
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)
    over = False

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), PIECE_BYTES):
            if not over:
                limit.reschedule(loop.time() + seconds)
            yield body[start : start + PIECE_BYTES]
        if not over:
            limit.reschedule(None)

    try:
        async with limit:
            try:
                yield pieces()
            finally:
                over = True
    except TimeoutError as error:
        raise _WriteTimeoutError if limit.expired() else error from None


@lru_cache(maxsize=256)
def _limits(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    """`connect` holds for look-up, socket and TLS together."""
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=read)


def _headers(request: httpx.Request, body: bytes) -> CIMultiDict[str]:
    """Raises LocalProtocolError and UnsupportedProtocol for what cannot be sent."""
    if request.url.scheme not in SCHEMES:
        raise httpx.UnsupportedProtocol("only http and https can be asked")
    headers: CIMultiDict[str] = CIMultiDict()
    try:
        for name, value in request.headers.raw:
            if b"\r" in value or b"\n" in value or b"\0" in value:
                raise httpx.LocalProtocolError("a header's value has a line break in it")
            headers.add(_spelling(name.decode("ascii"), headers), value.decode())
    except UnicodeDecodeError:
        raise httpx.LocalProtocolError("a header is no text") from None
    if headers.pop("Transfer-Encoding", None) is not None:
        headers["Content-Length"] = str(len(body))
    return headers


def _spelling(name: str, headers: CIMultiDict[str]) -> str:
    """aiohttp keeps only the last of two headers whose names differ in case: they are spelt alike."""
    return next(known for known in headers if known.lower() == name.lower()) if name in headers else name


def _unsent(error: Exception) -> httpx.TransportError:
    if isinstance(error, TimeoutError):
        return httpx.ConnectTimeout("no connection in time")
    return httpx.ConnectError("no connection")


def _lost(error: Exception) -> httpx.TransportError:
    """What became of a request that may have been received."""
    if isinstance(error, _WriteTimeoutError):
        return httpx.WriteTimeout("the request was not taken in time")
    if isinstance(error, TimeoutError):
        return httpx.ReadTimeout("no answer in time")
    if isinstance(error, OSError):
        return httpx.ReadError("the connection broke")
    return httpx.RemoteProtocolError("the server's answer is broken or missing")
