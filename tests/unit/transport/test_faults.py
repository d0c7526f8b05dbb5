"""Faults of the wire against what a transport says of them. The server counts: "never sent" is allowed only when no
request reached it whole, and an effect reaches it once.
"""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from ssrfguard import Policy
from ssrfguard.httpx import AsyncSafeTransport

from tests.unit.guarded_http.loopback import Names
from tests.unit.guarded_http.test_tls import NAME, self_signed
from tests.unit.transport import faults
from tests.unit.transport.faults import LOOPBACK, Fault, closed_port, full_port, site
from towpath.config.connections import ANY_PORT
from towpath.integrations.http.guarded_http import PRIVATE_NETWORKS
from towpath.outside.guarded_transport import GuardedTransport
from towpath.outside.transport import AiohttpTransport, never_sent, plain_connector

PATIENT = httpx.Timeout(20.0)
CONNECTING = httpx.Timeout(20.0, connect=0.3)
READING = httpx.Timeout(20.0, read=0.3)
WRITING = httpx.Timeout(20.0, write=0.5)
SMALL = b'{"amount": 4200}'
LARGE = b"x" * 24 * 1024 * 1024
"""More than the kernel's buffers of a connection hold."""

OPEN = Policy(
    allowed_schemes=frozenset({"https", "http"}),
    allowed_hosts=frozenset({LOOPBACK, NAME, "wrong.example", "unknown.example"}),
    allowed_ports=ANY_PORT,
    allowed_networks=PRIVATE_NETWORKS,
)
NAMES = {name: [[LOOPBACK]] for name in (LOOPBACK, NAME, "wrong.example")}
TRANSPORTS: dict[str, Callable[[ssl.SSLContext | None], httpx.AsyncBaseTransport]] = {
    "httpx": lambda tls: httpx.AsyncHTTPTransport(verify=tls or True),
    "httpx guarded": lambda tls: AsyncSafeTransport(policy=OPEN, resolver=Names(NAMES), verify=tls or True),
    "aiohttp": lambda tls: AiohttpTransport(lambda: plain_connector(tls)),
    "aiohttp guarded": lambda tls: GuardedTransport(OPEN, tls or httpx.create_ssl_context(), Names(NAMES)),
}
EFFECTS = ("POST", "PUT", "DELETE", "PATCH")

UNCLEAR: dict[str, tuple[Fault, type[httpx.TransportError]]] = {
    "reset at once": (faults.reset_at_once, httpx.TransportError),
    "closed at once": (faults.close_at_once, httpx.TransportError),
    "reset in the request": (faults.reset_in_the_request, httpx.TransportError),
    "closed in the request": (faults.close_in_the_request, httpx.TransportError),
    "read, then closed": (faults.read_and_close, httpx.RemoteProtocolError),
    "read, then reset": (faults.read_and_reset, httpx.TransportError),
    "read, then silence": (faults.read_and_stay, httpx.ReadTimeout),
    "half a head": (faults.half_a_head, httpx.RemoteProtocolError),
    "half a head, then silence": (faults.half_a_head_then_silence, httpx.ReadTimeout),
    "short body": (faults.short_body, httpx.RemoteProtocolError),
    "short body, then reset": (faults.short_body_then_reset, httpx.TransportError),
    "short body, then silence": (faults.short_body_then_silence, httpx.ReadTimeout),
    "cut chunks": (faults.cut_chunks, httpx.RemoteProtocolError),
    "garbage": (faults.garbage, httpx.RemoteProtocolError),
    "garbage for chunks": (faults.garbage_chunks, httpx.RemoteProtocolError),
}


@pytest.fixture(params=TRANSPORTS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def client(
    kind: str, limits: httpx.Timeout = PATIENT, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=TRANSPORTS[kind](tls), timeout=limits) as http:
        yield http


async def failure(http: httpx.AsyncClient, url: str, body: bytes = SMALL, method: str = "POST") -> httpx.TransportError:
    with pytest.raises(httpx.TransportError) as caught:
        await http.request(method, url, content=body)
    return caught.value


async def test_a_refused_connection_was_never_sent(kind: str) -> None:
    """Where nothing listens, nothing can have happened."""
    async with client(kind) as http:
        error = await failure(http, f"http://{LOOPBACK}:{closed_port()}/effect")

    assert isinstance(error, httpx.ConnectError)
    assert never_sent(error)


async def test_a_connection_that_never_comes_was_never_sent(kind: str) -> None:
    """A server whose queue is full has not seen the request."""
    async with full_port() as port, client(kind, CONNECTING) as http:
        error = await failure(http, f"http://{LOOPBACK}:{port}/effect")

    assert isinstance(error, httpx.ConnectTimeout)
    assert never_sent(error)


@pytest.mark.parametrize("kind", ["httpx guarded", "aiohttp guarded"])
async def test_a_name_that_is_unknown_was_never_sent(kind: str) -> None:
    """No address, no request."""
    async with client(kind) as http:
        error = await failure(http, "http://unknown.example/effect")

    assert isinstance(error, httpx.ConnectError)
    assert never_sent(error)


async def test_a_server_without_tls_was_never_sent_anything(kind: str) -> None:
    """The handshake failed, and the request was to come behind it."""
    async with site(faults.no_tls_here) as found, client(kind) as http:
        error = await failure(http, found.url("https"))

    assert never_sent(error)
    assert found.whole == 0


async def test_a_handshake_without_an_end_was_never_sent_anything(kind: str) -> None:
    """The handshake counts as connecting."""
    async with site(faults.silence) as found, client(kind, CONNECTING) as http:
        error = await failure(http, found.url("https"))

    assert isinstance(error, httpx.ConnectTimeout)
    assert never_sent(error)
    assert found.whole == 0


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_certificate_that_is_wrong_was_never_sent_anything(trusted: bool, tmp_path: Path) -> None:
    """Neither for another name nor of an unknown maker."""
    file = self_signed(tmp_path)
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(file)
    tls = ssl.create_default_context(cafile=str(file)) if trusted else None
    for kind in ("httpx guarded", "aiohttp guarded"):
        async with site(faults.answers, tls=inside) as found, client(kind, tls=tls) as http:
            error = await failure(http, found.url("https", "wrong.example" if trusted else NAME))

        assert isinstance(error, httpx.ConnectError), kind
        assert never_sent(error), kind
        assert found.whole == 0, kind


async def test_a_request_without_a_free_connection_was_never_sent() -> None:
    """Waiting for a connection ends as such."""
    one = AiohttpTransport(max_connections=1)
    async with (
        site(faults.answers) as found,
        httpx.AsyncClient(transport=one, timeout=httpx.Timeout(20.0, pool=0.3)) as http,
    ):
        async with http.stream("POST", found.url(), content=SMALL):
            error = await failure(http, found.url())
        answer = await http.post(found.url(), content=SMALL)

    assert isinstance(error, httpx.PoolTimeout)
    assert never_sent(error)
    assert (answer.text, found.whole) == ("ok", 2)


@pytest.mark.parametrize(("fault", "expected"), UNCLEAR.values(), ids=UNCLEAR)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_what_may_have_been_received_is_told_so(
    kind: str, method: str, fault: Fault, expected: type[httpx.TransportError]
) -> None:
    """Once a connection stands, no fault is told as "never sent", and nothing is sent twice."""
    timeout = READING if "silence" in fault.__name__ or fault is faults.read_and_stay else PATIENT

    async with site(fault) as found, client(kind, timeout) as http:
        error = await failure(http, found.url(), method=method)

    early = fault in {faults.reset_at_once, faults.close_at_once}
    assert isinstance(error, expected)
    assert found.whole == 0 if early else not never_sent(error)
    assert found.visits == 1
    assert found.whole <= 1


async def test_a_body_that_is_not_taken_may_have_been_received(kind: str) -> None:
    """A server that stops reading ends the call in time, and leaves it open what it has."""
    async with site(faults.silence) as found, client(kind, WRITING) as http:
        error = await failure(http, found.url(), LARGE)

    assert isinstance(error, httpx.WriteTimeout)
    assert not never_sent(error)


async def test_a_body_that_breaks_off_may_have_been_received(kind: str) -> None:
    """The connection is reset while a large body is being written."""
    async with site(faults.reset_in_the_request) as found, client(kind) as http:
        error = await failure(http, found.url(), LARGE)

    assert not never_sent(error)
    assert found.whole == 0


@pytest.mark.parametrize("method", EFFECTS)
async def test_a_connection_that_ends_with_the_next_request_is_not_tried_again(kind: str, method: str) -> None:
    """The server closes a kept connection when the second request has just arrived: that one is lost, and sent once."""
    async with site(faults.answer_then_read_and_close, faults.answers) as found, client(kind) as http:
        await http.request(method, found.url(), content=SMALL)
        error = await failure(http, found.url(), method=method)

    assert not never_sent(error)
    assert (found.visits, found.whole) == (1, 2)


async def test_a_connection_that_ended_meanwhile_costs_nothing(kind: str) -> None:
    """A kept connection that the server has closed is seen, and a new one is opened."""
    async with site(faults.answer_then_close, faults.answers) as found, client(kind) as http:
        await http.post(found.url(), content=SMALL)
        await found.told()
        answer = await http.post(found.url(), content=SMALL)

    assert answer.text == "ok"
    assert (found.visits, found.whole) == (2, 2)


@pytest.mark.parametrize("fault", [faults.answer_and_one_more, faults.answer_and_later_one_more])
@pytest.mark.parametrize("kind", ["aiohttp", "aiohttp guarded"])
async def test_an_answer_nobody_asked_for_is_nobodys(kind: str, fault: Fault) -> None:
    """What came on a kept connection before the next request is not its answer. (httpx's own transport takes it.)"""
    async with site(fault, faults.answers) as found, client(kind) as http:
        first = await http.post(found.url(), content=SMALL)
        found.answered.set()
        await found.told()
        second = await http.post(found.url(), content=SMALL)

    assert (first.text, second.text) == ("ok", "ok")
    assert (found.visits, found.whole) == (2, 2)


async def test_connections_are_kept(kind: str) -> None:
    """Two calls, one connection."""
    async with site(faults.answers) as found, client(kind) as http:
        await http.post(found.url(), content=SMALL)
        await http.post(found.url(), content=SMALL)

    assert (found.visits, found.whole) == (1, 2)
