"""What no one thought of to send to a server of ours on this machine: nothing passes without the token, none breaks."""

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Scope

from towpath.contracts.incident.alerts import AlertBatch
from towpath.contracts.incident.incident import IncidentRequest
from towpath.contracts.incident.process import INCIDENT
from towpath.control.intake import AlertIntake
from towpath.control.receiver import PATH, Receiver
from towpath.doors import LOOPBACK_NAMES, Door, Rules
from towpath.standins.__main__ import CONTROL
from towpath.standins.app import StandIns
from towpath.temporal.attributes import search_attributes

TOKEN = "a-token-that-nobody-guesses"
BEARER = f"Bearer {TOKEN}".encode()
BROKEN = 500
TRIES = settings(max_examples=400, deadline=None)


def joined(name: bytes, middle: bytes, rest: bytes) -> bytes:
    return name + middle + rest


def written(value: object) -> bytes:
    return json.dumps(value).encode()


def deep(depth: int, kind: bytes) -> bytes:
    return kind * depth


METHODS = st.sampled_from(["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT", "get", "X"])
PLACES = [PATH, "/health", *("/_standins/" + name for name in ("effects", "messages", "faults", "world", "latency"))]
BYTES = st.binary(max_size=20)
NAMES = st.sampled_from(
    [
        *(b"authorization", b"origin", b"sec-fetch-site", b"content-type", b"content-length", b"transfer-encoding"),
        *(b"x-forwarded-host", b"x-original-url", b"x-http-method-override", b"cookie", b"upgrade", b"x"),
    ]
)
VALUES = BYTES | st.sampled_from(
    [
        *(b"application/json", b"application/json;", b"text/plain", b"null", b"", b"chunked", b"0", b"-1", b"Bearer"),
        *(b"Bearer ", BEARER[:-1], BEARER.lower(), BEARER + b"\0", b"bearer " + BEARER, b"http://127.0.0.1"),
    ]
)
GOOD_HOSTS = st.sampled_from([b"127.0.0.1", b"localhost:80", b"[::1]", b"[::1]:8080", b"LOCALHOST"])
HOSTS = GOOD_HOSTS | st.builds(
    joined,
    st.sampled_from([b"127.0.0.1", b"localhost", b"[::1]", b"[", b"", b"evil.example"]),
    st.sampled_from([b":", b"@", b".", b":80@", b"/", b"#", b"]", b" ", b"\t", b""]),
    st.sampled_from([b"evil.example", b"80", b"", b"x", b"99999999", b"[::1]", b"\xff"]),
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["4", "firing", ""])
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
FIELDS = ("version", "groupKey", "status", "receiver", "groupLabels", "commonLabels", "truncatedAlerts", "alerts", "x")
TIMES = st.sampled_from(
    ["2026-03-01T12:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-02-30", "1e400"]
)
LABELS = st.dictionaries(st.sampled_from(["service", "alertname", "a\0b", "ü"]), st.text(max_size=3), max_size=3)
ALERTS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["firing", "resolved"]),
        "startsAt": TIMES | st.integers() | st.floats(),
        "endsAt": TIMES | st.none(),
        "fingerprint": st.text(max_size=3),
        "labels": LABELS,
    }
)
WEBHOOKS = st.fixed_dictionaries(
    {
        "version": st.just("4"),
        "groupKey": st.text(min_size=1, max_size=5),
        "status": st.sampled_from(["firing", "resolved"]),
        "receiver": st.text(max_size=3),
        "alerts": st.lists(ALERTS, min_size=1, max_size=3),
        "groupLabels": LABELS,
        "truncatedAlerts": st.integers(),
    }
)
ORDERS = st.dictionaries(st.sampled_from(["service", "fault", "status", "id", "times", "operation", "bodies"]), LEAVES)
BODIES = (
    st.builds(written, JSON | st.dictionaries(st.sampled_from(FIELDS), JSON))
    | st.builds(written, WEBHOOKS)
    | st.builds(deep, st.integers(1, 100_000), st.sampled_from([b"[", b'{"a":', b"-"]))
    | st.sampled_from([b'"\\ud800"', b'{"\\udfff": 1}', b'{"version": 1' + b"0" * 5_000 + b"}", b"\xff\xfe{"])
    | st.sampled_from([b"NaN", b"", b"null", b"[]", b'{"seconds": 1e400}', b'{"seconds": NaN}', b'{"service": 1}'])
    | st.builds(written, ORDERS)
)


class Dry(AlertIntake):
    """All that is made of a delivery before Temporal is asked."""

    def __init__(self) -> None:
        self._template = IncidentRequest(group_key="")
        self._services = frozenset({"shop"})
        self._now = lambda: datetime(2026, 3, 1, 12, tzinfo=UTC)

    async def _begin(self, workflow_id: str, request: IncidentRequest, batch: AlertBatch) -> None:
        assert workflow_id
        assert INCIDENT.title(request)
        assert search_attributes(INCIDENT.attributes(request)) is not None
        assert request.model_dump_json() and batch.model_dump_json()

    async def _tell(self, workflow_id: str, batch: AlertBatch) -> bool:
        return bool(workflow_id and batch.model_dump_json())


def targets() -> st.SearchStrategy[bytes]:
    """Paths of ours, some letters of them encoded, slashes doubled, dots between."""
    extra = st.sampled_from(["", "/", "//", "/.", "/..", "/%2e%2e/", "%2f", "/./", ";x", "%00", "%ff", "?a=%00", "%5c"])
    letters = st.sampled_from(["_", "s", "f", "w", "/", "a"])

    def spelt(before: str, place: str, letter: str, after: str) -> bytes:
        coded = "/" + place[1:].replace(letter, f"%{ord(letter):02x}", 1)
        return (before + coded + after).encode()

    places = st.sampled_from([*PLACES, "/claude/_calls", "/x/../_standins/effects", "/claude/../_standins/effects"])
    return st.builds(spelt, extra, places, letters, extra)


def asked(method: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> Scope:
    """As uvicorn tells it."""
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


def status_of(app: ASGIApp, scope: Scope, body: bytes = b"{}") -> tuple[int, dict[bytes, bytes]]:
    """What is answered. Raises what the application did not catch, for which a server answers 500."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(_called(app, scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"])


async def _called(app: ASGIApp, scope: Scope, receive: Any, send: Any) -> None:
    await app(scope, receive, send)


def apps() -> tuple[ASGIApp, ASGIApp]:
    rules = Rules(LOOPBACK_NAMES, json_below=CONTROL, token=TOKEN, token_below=CONTROL)
    return Receiver(Dry(), TOKEN).app(), Door(StandIns(faults_allowed=True).app(), rules)


RECEIVER, STANDINS = apps()
OPEN = frozenset({"/health"})
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=4)


@TRIES
@given(METHODS, targets(), HEADERS, HOSTS)
def test_nothing_passes_without_the_token(
    method: str, target: bytes, headers: list[tuple[bytes, bytes]], host: bytes
) -> None:
    """Whatever the method, the spelling of the path and the headers: refused, not found, or the health."""
    scope = asked(method, target, [*headers, (b"host", host)])
    for app in (RECEIVER, STANDINS):
        status, _ = status_of(app, scope)
        assert status < BROKEN
        assert status >= 300 or scope["path"] in OPEN, (status, scope["path"])


@TRIES
@given(METHODS, targets(), HEADERS, HOSTS, BODIES)
@example("DELETE", b"/_standins/faults?id=x", [], b"localhost", b"")
@example("POST", b"/_standins/world", [], b"localhost", b"{}")
@example("POST", b"/_standins/world", [], b"localhost", b"[")
@example("POST", b"/_standins/latency", [], b"localhost", b'{"seconds": NaN}')
@example("POST", b"/_standins/faults", [], b"localhost", b'{"service": NaN}')
def test_nothing_breaks_with_the_token(
    method: str, target: bytes, headers: list[tuple[bytes, bytes]], host: bytes, body: bytes
) -> None:
    """Nor does a redirect lead to another host."""
    said = [(b"authorization", BEARER), (b"content-type", b"application/json"), (b"content-length", b"2")]
    for app in (RECEIVER, STANDINS):
        status, told = status_of(app, asked(method, target, [*said, *headers, (b"host", host)]), body)
        assert status < BROKEN
        assert b"evil" not in told.get(b"location", b"")


@TRIES
@given(HOSTS)
@example(b"127.0.0.1:80@evil.example")
@example(b"[::1]evil.example")
@example(b"localhost:evil")
def test_a_host_is_a_name_of_ours_and_a_port(host: bytes) -> None:
    """What stands before `@`, or between brackets, is not the host that a client asked for."""
    status, _ = status_of(RECEIVER, asked("GET", b"/health", [(b"host", host)]))
    ours = re.fullmatch(rb"(?i:127\.0\.0\.1|localhost|\[::1\])(:[0-9]{0,5})?", host)
    assert status == (200 if ours else 421)


@TRIES
@given(BODIES)
def test_no_body_breaks_the_receiver(body: bytes) -> None:
    """It is taken, or told what is wrong with it."""
    said = [(b"authorization", BEARER), (b"content-type", b"application/json"), (b"host", b"localhost")]
    length = (b"content-length", str(len(body)).encode())
    status, _ = status_of(RECEIVER, asked("POST", PATH.encode(), [*said, length]), body)
    assert status in {200, 400, 415} and (status != 415 or not body)
