"""What the aiohttp transport puts on the wire and makes of answers, against httpx's own transport."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.unit.transport import faults
from tests.unit.transport.faults import Fault, Visit, site
from towpath.outside.client import http_client
from towpath.outside.proxy import Proxy
from towpath.outside.transport import ATTEMPT, AiohttpTransport, Attempt, never_sent

PATIENT = httpx.Timeout(10.0)
GZIPPED = gzip.compress(b"packed")

NOTHING = b"Content-Length: 0\r\n"
"""aiohttp says so of a DELETE without a body, httpx does not: both may."""

REQUESTS: dict[str, Callable[[str], httpx.Request]] = {
    "json": lambda url: httpx.Request("POST", f"{url}?q=a%20b&c=%C3%BC", json={"a": "ü"}),
    "no body": lambda url: httpx.Request("POST", url),
    "get": lambda url: httpx.Request("GET", f"{url}/%2Fescaped//double?x=1&x=2"),
    "head": lambda url: httpx.Request("HEAD", url),
    "delete with a key": lambda url: httpx.Request("DELETE", url, headers={"Idempotency-Key": "run/step"}),
    "repeated and own headers": lambda url: httpx.Request(
        "PUT", url, headers=[("X-A", "1"), ("X-A", "2"), ("Accept", "text/plain"), ("Cookie", "a=b")], content=b"x"
    ),
    "large": lambda url: httpx.Request("POST", url, content=b"0123456789" * 30_000),
    "another host's name": lambda url: httpx.Request("GET", url, headers={"Host": "other.example:81"}),
}

ANSWERS = {
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "no content, of length nothing": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "not modified, of some length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n",
    "continue first": b"HTTP/1.1 100 Continue\r\n\r\n" + faults.OK,
    "hints first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + faults.OK,
    "until the end": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nwhatever comes",
    "of another age": b"HTTP/1.0 200 OK\r\n\r\nok",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3;a=b\r\n ay\r\n0\r\nX-T: 1\r\n\r\n",
    "packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIPPED) + GZIPPED,
    "raw headers": b"HTTP/1.1 200 OK\r\nX-Name: \xe4\r\nx-name: b\r\nContent-Length: 2\r\n\r\nok",
    "cookies": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: \x22;;=\r\nContent-Length: 2\r\n\r\nok",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    "no reason": b"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n",
    "long header": b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 40_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X-Many: y\r\n" * 300 + b"Content-Length: 2\r\n\r\nok",
}


def saying(answer: bytes) -> Fault:
    async def says(visit: Visit) -> None:
        await visit.request()
        await visit.says(answer)

    return says


async def wire_of(transport: httpx.AsyncBaseTransport, make: Callable[[str], httpx.Request]) -> bytes:
    """The bytes of a request, its port left out."""
    seen = bytearray()

    async def notes(visit: Visit) -> None:
        head = await visit.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        seen.extend(head + await visit.reader.readexactly(int(length or b"0")))
        await visit.says(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with site(notes) as found:
        answer = await transport.handle_async_request(make(found.url()))
        await answer.aclose()
    await transport.aclose()
    return bytes(seen).replace(b":%d" % found.port, b":port").replace(NOTHING, b"")


@pytest.mark.parametrize("make", REQUESTS.values(), ids=REQUESTS)
async def test_requests_are_httpx_s_requests(make: Callable[[str], httpx.Request]) -> None:
    """Byte for byte what httpx's own transport sends: nothing is added, changed or left out."""
    assert await wire_of(AiohttpTransport(), make) == await wire_of(httpx.AsyncHTTPTransport(), make)


async def test_headers_that_differ_in_case_are_all_sent() -> None:
    """None replaces another."""
    names = [("X-A", "1"), ("x-a", "2"), ("X-a", "3")]

    wire = await wire_of(AiohttpTransport(), lambda url: httpx.Request("GET", url, headers=names))

    assert [line.partition(b": ")[2] for line in wire.split(b"\r\n") if line.lower().startswith(b"x-a:")] == [
        *(b"1", b"2", b"3")
    ]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_answers_are_httpx_s_answers(answer: bytes) -> None:
    """Status, reason, raw headers and body are the same as with httpx's own transport."""
    told: list[tuple[int, str, list[tuple[bytes, bytes]], bytes]] = []
    for transport in (httpx.AsyncHTTPTransport(), AiohttpTransport()):
        async with site(saying(answer)) as found, httpx.AsyncClient(transport=transport, timeout=PATIENT) as http:
            response = await http.post(found.url(), content=b"x", follow_redirects=False)
            told.append((response.status_code, response.reason_phrase, response.headers.raw, response.content))

    assert told[0] == told[1]


async def test_bodies_are_streamed_as_they_came() -> None:
    """What is packed stays packed below the client, and the first part is there before the last is sent."""
    more = asyncio.Event()

    async def in_parts(visit: Visit) -> None:
        await visit.request()
        await visit.says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\n", b"one")
        await more.wait()
        await visit.says(b"two")

    transport = AiohttpTransport()
    async with site(in_parts) as found:
        response = await transport.handle_async_request(httpx.Request("GET", found.url()))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        parts = aiter(response.stream)
        first = await anext(parts)
        more.set()
        rest = [part async for part in parts]
        await response.aclose()
        await transport.aclose()

    assert (first, b"".join(rest)) == (b"one", b"two")


async def test_a_body_in_parts_is_sent_whole() -> None:
    """A body that the caller gives in parts goes out with its length."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with site(faults.answers) as found, httpx.AsyncClient(transport=AiohttpTransport()) as http:
        assert (await http.post(found.url(), content=parts())).text == "ok"
    assert found.whole == 1


async def test_cancelling_closes_the_connection() -> None:
    """Who gives up waiting hangs up, and the place of the connection is free again."""
    hung_up = asyncio.Event()

    async def notices(visit: Visit) -> None:
        await visit.request()
        visit.site.answered.set()
        assert await visit.reader.read() == b""
        hung_up.set()

    transport = AiohttpTransport(max_connections=1)
    async with (
        site(notices, faults.answers) as found,
        httpx.AsyncClient(transport=transport, timeout=PATIENT) as http,
    ):
        call = asyncio.create_task(http.post(found.url(), content=b"x"))
        await found.answered.wait()
        call.cancel()
        await asyncio.wait([call])
        await asyncio.wait_for(hung_up.wait(), 5)
        after = await http.post(found.url(), content=b"x")

    assert call.cancelled()
    assert after.text == "ok"


async def test_calls_that_are_given_up_leave_their_places() -> None:
    """Whether they were waiting for one, connecting, sending or reading."""
    places = 3
    transport = AiohttpTransport(max_connections=places)
    async with (
        site(*[faults.read_and_stay, faults.short_body_then_silence, faults.silence] * 4, faults.answers) as found,
        httpx.AsyncClient(transport=transport, timeout=PATIENT) as http,
    ):
        for turns in range(12):
            calls = [asyncio.create_task(http.post(found.url(), content=b"x" * 100_000)) for _ in range(places * 2)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
        found.faults = [faults.answers]
        async with AsyncExitStack() as stack:
            answers = [
                await stack.enter_async_context(http.stream("POST", found.url(), content=b"x")) for _ in range(places)
            ]

    assert [answer.status_code for answer in answers] == [200] * places


async def test_an_answer_that_is_left_unread_takes_its_connection_with_it() -> None:
    """The rest of it never becomes the next answer."""
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"

    async def halves(visit: Visit) -> None:
        await visit.request()
        await visit.says(half)
        await visit.stays()

    async with (
        site(halves, faults.answers) as found,
        httpx.AsyncClient(transport=AiohttpTransport(max_connections=1), timeout=PATIENT) as http,
    ):
        async with http.stream("POST", found.url(), content=b"x"):
            pass
        after = await http.post(found.url(), content=b"x")

    assert (after.text, found.visits) == ("ok", 2)


@pytest.mark.parametrize(
    ("url", "header"),
    [
        pytest.param("http://127.0.0.1:1/", b"a\r\nX-Other: b", id="line break"),
        pytest.param("http://127.0.0.1:1/", b"\xff", id="no text"),
        pytest.param("ftp://127.0.0.1:1/", b"a", id="scheme"),
    ],
)
async def test_what_cannot_be_sent_is_not_sent(url: str, header: bytes) -> None:
    """It ends before a connection is asked for."""
    async with httpx.AsyncClient(transport=AiohttpTransport()) as http:
        with pytest.raises(httpx.TransportError) as caught:
            await http.get(url, headers=[(b"X-A", header)])

    assert isinstance(caught.value, httpx.LocalProtocolError | httpx.UnsupportedProtocol)
    assert never_sent(caught.value)


async def test_an_attempt_tells_how_far_it_came() -> None:
    """Who cuts a call off from outside sees whether it was still connecting."""
    told: list[bool] = []
    async with faults.full_port() as port, site(faults.read_and_stay) as found:
        for url in (f"http://{faults.LOOPBACK}:{port}/", found.url()):
            attempt = Attempt()
            async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=PATIENT) as http:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await http.post(url, content=b"x", extensions={ATTEMPT: attempt})
            told.append(attempt.unsent)

    assert told == [True, False]


async def test_a_proxy_of_the_settings_is_used() -> None:
    """A request through a dead one fails, and was never sent; hosts that are named are reached without it."""
    dead = f"http://127.0.0.1:{faults.closed_port()}"
    async with site(faults.answers) as found:
        async with http_client(PATIENT, proxy=Proxy(dead)) as http:
            with pytest.raises(httpx.ConnectError):
                await http.post(found.url(), content=b"x")
        async with http_client(PATIENT, proxy=Proxy(dead, ("127.0.0.1",))) as http:
            assert (await http.post(found.url(), content=b"x")).text == "ok"

    assert found.whole == 1


async def test_a_request_through_a_proxy_arrives() -> None:
    """The proxy is asked for the whole address, with the password that its own address has."""
    heads: list[bytes] = []

    async def proxies(visit: Visit) -> None:
        heads.append(await visit.reader.readuntil(b"\r\n\r\n"))
        await visit.says(faults.OK)

    async with site(proxies) as proxy:
        through = Proxy(f"http://user:word@127.0.0.1:{proxy.port}")
        async with http_client(PATIENT, proxy=through) as http:
            assert (await http.get("http://shop.example/a")).text == "ok"

    assert heads[0].startswith(b"GET http://shop.example/a HTTP/1.1\r\n")
    assert b"proxy-authorization: basic" in heads[0].lower()
    assert "word" not in repr(through)
