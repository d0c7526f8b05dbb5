"""The factory of our HTTP clients. Nothing else in Towpath makes one (tests/house/test_clients.py).

No client keeps cookies, reads the environment, follows redirects, or sends a path with dots in it.
"""

from typing import Any

import httpx

from towpath.outside.bounded import BoundedTransport, refuse_dots
from towpath.outside.bounds import ACCEPT_ENCODING, MAX_REDIRECTS, AnswerBounds, no_cookies
from towpath.outside.proxy import Proxy
from towpath.outside.tls import tls_context
from towpath.outside.transport import ATTEMPT, MAX_CONNECTIONS, AiohttpTransport, Attempt

BOUNDS = AnswerBounds()


class OutsideClient(httpx.AsyncClient):
    """Made by `http_client` alone."""

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        # Here, for httpx takes literal dots out of a path as it reads it.
        refuse_dots(url)
        request = super().build_request(method, url, **options)
        request.extensions.setdefault(ATTEMPT, Attempt())
        return request


def http_client(
    timeout: httpx.Timeout,
    bounds: AnswerBounds = BOUNDS,
    *,
    proxy: Proxy | None = None,
    base_url: str = "",
    headers: dict[str, str] | None = None,
) -> httpx.AsyncClient:
    """A pooled client, shared by whoever has no bounds of his own; a request may lower its answer's by `LIMIT`."""
    direct = BoundedTransport(AiohttpTransport(), bounds)
    mounts = {} if proxy is None else dict.fromkeys(proxy.patterns(), direct)
    return OutsideClient(
        base_url=base_url,
        timeout=timeout,
        headers={"Accept-Encoding": ACCEPT_ENCODING} | (headers or {}),
        cookies=no_cookies(),
        transport=direct if proxy is None else BoundedTransport(_through(proxy), bounds),
        mounts=mounts,
        follow_redirects=False,
        max_redirects=MAX_REDIRECTS,
        trust_env=False,
    )


def _through(proxy: Proxy) -> httpx.AsyncHTTPTransport:
    """httpx's own transport, which speaks to proxies. It calls a request sent as soon as it was begun."""
    limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS // 2)
    return httpx.AsyncHTTPTransport(verify=tls_context(), trust_env=False, limits=limits, proxy=httpx.Proxy(proxy.url))
