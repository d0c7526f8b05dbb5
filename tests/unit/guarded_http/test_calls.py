"""GuardedHttp against a real server: what is sent, what each answer becomes, and the bounds that it keeps."""

import asyncio
import base64
import gzip
import threading
import tracemalloc
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from pydantic import JsonValue
from temporalio.testing import ActivityEnvironment

from activities.http import HttpActivities
from tests.unit.guarded_http.loopback import (
    CANARY,
    INNER,
    LOOPBACK,
    SECRET,
    Loopback,
    Names,
    Seen,
    asked,
    connection,
    connections,
    failing,
    guarded,
    raw,
)
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.declared.http_call import HttpAnswer
from towpath.engine.expression.template import joined, secret_named
from towpath.integrations.http.guarded_http import GuardedHttp

MIB = 1024 * 1024


async def test_what_is_sent(server: Loopback) -> None:
    """Query, headers and body carry their secrets, and the key goes with each request that has an effect."""
    server.says("/path")
    inner = INNER.model_copy(update={"headers": {"x-own": SECRET.parts, "x-both": ("own",)}})
    query = {"b": ["1", 2], "c": None, "d": True, "s": SECRET}
    request = asked(
        server.url("/path?a=1"),
        method="POST",
        query=query,
        headers={"Authorization": joined(["Bearer ", SECRET]), "X-Both": "step", "X-Count": 5, "X-None": None},
        body={"key": SECRET, "name": "김"},
        connection="inner",
    )

    async with guarded(inner) as http:
        answer = await http.send(request, attempt=3)

    sent = server.seen[0]
    assert answer == HttpAnswer(attempt=3, status=200)
    assert (sent.method, sent.target) == (
        "POST",
        "/path?a=1&b=1&b=2&d=true&s=sk-canary%2F1%2B2%203".replace("%20", "+"),
    )
    assert sent.headers["authorization"] == f"Bearer {CANARY}"
    assert (sent.headers["x-own"], sent.headers["x-both"], sent.headers["x-count"]) == (CANARY, "step", "5")
    assert "x-none" not in sent.headers
    assert (sent.headers["idempotency-key"], sent.headers["content-type"]) == ("run/step", "application/json")
    assert sent.body.decode() == f'{{"key":"{CANARY}","name":"김"}}'


@pytest.mark.parametrize(("method", "keyed"), [("GET", False), ("HEAD", False), ("PUT", True), ("DELETE", True)])
async def test_the_key_goes_with_effects(server: Loopback, method: str, keyed: bool) -> None:
    """Only methods with an effect carry the key, which is ASCII whatever the workflow is called."""
    server.says("/path")

    async with guarded() as http:
        await http.send(asked(server.url("/path"), method=method, key="김/step\n1"))

    assert server.seen[0].headers.get("idempotency-key") == ("%EA%B9%80/step%0A1" if keyed else None)


@pytest.mark.parametrize(
    ("content_type", "body", "sent", "sent_type"),
    [
        pytest.param(None, [1, None], b"[1,null]", "application/json", id="json"),
        pytest.param("application/vnd.x+json", 5, b"5", "application/vnd.x+json", id="own-json"),
        pytest.param(None, "text", b"text", "text/plain; charset=utf-8", id="text"),
        pytest.param("application/json", '{"a":1}', b'{"a":1}', "application/json", id="text-as-it-is"),
        pytest.param("application/x-www-form-urlencoded", {"a": ["1", "&"]}, b"a=1&a=%26", None, id="form"),
    ],
)
async def test_bodies(
    server: Loopback, content_type: str | None, body: JsonValue, sent: bytes, sent_type: str | None
) -> None:
    """A text is sent as it is, a form as a form, and everything else as JSON."""
    server.says("/path")
    headers = {} if content_type is None else {"Content-Type": content_type}

    async with guarded() as http:
        await http.send(asked(server.url("/path"), method="POST", body=body, headers=headers))

    assert server.seen[0].body == sent
    assert server.seen[0].headers["content-type"] == (sent_type or content_type)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"headers": {"X": "a\r\nY: b"}}, id="header-break"),
        pytest.param({"headers": {"X": "김"}}, id="header-letters"),
        pytest.param({"headers": {"X": {"a": 1}}}, id="header-object"),
        pytest.param({"headers": {"X\r\nY": "a"}}, id="header-name"),
        pytest.param({"headers": {"Host": "evil.example"}}, id="host"),
        pytest.param({"headers": {"Transfer-Encoding": "chunked"}}, id="framing"),
        pytest.param({"query": {"a": {"b": 1}}}, id="query-object"),
        pytest.param({"query": {"a": {"$text": ["a"]}}}, id="query-text"),
        pytest.param({"body": {"a": 1}}, id="body-of-get"),
        pytest.param({"body": "\ud800", "method": "POST"}, id="no-utf8"),
        pytest.param({"body": float("inf"), "method": "POST"}, id="no-json"),
        pytest.param({"connection": "none"}, id="unknown-connection"),
        pytest.param({"url": ["a"]}, id="url-list"),
        pytest.param({"url": "/path"}, id="relative"),
    ],
)
async def test_what_cannot_be_sent(server: Loopback, fields: dict[str, Any]) -> None:
    """A request that cannot be sent is a permanent failure, and nothing is sent."""
    async with guarded() as http:
        error = await failing(http, asked(**{"url": server.url("/path"), **fields}))

    assert (error.code, error.retryable) == (FailureCode.SERVICE_BAD_REQUEST, False)
    assert server.seen == []


@pytest.mark.parametrize(("host", "told"), [("example.org", "a secret is in"), ("evil.example", "the host ***.evil")])
async def test_hosts_hold_no_secret(host: str, told: str) -> None:
    """Hosts are told in failures, so a secret in one is refused."""
    http = GuardedHttp(connections(connection("a", hosts=["*.example.org"])), Secrets({"TOKEN": "Token-55"}))

    error = await failing(http, asked(joined(["https://", SECRET, f".{host}/path"])))

    assert error.code is FailureCode.SERVICE_BAD_REQUEST
    assert told in error.message
    assert "token-55" not in f"{error.message} {error.evidence}".lower()


async def test_unknown_secrets_are_named(server: Loopback) -> None:
    """A secret that is not set is told by its name."""
    async with guarded() as http:
        with pytest.raises(HouseError, match="secret 'NONE' is not set") as caught:
            await http.send(asked(server.url("/path"), headers={"X": secret_named("NONE")}))

    assert caught.value.code is FailureCode.SERVICE_BAD_REQUEST


async def test_a_connection_takes_its_own_secrets_only(server: Loopback) -> None:
    """A connection that names its secrets is sent no other."""
    closed = INNER.model_copy(update={"secrets": ("OTHER",), "headers": {"x-own": SECRET.parts}})
    server.says("/path")

    async with guarded(closed) as http:
        error = await failing(http, asked(server.url("/path"), body=[SECRET], method="POST"))
        answer = await http.send(asked(server.url("/path")))

    assert error.message == "POST 127.0.0.1: connection 'inner' may not be sent the secret 'TOKEN'"
    assert answer.status == 200


async def test_paths_below_a_base_url(server: Loopback) -> None:
    """With a base URL a path is enough; a path that names a host is none."""
    based = INNER.model_copy(update={"base_url": server.url("/v1/")})
    server.says("/v1/path")

    async with guarded(based) as http:
        answer = await http.send(asked("/path", connection="inner"))
        error = await failing(http, asked("//evil.example/path", connection="inner"))

    assert answer.status == 200
    assert error.code is FailureCode.SERVICE_BAD_REQUEST


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        pytest.param("application/json", b'{"a": [1, null]}', {"a": [1, None]}, id="json"),
        pytest.param("application/problem+json; charset=utf-8", b'\xef\xbb\xbf"a"', "a", id="json-mark"),
        pytest.param("text/plain; charset=euc-kr", "김".encode("euc-kr"), "김", id="charset"),
        pytest.param("text/html", b"\xff", "\ufffd", id="broken-text"),
        pytest.param("text/plain; charset=punycode", b"a-", "a-", id="no-charset"),
        pytest.param("application/atom+xml", b"<a/>", "<a/>", id="xml"),
        pytest.param("image/png", b"\x89P", {"base64": "iVA=", "content_type": "image/png"}, id="bytes"),
        pytest.param(None, b"a", {"base64": "YQ==", "content_type": "application/octet-stream"}, id="untyped"),
        pytest.param("application/json", b"", None, id="empty"),
    ],
)
async def test_bodies_by_content_type(
    server: Loopback, content_type: str | None, body: bytes, value: JsonValue
) -> None:
    """JSON becomes a value, text a text, and everything else base64."""
    server.says("/path", headers={} if content_type is None else {"Content-Type": content_type}, body=body)

    async with guarded() as http:
        assert (await http.send(asked(server.url("/path")))).body == value


@pytest.mark.parametrize("body", [b"{", b"NaN", b"1e999", b'"\\ud800"', b"\xff", b"[" * 5000, b"9" * 5000])
async def test_json_that_is_none(server: Loopback, body: bytes) -> None:
    """An answer that says it is JSON and is none, or none that a payload can hold, may be asked for again."""
    server.says("/path", headers={"Content-Type": "application/json"}, body=body)

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path")))

    assert (error.code, error.retryable) == (FailureCode.SERVICE_BAD_RESPONSE, True)


async def test_only_safe_headers_are_kept_and_echoes_masked(server: Loopback) -> None:
    """Cookies and unknown headers stay out of the answer, and a secret that comes back is masked."""
    headers = {
        "ETag": '"1"',
        "Set-Cookie": "a=b",
        "X-Debug": "c",
        "Location": f"/{CANARY}",
        "Content-Type": "text/plain",
    }
    server.says("/path", headers=headers, body=f"you sent {base64.b64encode(CANARY.encode()).decode()}".encode())

    async with guarded() as http:
        answer = await http.send(asked(server.url("/path"), headers={"X": SECRET}))

    assert answer.headers == {"etag": '"1"', "location": "/***", "content-type": "text/plain"}
    assert answer.body == "you sent ***"


async def test_cookies_are_not_carried_from_call_to_call(server: Loopback) -> None:
    """What one run was given does not go out with another."""
    server.says("/path", headers={"Set-Cookie": "session=1; Path=/"})

    async with guarded() as http:
        await http.send(asked(server.url("/path")))
        await http.send(asked(server.url("/path")))

    assert "cookie" not in server.seen[1].headers


@pytest.mark.parametrize(
    ("status", "expect", "code", "retryable"),
    [
        *((400, None, FailureCode.SERVICE_REFUSED, False), (401, None, FailureCode.SERVICE_AUTH, False)),
        *((403, None, FailureCode.SERVICE_AUTH, False), (404, None, FailureCode.SERVICE_REFUSED, False)),
        *((408, None, FailureCode.SERVICE_UNAVAILABLE, True), (409, None, FailureCode.SERVICE_REFUSED, False)),
        *((425, None, FailureCode.SERVICE_UNAVAILABLE, True), (429, None, FailureCode.SERVICE_RATE_LIMITED, True)),
        *((500, None, FailureCode.SERVICE_UNAVAILABLE, True), (503, None, FailureCode.SERVICE_UNAVAILABLE, True)),
        *((200, [404], FailureCode.SERVICE_REFUSED, False), (304, None, FailureCode.SERVICE_REFUSED, False)),
    ],
)
async def test_statuses_become_failures(
    server: Loopback, status: int, expect: Sequence[int] | None, code: FailureCode, retryable: bool
) -> None:
    """Each status that is not expected has its code, and the wait that was asked for travels with it."""
    server.says("/path", status, {"Retry-After": "7"}, b"" if status == 304 else b"key-word")

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path?q=key-word"), expect=expect))

    assert (error.code, error.retryable, error.retry_after) == (code, retryable, timedelta(seconds=7))
    assert error.evidence == {"host": LOOPBACK, "method": "GET", "status": status}


@pytest.mark.parametrize(("status", "unknown"), [(200, True), (304, True), (404, False), (503, True)])
async def test_answer_that_was_not_expected_is_no_refusal(server: Loopback, status: int, unknown: bool) -> None:
    """A success that is not the expected one leaves open whether the effect has happened; a refusal does not."""
    server.says("/path", status, {}, b"")

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path"), method="POST", expect=[201]))

    assert error.unknown is unknown


async def test_an_expected_status_is_an_answer(server: Loopback) -> None:
    """A status that the step expects is an answer, whatever it is."""
    server.says("/path", 404, {"Content-Type": "text/plain"}, b"none")

    async with guarded() as http:
        answer = await http.send(asked(server.url("/path"), expect=[200, 404]))

    assert (answer.status, answer.body) == (404, "none")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param({}, b"x" * (MIB + 1), id="plain"),
        pytest.param({"Content-Length": str(2 * MIB)}, b"", id="declared"),
        pytest.param({"Content-Encoding": "gzip"}, gzip.compress(bytes(16 * MIB), 1), id="bomb"),
        pytest.param({"Content-Encoding": "gzip"}, gzip.compress(b"") * 60_000, id="empty-members"),
        pytest.param({f"X-{n}": "x" * 4000 for n in range(10)}, b"", id="headers"),
    ],
)
async def test_answers_that_are_too_large(server: Loopback, headers: dict[str, str], body: bytes) -> None:
    """Larger than the bound, before or after decompression, is a failure that is not tried again."""
    server.says("/path", 200, headers, body)

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path")))

    assert (error.code, error.retryable) == (FailureCode.SERVICE_BAD_RESPONSE, False)
    assert "large" in error.message


async def test_a_bomb_is_not_inflated(server: Loopback) -> None:
    """A small body that inflates to 64 MiB costs the memory of the bound, not its own."""
    server.says("/path", 200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(64 * MIB)))

    async with guarded() as http:
        tracemalloc.start()
        try:
            await failing(http, asked(server.url("/path")))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 8 * MIB


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        pytest.param({"Content-Encoding": "br"}, b"x", FailureCode.SERVICE_BAD_RESPONSE, id="coding"),
        pytest.param({"Content-Encoding": "gzip, gzip"}, b"x", FailureCode.SERVICE_BAD_RESPONSE, id="codings"),
        pytest.param({"Content-Encoding": "gzip"}, b"x" * 20, FailureCode.SERVICE_BAD_RESPONSE, id="no-gzip"),
        pytest.param(
            {"Content-Encoding": "gzip"}, gzip.compress(b"ab" * 99)[:-9], FailureCode.SERVICE_BAD_RESPONSE, id="cut"
        ),
        pytest.param({"Content-Length": "9"}, b"x", FailureCode.SERVICE_CONNECTION, id="lost"),
    ],
)
async def test_answers_that_are_broken(
    server: Loopback, headers: dict[str, str], body: bytes, code: FailureCode
) -> None:
    """A body that cannot be read to its end may be asked for again."""
    server.says("/path", 200, headers, body)

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path")))

    assert (error.code, error.retryable) == (code, True)


@pytest.mark.parametrize("size", [0, 1, MIB])
async def test_compressed_answers_up_to_the_bound(server: Loopback, size: int) -> None:
    """A compressed body, in several members too, is read up to the bound exactly."""
    body = gzip.compress(b"x" * (size // 2)) + gzip.compress(b"x" * (size - size // 2))
    server.says("/path", 200, {"Content-Encoding": "gzip", "Content-Type": "text/plain"}, body)

    async with guarded() as http:
        answer = await http.send(asked(server.url("/path")))

    assert len(str(answer.body or "")) == size
    assert server.seen[0].headers["accept-encoding"] == "gzip"


async def test_a_slow_body_ends_the_call(server: Loopback) -> None:
    """The time is for the whole call: a server that keeps sending is cut off."""

    async def drip(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(raw(200, {"Content-Type": "text/plain"}, b"first"))
        while not server.released.is_set():
            writer.write(b".")
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(server.released.wait(), 0.02)

    server.handlers["/path"] = drip

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path"), timeout_seconds=0.2))

    assert (error.code, error.retryable) == (FailureCode.SERVICE_TIMEOUT, True)


async def test_a_slow_look_up_ends_the_call() -> None:
    """A look-up that does not come back holds a thread, and not the call."""
    answered = threading.Event()

    def stuck(*_: Any) -> list[tuple[int, int, int, str, tuple[Any, ...]]]:
        answered.wait(30)
        return []

    async with guarded(connection("a", hosts=["a.example"]), names=stuck) as http:
        try:
            error = await failing(http, asked("https://a.example/path", timeout_seconds=0.1))
        finally:
            answered.set()

    assert error.code is FailureCode.SERVICE_TIMEOUT


async def test_no_server_is_a_passing_failure(server: Loopback) -> None:
    """A refused connection may be tried again."""
    await server.stop()

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path")))

    assert (error.code, error.retryable) == (FailureCode.SERVICE_CONNECTION, True)


async def test_the_activity_counts_its_attempt(server: Loopback) -> None:
    """The activity answers with what the client answered, and the attempt that Temporal counts."""
    server.says_json("/path", {"a": 1})

    async with guarded(names=Names({LOOPBACK: [[LOOPBACK]]})) as http:
        answer = await ActivityEnvironment().run(HttpActivities(http).http_request, asked(server.url("/path")))

    assert (answer.body, answer.attempt) == ({"a": 1}, 1)
