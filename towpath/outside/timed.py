"""The network of the clients without a loop: each wait ends when the whole time of the request is over.

A limit for each read is none for the whole: httpcore reads on for as long as a byte comes, and hands nothing over while
a header, a head of a chunk or interim answers come.
"""

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from towpath.outside.bounded import WHOLE_END
from towpath.outside.tls import tls_context

KEEP_ALIVE_SECONDS = 5.0
PIECE_BYTES = 64 * 1024
"""What is written at once: the time is looked at between two."""
Option = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class TimedTransport(httpx.HTTPTransport):
    """httpx's own, on connections that look at the whole time."""

    def __init__(self) -> None:
        tls = tls_context()
        super().__init__(verify=tls, trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, keepalive_expiry=KEEP_ALIVE_SECONDS, network_backend=_Network()
        )


class _Network(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Option] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout("no connection in time"))
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout("the answer did not end in time")))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        late = httpcore.WriteTimeout("the request was not taken in time")
        for start in range(0, len(buffer), PIECE_BYTES):
            self._inner.write(buffer[start : start + PIECE_BYTES], _left(timeout, late))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout("no connection in time"))
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None, late: Exception) -> float | None:
    """How long this wait may be. Raises `late` when the whole time is over."""
    end = WHOLE_END.get()
    if end is None:
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise late
    return left if timeout is None else min(left, timeout)
