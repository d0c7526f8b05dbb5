"""Redirects: each hop is judged anew, keeps the method that RFC 9110 says, and loses what belongs to the first host."""

from typing import Any

import httpx
import pytest

from tests.unit.guarded_http.loopback import (
    CANARY,
    INNER,
    LOOPBACK,
    SECRET,
    Loopback,
    Names,
    asked,
    connection,
    connections,
    failing,
    guarded,
)
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import FailureCode
from towpath.integrations.http.guarded_http import GuardedHttp
from towpath.integrations.http.messages import outgoing


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        *((301, "GET", "GET"), (301, "POST", "GET"), (301, "PUT", "PUT"), (301, "HEAD", "HEAD")),
        *((302, "POST", "GET"), (302, "PATCH", "PATCH"), (302, "DELETE", "DELETE")),
        *((303, "POST", "GET"), (303, "PUT", "GET"), (303, "DELETE", "GET"), (303, "HEAD", "HEAD")),
        *((307, "POST", "POST"), (308, "POST", "POST"), (308, "GET", "GET")),
    ],
)
async def test_methods_after_a_redirect(server: Loopback, status: int, method: str, then: str) -> None:
    """The method, body and key are kept, or all of them are dropped for a GET."""
    server.says("/path", status, {"Location": "/then?x=1#part"})
    server.says("/then")
    body = None if method in {"GET", "HEAD"} else {"a": 1}

    async with guarded() as http:
        answer = await http.send(asked(server.url("/path"), method=method, body=body))

    first, second = server.seen
    assert answer.status == 200
    assert (second.method, second.target) == (then, "/then?x=1")
    kept = then == method
    assert second.body == (first.body if kept else b"")
    assert second.headers.get("idempotency-key") == (first.headers.get("idempotency-key") if kept else None)
    assert ("content-type" in second.headers) == (kept and body is not None)


async def test_headers_stay_at_their_host(server: Loopback) -> None:
    """Another host gets neither Authorization and cookies, nor the connection's headers, nor one with a secret."""
    inner = INNER.model_copy(update={"headers": {"x-own": ("own",), "authorization": ("Bearer ", *SECRET.parts)}})
    headers = {"Cookie": "a=b", "X-Api-Key": SECRET, "X-Plain": "plain"}
    server.says("/path", 307, {"Location": server.url("/same", "one.example")})
    server.says("/same", 307, {"Location": server.url("/then", "two.example")})
    server.says("/then")

    async with guarded(inner) as http:
        await http.send(asked(server.url("/path", "one.example"), headers=headers))

    secret = {"cookie", "x-own", "x-api-key", "authorization"}
    same, other = server.seen[1].headers, server.seen[2].headers
    assert secret <= same.keys()
    assert same["authorization"] == f"Bearer {CANARY}"
    assert not secret & other.keys()
    assert other["x-plain"] == "plain"
    assert other["host"] == f"two.example:{server.port}"


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://169.254.169.254/path", "no connection with allow_private names it"),
        ("http://evil.example/path", "no connection allows the host evil.example"),
        ("http://2130706433/path", "an address in an unusual spelling"),
        ("file:///path", "scheme 'file' is not https"),
        ("http://user:pw@127.0.0.1/path", "user name or password"),
        ("//evil.example/path", "no connection allows the host evil.example"),
        ("http://public.example/path", "connection 'public' allows https only"),
    ],
)
async def test_hops_are_judged_anew(server: Loopback, location: str, message: str) -> None:
    """A hop that no connection allows is refused before it is looked up."""
    names = Names({"one.example": [[LOOPBACK]]})
    server.says("/path", 302, {"Location": location})

    async with guarded(INNER, connection("public", hosts=["public.example"]), names=names) as http:
        error = await failing(http, asked(server.url("/path", "one.example")))

    assert error.code is FailureCode.SERVICE_BAD_REQUEST
    assert message in error.message
    assert names.lookups == ["one.example"]


async def test_a_secret_in_the_host_of_a_hop_is_masked(server: Loopback) -> None:
    """A service that sends a secret back as a host name does not bring it into the failure."""
    server.says("/path", 302, {"Location": "https://TOKEN-55.evil.example/path"})
    http = GuardedHttp(connections(INNER), Secrets({"TOKEN": "Token-55"}))

    error = await failing(http, asked(server.url("/path"), headers={"X": SECRET}))
    await http.close()

    assert error.evidence["host"] == "***.evil.example"
    assert "token-55" not in error.message


async def test_a_hop_to_a_name_that_moved_inside_is_refused(server: Loopback) -> None:
    """A hop looks its name up again, and the answer is judged again."""
    names = Names({"one.example": [[LOOPBACK], ["169.254.169.254"]]})
    server.says("/path", 307, {"Location": "/then"})

    async with guarded(names=names) as http:
        error = await failing(http, asked(server.url("/path", "one.example")))

    assert (error.code, error.message) == (
        FailureCode.SERVICE_BAD_REQUEST,
        "GET one.example: its address is not allowed",
    )
    assert names.lookups == ["one.example", "one.example"]


@pytest.mark.parametrize(
    ("own", "other", "location", "followed"),
    [
        ({}, {"allow_private": True}, "https://two.example/path", False),
        ({}, {"allow_http": True}, "https://two.example/path", False),
        ({"allow_http": True}, {"allow_http": True}, "http://two.example/path", True),
        ({"allow_private": True}, {}, "https://two.example/path", True),
    ],
)
async def test_a_redirect_opens_nothing(
    own: dict[str, Any], other: dict[str, Any], location: str, followed: bool
) -> None:
    """A service cannot redirect into a connection that allows what its own does not."""
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"Location": location}) if hosts == ["one.example"] else httpx.Response(200)

    known = connections(
        connection("first", hosts=["one.example"], **own), connection("second", hosts=["two.example"], **other)
    )
    http = GuardedHttp(known, Secrets({}), transport=lambda _: httpx.MockTransport(answer))

    if followed:
        assert (await http.send(asked("https://one.example/path"))).status == 200
    else:
        error = await failing(http, asked("https://one.example/path"))
        assert error.message == "GET two.example: redirected into a connection that allows more"
    assert hosts == (["one.example", "two.example"] if followed else ["one.example"])


async def test_redirects_end(server: Loopback) -> None:
    """Five hops are followed, the sixth is not."""
    server.says("/path", 302, {"Location": "/path"})

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path")))

    assert (error.code, error.message) == (FailureCode.SERVICE_REFUSED, "GET 127.0.0.1: more than 5 redirects")
    assert len(server.seen) == 6


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({}, FailureCode.SERVICE_REFUSED, id="no-location"),
        pytest.param({"Location": "http://[::1/"}, FailureCode.SERVICE_BAD_RESPONSE, id="no-url"),
    ],
)
async def test_redirects_to_nowhere(server: Loopback, headers: dict[str, str], code: FailureCode) -> None:
    """A redirect that names no URL is a failure."""
    server.says("/path", 302, headers)

    async with guarded() as http:
        assert (await failing(http, asked(server.url("/path")))).code is code


async def test_an_expected_redirect_is_an_answer(server: Loopback) -> None:
    """A status that the step expects is not followed."""
    server.says("/path", 302, {"Location": "/then"})

    async with guarded() as http:
        answer = await http.send(asked(server.url("/path"), expect=[302]))

    assert (answer.status, answer.headers["location"]) == (302, "/then")
    assert len(server.seen) == 1


async def test_a_body_with_a_secret_stays_at_its_host(server: Loopback) -> None:
    """A body that holds a secret is not sent to the host that a redirect names."""
    server.says("/path", 308, {"Location": server.url("/then", "two.example")})

    async with guarded() as http:
        error = await failing(http, asked(server.url("/path", "one.example"), method="POST", body=[SECRET]))

    assert error.code is FailureCode.SERVICE_REFUSED
    assert len(server.seen) == 1


def test_nothing_secret_is_in_a_repr() -> None:
    """What is about to be sent does not print its URL, headers and body."""
    request = asked("https://a.example/path", method="POST", headers={"X": SECRET}, body=SECRET)
    url = httpx.URL("https://a.example/path")
    sending = outgoing(request, connection("a", hosts=["a.example"]), url, Secrets({"TOKEN": CANARY}))

    assert CANARY in sending.headers["x"]
    assert CANARY not in repr(sending)
    assert "/path" not in repr(sending)
