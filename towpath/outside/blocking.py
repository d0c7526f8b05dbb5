"""The factory of clients without a loop, for processes of the data plane and commands. They use no proxy."""

from collections.abc import Mapping
from typing import Any

import httpx

from towpath.outside.bounded import BoundedBlockingTransport, refuse_dots
from towpath.outside.bounds import ACCEPT_ENCODING, MAX_REDIRECTS, AnswerBounds, no_cookies
from towpath.outside.timed import TimedTransport

READS = 10
"""The whole of an answer may take as long as so many reads."""


class OutsideBlockingClient(httpx.Client):
    """Made by `blocking_client` alone."""

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        refuse_dots(url)
        return super().build_request(method, url, **options)


def blocking_client(
    seconds: float,
    max_bytes: int,
    *,
    base_url: str = "",
    headers: Mapping[str, str] | None = None,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """Bounded as the clients of `client` are. `transport`, in tests, stands in for the network."""
    own = {name: value for name, value in (headers or {}).items() if name.lower() != "accept-encoding"}
    inner = transport or TimedTransport()
    return OutsideBlockingClient(
        base_url=base_url,
        timeout=seconds,
        headers=own | {"Accept-Encoding": ACCEPT_ENCODING},
        cookies=no_cookies(),
        transport=BoundedBlockingTransport(inner, AnswerBounds(max_bytes, seconds * READS)),
        follow_redirects=False,
        max_redirects=MAX_REDIRECTS,
        trust_env=False,
    )
