"""Authorization of the `http` step: what is sent for it, where its token comes from, and who gets to see it."""

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.unit.guarded_http.loopback import (
    CANARY,
    INNER,
    LOOPBACK,
    SECRET,
    Loopback,
    Seen,
    asked,
    failing,
    guarded,
    raw,
)
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.engine.expression.template import joined
from towpath.integrations.http.authorization import (
    AccessToken,
    ClientCredentials,
    Tokens,
    basic_authorization,
    read_token,
    token_error,
)
from towpath.integrations.http.guarded_http import GuardedHttp
from towpath.integrations.http.messages import CallDescription

CALL = CallDescription("POST", LOOPBACK)


def of_client(server: Loopback, **fields: Any) -> dict[str, Any]:
    given = {"token_url": server.url("/token"), "client_id": "kim", "client_secret": SECRET, **fields}
    return {"oauth2_client_credentials": given}


def issue(server: Loopback, *tokens: str, expires_in: Any = 3600) -> None:
    """Each token in its turn; the last one again and again."""
    left = list(tokens)

    async def write(_: Seen, writer: asyncio.StreamWriter) -> None:
        token = left.pop(0) if len(left) > 1 else left[0]
        body = {"access_token": token, "token_type": "Bearer", "expires_in": expires_in}
        writer.write(raw(200, {"Content-Type": "application/json"}, json.dumps(body).encode()))
        await writer.drain()

    server.handlers["/token"] = write


def accept(server: Loopback, token: str, path: str = "/path") -> None:
    """Answers one token, and tells what it got."""

    async def write(seen: Seen, writer: asyncio.StreamWriter) -> None:
        got = seen.headers.get("authorization", "")
        status = 200 if got == f"Bearer {token}" else 401
        writer.write(raw(status, {"Content-Type": "application/json"}, json.dumps({"got": got}).encode()))
        await writer.drain()

    server.handlers[path] = write


def seen_at(server: Loopback, path: str) -> list[Seen]:
    return [seen for seen in server.seen if seen.target == path]


@pytest.mark.parametrize(
    ("user", "password", "sent"),
    [
        pytest.param("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", id="rfc-7617-section-2"),
        pytest.param("test", "123\u00a3", "Basic dGVzdDoxMjPCow==", id="rfc-7617-section-2.1-utf-8"),
        pytest.param("s6BhdRkqt3", "gX1fBat3bV", "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW", id="rfc-6749-section-4.4.2"),
        pytest.param("", "", "Basic Og==", id="empty"),
        pytest.param("a", "b:c", "Basic YTpiOmM=", id="colon-in-password"),
    ],
)
def test_basic(user: str, password: str, sent: str) -> None:
    """The header is that of the standards' own examples."""
    assert basic_authorization(user, password, CALL) == sent


@pytest.mark.parametrize(("user", "password"), [("a:b", "c"), ("a\n", "b"), ("a", "b\x00"), ("a", "\ud800")])
def test_basic_that_cannot_be_sent(user: str, password: str) -> None:
    """A colon in the user and control characters have no place in the header; the message tells neither text."""
    with pytest.raises(HouseError) as caught:
        basic_authorization(user, password, CALL)

    assert caught.value.code is FailureCode.SERVICE_BAD_REQUEST and not caught.value.unknown


async def test_basic_is_sent_and_masked(server: Loopback) -> None:
    """The header goes out, and an answer that repeats it shows neither the password nor its base64."""
    accept(server, "none")
    made = base64.b64encode(f"kim:{CANARY}".encode()).decode()

    async with guarded() as http:
        request = asked(server.url("/path"), auth={"basic": {"user": "kim", "password": SECRET}}, expect=(401,))
        answer = await http.send(request)

    assert server.seen[0].headers["authorization"] == f"Basic {made}"
    assert answer.body == {"got": "***"}


async def test_bearer(server: Loopback) -> None:
    """The secret is the token; a header of the step or of the connection does not replace it."""
    server.says("/path")
    secrets = Secrets({"TOKEN": "abc.DEF~1=="})
    inner = INNER.model_copy(update={"headers": {"authorization": ("own",)}})

    async with guarded(inner, secrets=secrets) as http:
        await http.send(asked(server.url("/path"), auth={"bearer": SECRET}, headers={"Authorization": "mine"}))

    assert server.seen[0].headers["authorization"] == "Bearer abc.DEF~1=="


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param({"bearer": "plain-text"}, id="plain"),
        pytest.param({"bearer": joined(["a", SECRET])}, id="joined"),
        pytest.param({"basic": {"user": SECRET, "password": "plain-text"}}, id="only-the-user"),
        pytest.param({}, id="empty"),
        pytest.param({"bearer": SECRET, "basic": {"user": "a", "password": SECRET}}, id="two"),
        pytest.param({"digest": SECRET}, id="unknown"),
        pytest.param({"bearer": SECRET}, id="no-token-characters"),
    ],
)
async def test_what_is_no_authorization(server: Loopback, auth: dict[str, Any]) -> None:
    """Nothing is sent without a secret in its place, or with one that no header can hold."""
    async with guarded() as http:
        error = await failing(http, asked(server.url("/path"), auth=auth))

    assert (error.code, error.unknown, server.seen) == (FailureCode.SERVICE_BAD_REQUEST, False, [])


async def test_client_credentials(server: Loopback) -> None:
    """The token is asked for as RFC 6749 (4.4.2) says, once for calls that come together, and sent to the host."""
    issue(server, "2YotnFZFEjr1zCsicMWpAA")
    accept(server, "2YotnFZFEjr1zCsicMWpAA")
    request = asked(server.url("/path"), method="POST", auth=of_client(server, scopes=["read", "write"]))

    async with guarded() as http:
        answers = await asyncio.gather(*(http.send(request) for _ in range(5)))

    fetched = seen_at(server, "/token")
    assert len(fetched) == 1 and len(seen_at(server, "/path")) == 5
    user, _, password = base64.b64decode(fetched[0].headers["authorization"].removeprefix("Basic ")).partition(b":")
    assert (user, password) == (b"kim", b"sk-canary%2F1%2B2+3")
    assert (fetched[0].method, fetched[0].headers["content-type"]) == ("POST", "application/x-www-form-urlencoded")
    assert parse_qs(fetched[0].body.decode()) == {"grant_type": ["client_credentials"], "scope": ["read write"]}
    assert "idempotency-key" not in fetched[0].headers
    assert [answer.body for answer in answers] == [{"got": "***"}] * 5
    assert "2YotnFZ" not in repr(answers) and CANARY not in repr(request)


async def test_a_refused_token_is_renewed_once(server: Loopback) -> None:
    """After 401 another token is asked for and the call is sent again, under the same key; then 401 is the answer."""
    issue(server, "first", "second", "third")
    accept(server, "second")
    request = asked(server.url("/path"), method="POST", auth=of_client(server))

    async with guarded() as http:
        await http.send(request)
        await http.send(request)
        assert (len(seen_at(server, "/token")), len(seen_at(server, "/path"))) == (2, 3)
        assert {seen.headers["idempotency-key"] for seen in seen_at(server, "/path")} == {"run/step"}
        accept(server, "none")
        error = await failing(http, request)

    assert (error.code, error.unknown) == (FailureCode.SERVICE_AUTH, False)
    assert (len(seen_at(server, "/token")), len(seen_at(server, "/path"))) == (3, 5)


async def test_a_token_is_renewed_before_it_expires() -> None:
    """It is kept for its life less half a minute, and not at all when it has none."""
    now = 0.0
    tokens, asked_for = Tokens(lambda: now), list[str]()

    async def get(key: str, seconds: float, refused: str | None = None) -> str:
        async def fetch() -> AccessToken:
            asked_for.append(key)
            return AccessToken(f"{key}-{len(asked_for)}", seconds)

        return await tokens.get(key, fetch, refused)

    assert [await get("a", 3600), await get("b", 0), await get("a", 3600)] == ["a-1", "b-2", "a-1"]
    now = 3569.0
    assert [await get("a", 100), await get("b", 0)] == ["a-1", "b-3"]
    now = 3571.0
    assert await get("a", 100) == "a-4"
    now = 3571.0 + 91
    assert await get("a", 100) == "a-5"
    assert await get("a", 100, refused="a-4") == "a-5"
    assert await get("a", 100, refused="a-5") == "a-6"


async def test_who_waits_for_a_token_that_is_not_given_asks_again() -> None:
    """A failure is not kept."""
    tokens = Tokens()

    async def fail() -> AccessToken:
        raise HouseError(FailureCode.SERVICE_UNAVAILABLE, "no")

    async def fetch() -> AccessToken:
        return AccessToken("a", 60)

    with pytest.raises(HouseError):
        await tokens.get("k", fail)
    assert await tokens.get("k", fetch) == "a"


@pytest.mark.parametrize(
    ("status", "body", "code", "told"),
    [
        (401, {"error": "invalid_client"}, FailureCode.SERVICE_AUTH, "no token: 401 invalid_client"),
        (400, {"error": f"unknown {CANARY}"}, FailureCode.SERVICE_AUTH, "no token: 400"),
        (503, {}, FailureCode.SERVICE_UNAVAILABLE, "no token: 503"),
        (429, {}, FailureCode.SERVICE_RATE_LIMITED, "no token: 429"),
        (302, {}, FailureCode.SERVICE_AUTH, "no token: 302"),
        (200, {"token_type": "bearer"}, FailureCode.SERVICE_BAD_RESPONSE, "holds no token"),
        (200, {"access_token": "a", "token_type": "example"}, FailureCode.SERVICE_BAD_RESPONSE, "no bearer token"),
    ],
)
async def test_no_token(server: Loopback, status: int, body: Any, code: FailureCode, told: str) -> None:
    """Without a token nothing is sent, so that nothing can have happened; redirects with a secret are not followed."""
    headers = {"Content-Type": "application/json", "Location": server.url("/path")}
    server.says("/token", status, headers, json.dumps(body).encode())

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path"), method="POST", auth=of_client(server)))

    assert (error.code, error.unknown) == (code, False)
    assert error.message.endswith(told)
    assert seen_at(server, "/path") == []


async def test_a_token_server_is_guarded(server: Loopback) -> None:
    """No connection, no token; the client's secret goes only where the connection of the token server may have it."""
    issue(server, "first")
    accept(server, "first")
    target = INNER.model_copy(update={"name": "target", "hosts": ("one.example",), "secrets": ()})
    closed = INNER.model_copy(update={"hosts": (LOOPBACK,), "secrets": ()})
    opened = closed.model_copy(update={"secrets": ("TOKEN",)})
    request = asked(server.url("/path", "one.example"), auth=of_client(server))

    for known, sent in ((target,), 0), ((target, closed), 0), ((target, opened), 2):
        async with guarded(*known) as http:
            if sent:
                await http.send(request)
            else:
                assert (await failing(http, request)).code is FailureCode.SERVICE_BAD_REQUEST
        assert len(server.seen) == sent


async def test_a_secret_is_not_in_the_url_of_a_token(server: Loopback) -> None:
    """A secret in a URL ends in the logs of whoever serves it."""
    auth = of_client(server, token_url=joined([server.url("/token?key="), SECRET]))

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path"), auth=auth))

    assert error.code is FailureCode.SERVICE_BAD_REQUEST and server.seen == []


async def test_a_token_stays_at_its_origin(server: Loopback) -> None:
    """A redirect to another host takes no token along, and its 401 renews none."""
    issue(server, "first", "second")
    server.says("/path", 307, {"Location": server.url("/other", "two.example")})
    server.says("/other", 401)

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path"), auth=of_client(server)))

    assert error.code is FailureCode.SERVICE_AUTH
    assert "authorization" not in seen_at(server, "/other")[0].headers
    assert len(seen_at(server, "/token")) == 1


async def test_a_time_out_of_the_token_sends_nothing(server: Loopback) -> None:
    """The time of the request covers the token; cut off there, the call was never sent."""

    async def hang(_: Seen, __: asyncio.StreamWriter) -> None:
        await server.released.wait()

    server.handlers["/token"] = hang
    async with guarded() as http:
        request = asked(server.url("/path"), method="POST", auth=of_client(server), timeout_seconds=0.2)
        error = await failing(http, request)

    assert (error.code, error.unknown) == (FailureCode.SERVICE_TIMEOUT, False)


def test_the_lives_of_tokens() -> None:
    """A life may be told as a text; one that is not told is short, and none is longer than a day."""
    lives: list[Any] = [10, "10", None, -5, True, "soon", 10**9]
    answers = [{"access_token": "a", "token_type": "bearer", "expires_in": life} for life in lives]
    assert [read_token(answer, CALL).seconds for answer in answers] == [10, 10, 300, 0, 300, 300, 86400]
    assert (token_error({"error": "invalid_scope"}), token_error({"error": "x"}), token_error("x")) == (
        "invalid_scope",
        "",
        "",
    )


def test_what_is_printed_of_a_client() -> None:
    """Neither its repr nor its key holds the secret, and another secret makes another key."""
    one = ClientCredentials(token_url="https://a.example", client_id="a", client_secret=CANARY)
    assert CANARY not in f"{one!r} {one.key} {AccessToken(CANARY, 1)!r} {GuardedHttp!r}"
    assert one.key != one.model_copy(update={"client_secret": "b"}).key
