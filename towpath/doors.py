"""The door of an HTTP server on this machine: a page in a browser, wherever it is from, comes to nothing behind it.

It imports nothing of ours, so that the stand-ins may have the same one.
"""

import hmac
import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
JSON = "application/json"
SIMPLE = frozenset({"", "text/plain"})
"""Types of bodies that a page may send to another site without asking it first, and that nothing of ours is told in."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]*))(?::[0-9]{0,5})?", re.ASCII)
OWN_SITE = frozenset({"", "none", "same-origin"})


@dataclass(frozen=True, slots=True)
class Rules:
    """`names` are the hosts that a request may ask for, None for any. `json_below` are the paths below which a body is
    JSON, `token_below` those that need the bearer token.
    """

    names: Collection[str] | None = LOOPBACK_NAMES
    json_below: tuple[str, ...] = ("/",)
    token: str = ""
    token_below: tuple[str, ...] = ()


class Door:
    """Before an application: refuses what a browser sends for a page, other names of this host, and other bodies."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, title = refusal
        body = json.dumps({"title": title, "status": status, "errors": []}).encode()
        headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers, path, rules = Headers(scope=scope), str(scope["path"]), self._rules
        hosts = headers.getlist("host")
        name = host_name(hosts[0]) if len(hosts) == 1 else ""
        if rules.names is not None and name not in rules.names:
            known = ", ".join(sorted(rules.names))
            return 421, f"this server is not {name or 'a host without a name'}: ask for {known}"
        if "origin" in headers or headers.get("sec-fetch-site", "") not in OWN_SITE:
            return 403, "this server takes nothing from pages in a browser"
        if path.startswith(rules.token_below) and not _has_token(headers, rules.token):
            return 401, "a bearer token is needed"
        if scope["method"] in READING or not _has_body(headers):
            return None
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_taken = kind == JSON if path.startswith(rules.json_below) else kind not in SIMPLE
        return None if is_taken else (415, f"the content type of this body must be {JSON}")


def host_name(header: str) -> str:
    """The name in a Host header, without port and brackets; empty for what is none."""
    found = _HOST.fullmatch(header)
    return (found["address"] or found["name"]).lower() if found else ""


def _has_token(headers: Headers, token: str) -> bool:
    given = headers.get("authorization", "")
    return bool(token) and hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
