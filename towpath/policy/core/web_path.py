"""Paths of requests that lead elsewhere than they read: `..` as it is, or behind percent signs."""

import re
from urllib.parse import unquote

_AFTER_HOST = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#\\]*")
_ENDS = re.compile(r"[?#]")
_SLASHES = re.compile(r"[/\\]")
_DOTS = frozenset({".", ".."})
DECODINGS = 3
"""Servers and proxies behind each other may each decode once."""


def leads_elsewhere(url: str) -> bool:
    """Whether the path of a URL, or a path alone, has a segment of dots, however it is encoded.

    Clients and servers take such a segment out of the path, each at another moment: what one of them has checked is
    not what another one serves.
    """
    path = _ENDS.split(_AFTER_HOST.sub("", url, count=1), maxsplit=1)[0]
    for _ in range(DECODINGS + 1):
        if "." not in path and "%" not in path:
            return False
        if not _DOTS.isdisjoint(_SLASHES.split(path)):
            return True
        path = unquote(path)
    return False
