"""Transports that hold the bounds of a client: what comes out of them is decoded, small enough and in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx

from towpath.outside.bounds import AnswerBounds, CodingError, Decoder, TooLargeError
from towpath.policy.core.web_path import leads_elsewhere

LIMIT = "towpath_limit"
"""The extension of a request with the largest answer to it, where the client's own is too large."""
ATTEMPT = "towpath_attempt"
"""The extension of a request that holds its Attempt."""
WHOLE_END: ContextVar[float | None] = ContextVar("whole_end", default=None)
"""By the monotonic clock: when the request of this thread has to be over."""
_DECODED = frozenset({"content-encoding", "content-length"})


class AnswerTooLargeError(httpx.DecodingError):
    """The answer was cut off where it became larger than allowed. The request has arrived."""


def decoder_of(request: httpx.Request, response: httpx.Response, bounds: AnswerBounds) -> Decoder:
    """Raises httpx.DecodingError for a coding that was not asked for."""
    largest: int = request.extensions.get(LIMIT, bounds.max_bytes)
    try:
        return Decoder(response.headers.get("content-encoding", ""), largest)
    except CodingError as error:
        raise httpx.DecodingError(str(error)) from None


def decoded(response: httpx.Response, stream: httpx.AsyncByteStream | httpx.SyncByteStream) -> httpx.Response:
    """The answer with its decoded body."""
    headers = [(name, value) for name, value in response.headers.raw if name.decode("latin-1").lower() not in _DECODED]
    return httpx.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)


def refuse_dots(url: httpx.URL | str) -> None:
    """Raises LocalProtocolError, which says that nothing was sent."""
    if leads_elsewhere(url if isinstance(url, str) else url.raw_path.decode("ascii")):
        raise httpx.LocalProtocolError("a path with dots in it leads elsewhere")


class BoundedTransport(httpx.AsyncBaseTransport):
    """The bounds of `bounds` around another transport, which has no client above it that would undo codings."""

    def __init__(self, inner: httpx.AsyncBaseTransport, bounds: AnswerBounds) -> None:
        self._inner = inner
        self._bounds = bounds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        refuse_dots(request.url)
        seconds = self._bounds.seconds
        end = None if seconds is None else asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(end):
                response = await self._inner.handle_async_request(request)
        except TimeoutError:
            raise _late(request) from None
        try:
            decoder = decoder_of(request, response, self._bounds)
        except httpx.DecodingError:
            await response.aclose()
            raise
        return decoded(response, _Body(response, decoder, end))

    async def aclose(self) -> None:
        await self._inner.aclose()


def _late(request: httpx.Request) -> httpx.TimeoutException:
    attempt = request.extensions.get(ATTEMPT)
    if attempt is not None and attempt.unsent:
        return httpx.ConnectTimeout("no connection in time")
    return httpx.ReadTimeout("no answer in time")


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpx.Response, decoder: Decoder, end: float | None) -> None:
        self._response = response
        self._decoder = decoder
        self._end = end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError(stream)
        chunks = aiter(stream)
        while (chunk := await self._next(chunks)) is not None:
            for piece in pieces(self._decoder, chunk):
                yield piece
        ended(self._decoder)

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout_at(self._end):
                return await anext(chunks, None)
        except TimeoutError:
            raise httpx.ReadTimeout("the answer did not end in time") from None

    async def aclose(self) -> None:
        await self._response.aclose()


def pieces(decoder: Decoder, chunk: bytes) -> Iterator[bytes]:
    """Raises httpx.DecodingError."""
    try:
        yield from decoder.feed(chunk)
    except TooLargeError as error:
        raise AnswerTooLargeError(f"the answer is {error}") from None
    except CodingError as error:
        raise httpx.DecodingError(str(error)) from None


def ended(decoder: Decoder) -> None:
    """Raises httpx.DecodingError."""
    try:
        decoder.end()
    except CodingError as error:
        raise httpx.DecodingError(str(error)) from None


@contextmanager
def ends_at(moment: float | None) -> Generator[None]:
    """Within, no wait of `timed` goes beyond `moment`."""
    token = WHOLE_END.set(moment)
    try:
        yield
    finally:
        WHOLE_END.reset(token)


class BoundedBlockingTransport(httpx.BaseTransport):
    """The same without a loop. The whole time is looked at with each piece here, and in `timed` with each read."""

    def __init__(self, inner: httpx.BaseTransport, bounds: AnswerBounds) -> None:
        self._inner = inner
        self._bounds = bounds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        refuse_dots(request.url)
        seconds = self._bounds.seconds
        end = None if seconds is None else time.monotonic() + seconds
        with ends_at(end):
            response = self._inner.handle_request(request)
        try:
            decoder = decoder_of(request, response, self._bounds)
        except httpx.DecodingError:
            response.close()
            raise
        return decoded(response, _BlockingBody(response, decoder, end))

    def close(self) -> None:
        self._inner.close()


class _BlockingBody(httpx.SyncByteStream):
    def __init__(self, response: httpx.Response, decoder: Decoder, end: float | None) -> None:
        self._response = response
        self._decoder = decoder
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        stream = self._response.stream
        if not isinstance(stream, httpx.SyncByteStream):
            raise TypeError(stream)
        chunks = iter(stream)
        while (chunk := self._next(chunks)) is not None:
            yield from pieces(self._decoder, chunk)
        ended(self._decoder)

    def _next(self, chunks: Iterator[bytes]) -> bytes | None:
        with ends_at(self._end):
            chunk = next(chunks, None)
        if self._end is not None and time.monotonic() > self._end:
            raise httpx.ReadTimeout("the answer did not end in time")
        return chunk

    def close(self) -> None:
        self._response.close()
