"""What obstore's client is told, so that it keeps the bounds of our own clients.

Its HTTP client, reqwest as obstore builds it, undoes no coding, keeps no cookies and speaks TLS 1.2 and later. It
follows up to ten redirects of a read, which no option switches off. To another host or port it takes the signature out
of the request, but not a session token, which is of no use without its secret key. Of itself it would take a proxy, and
`AWS_ALLOW_INVALID_CERTIFICATES`, from the environment.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from towpath.outside.proxy import Proxy

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

REQUEST_SECONDS = 60.0
"""Of a request with its answer: obstore's client counts both together."""
CONNECT_TIMEOUT = timedelta(seconds=5)
RETRY_TIMEOUT = timedelta(seconds=90)
"""Beyond that, the retries of the task or activity begin."""
NOWHERE = "http://127.0.0.1:9"
"""A proxy that is never used: that one is set keeps those of the environment out."""
EVERYTHING = "*,0.0.0.0/0,::/0"
ROLE_SERVERS = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "metadata.google.internal")
"""Where a machine or a container asks for the keys of its role: no proxy can answer for them, or may know the keys."""


def object_options(*, allow_http: bool, proxy: Proxy | None = None, seconds: float = REQUEST_SECONDS) -> "ClientConfig":
    """The `client_options` of a store."""
    return {
        "allow_http": allow_http,
        "allow_invalid_certificates": False,
        "timeout": timedelta(seconds=seconds),
        "connect_timeout": CONNECT_TIMEOUT,
        "proxy_url": NOWHERE if proxy is None else proxy.url,
        "proxy_excludes": EVERYTHING if proxy is None else ",".join((*proxy.direct, *ROLE_SERVERS)),
    }


def object_retries() -> "RetryConfig":
    """The `retry_config` of a store."""
    return {"max_retries": 3, "retry_timeout": RETRY_TIMEOUT}
