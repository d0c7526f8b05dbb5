"""The client that Anthropic's SDK is given: httpx2 within the same bounds as our own clients.

The SDK's own client follows redirects, and httpx2 then takes only `Authorization` out: the key in `x-api-key` would go
to another host.
"""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx2

from towpath.outside.bounds import (
    ACCEPT_ENCODING,
    MAX_REDIRECTS,
    AnswerBounds,
    CodingError,
    Decoder,
    TooLargeError,
    no_cookies,
)
from towpath.outside.proxy import Proxy
from towpath.outside.tls import tls_context

SDK_BOUNDS = AnswerBounds(max_bytes=64 * 1024**2, seconds=3600.0)
"""A stream of an answer may last long: the step's own timeout is shorter."""
LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
_KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5))
_DECODED = frozenset({b"content-encoding", b"content-length"})


def sdk_client(
    timeout: httpx2.Timeout, proxy: Proxy | None = None, bounds: AnswerBounds = SDK_BOUNDS
) -> httpx2.AsyncClient:
    """Closed by the SDK that it is given to."""
    direct = _Bounded(_network(), bounds)
    return httpx2.AsyncClient(
        timeout=timeout,
        headers={"Accept-Encoding": ACCEPT_ENCODING},
        cookies=no_cookies(),
        transport=direct if proxy is None else _Bounded(_network(httpx2.Proxy(proxy.url)), bounds),
        mounts={} if proxy is None else dict.fromkeys(proxy.patterns(), direct),
        follow_redirects=False,
        max_redirects=MAX_REDIRECTS,
        trust_env=False,
    )


def _network(proxy: httpx2.Proxy | None = None) -> httpx2.AsyncHTTPTransport:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    options += [
        (socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _KEEP_ALIVE if hasattr(socket, name)
    ]
    return httpx2.AsyncHTTPTransport(
        verify=tls_context(), trust_env=False, limits=LIMITS, proxy=proxy, socket_options=options
    )


class _Bounded(httpx2.AsyncBaseTransport):
    def __init__(self, inner: httpx2.AsyncBaseTransport, bounds: AnswerBounds) -> None:
        self._inner = inner
        self._bounds = bounds

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        seconds = self._bounds.seconds
        end = None if seconds is None else asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(end):
                response = await self._inner.handle_async_request(request)
        except TimeoutError:
            raise httpx2.ReadTimeout("no answer in time") from None
        try:
            decoder = Decoder(response.headers.get("content-encoding", ""), self._bounds.max_bytes)
        except CodingError as error:
            await response.aclose()
            raise httpx2.DecodingError(str(error)) from None
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _DECODED]
        body = _Body(response, decoder, end)
        return httpx2.Response(response.status_code, headers=headers, stream=body, extensions=response.extensions)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response, decoder: Decoder, end: float | None) -> None:
        self._response = response
        self._decoder = decoder
        self._end = end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise TypeError(stream)
        try:
            chunks = aiter(stream)
            while (chunk := await self._next(chunks)) is not None:
                for piece in self._decoder.feed(chunk):
                    yield piece
            self._decoder.end()
        except (TooLargeError, CodingError) as error:
            raise httpx2.DecodingError(str(error)) from None

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout_at(self._end):
                return await anext(chunks, None)
        except TimeoutError:
            raise httpx2.ReadTimeout("the answer did not end in time") from None

    async def aclose(self) -> None:
        await self._response.aclose()
