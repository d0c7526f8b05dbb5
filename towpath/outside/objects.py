"""What obstore's client is told, so that it keeps the bounds of our own clients.

Its HTTP client, reqwest as obstore builds it, undoes no coding, keeps no cookies and speaks TLS 1.2 and later. It
follows redirects, and takes the signature out of a request to another host, but not a session token, which is of no use
without its secret key. It would take a proxy from the environment.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obstore.store import ClientConfig

REQUEST_TIMEOUT = timedelta(seconds=60)
CONNECT_TIMEOUT = timedelta(seconds=5)
NOWHERE = "http://127.0.0.1:9"
"""A proxy that is never used: that one is set keeps those of the environment out."""
EVERYTHING = "*,0.0.0.0/0,::/0"


def object_options(*, allow_http: bool) -> "ClientConfig":
    """The `client_options` of a store."""
    return {
        "allow_http": allow_http,
        "timeout": REQUEST_TIMEOUT,
        "connect_timeout": CONNECT_TIMEOUT,
        "proxy_url": NOWHERE,
        "proxy_excludes": EVERYTHING,
    }
