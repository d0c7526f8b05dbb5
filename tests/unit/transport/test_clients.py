"""What each client says of an effect whose call failed: nothing left, or nobody knows."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from tests.unit.guarded_http.loopback import INNER, Names, asked, connections
from tests.unit.transport import faults
from tests.unit.transport.faults import LOOPBACK, Fault, Visit, closed_port, full_port, site
from towpath.config.masking import Masker
from towpath.config.secrets import Secrets
from towpath.contracts.core.delivery import PostSlack, SendEmail
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.declared.run import CloudEvent
from towpath.contracts.incident.incident import PageRequest
from towpath.integrations.channels.channels import Slack
from towpath.integrations.channels.mail import Mailer, SmtpConfig
from towpath.integrations.channels.pagerduty import PagerDuty
from towpath.integrations.channels.sinks import Sinks
from towpath.integrations.http.guarded_http import GuardedHttp
from towpath.integrations.http.services import ServiceClient, ServiceEndpoint
from towpath.integrations.publishing.calls import PlatformCalls, PlatformOperation
from towpath.outside.client import http_client
from towpath.outside.tls import tls_context

KEY = EffectKey("run/step")
TLS = tls_context()
LONG = 20.0
SHORT = 0.4
EVENT = CloudEvent(id="run:1", type="workflow.started", time=datetime(2026, 3, 1, 12, tzinfo=UTC))
PAGE = PageRequest(summary="down", severity="critical", source="shop", level=1, key=KEY)
MAIL = SendEmail(to="kim@hanbit.example", subject="s", body="b", key=KEY)
Send = Callable[[httpx.AsyncClient, str, float], Awaitable[object]]
"""With the seconds that those get who limit the whole call themselves."""


async def by_step(_: httpx.AsyncClient, url: str, seconds: float) -> object:
    http = GuardedHttp(connections(INNER), Secrets({}), resolver=Names({LOOPBACK: [[LOOPBACK]]}), tls=TLS)
    try:
        return await http.send(asked(url, method="POST", body={"a": 1}, timeout_seconds=seconds))
    finally:
        await http.close()


CLIENTS: dict[str, Send] = {
    "service": lambda http, url, _: ServiceClient(http, {"accounts": ServiceEndpoint(url)}).call(
        "accounts", "closeAccount", {"reference": "r1"}, KEY
    ),
    "slack": lambda http, url, _: Slack(http, url, "t").post(PostSlack(channel="c", text="t", key=KEY)),
    "pager": lambda http, url, _: PagerDuty(http, url, ("k",)).page(PAGE),
    "sink": lambda http, url, _: Sinks(http, {"audit": url}).deliver(["audit"], [EVENT]),
    "platform": lambda http, url, seconds: PlatformCalls("x", http, Masker([]), seconds=seconds).send(
        PlatformOperation("post", "POST", url, kind="effect")
    ),
    "http step": by_step,
}
LOST: dict[str, Fault] = {
    "read, then closed": faults.read_and_close,
    "read, then reset": faults.read_and_reset,
    "read, then silence": faults.read_and_stay,
    "half an answer": faults.short_body,
    "broken compression": faults.broken_gzip,
    "reset in the request": faults.reset_in_the_request,
}


async def failure(send: Send, url: str, limits: httpx.Timeout | None = None, whole: float = LONG) -> HouseError:
    async with http_client(limits or httpx.Timeout(LONG)) as http:
        with pytest.raises(HouseError) as caught:
            await send(http, url, whole)
    return caught.value


@asynccontextmanager
async def nobody() -> AsyncGenerator[int]:
    yield closed_port()


@pytest.mark.parametrize("place", [nobody, full_port])
@pytest.mark.parametrize("send", CLIENTS.values(), ids=CLIENTS)
async def test_what_never_left_is_told_so(send: Send, place: Callable[[], AbstractAsyncContextManager[int]]) -> None:
    """A connection that was refused or never came leaves nothing to find out about, and may be tried again."""
    async with place() as port:
        error = await failure(send, f"http://{LOOPBACK}:{port}/in", httpx.Timeout(LONG, connect=SHORT), SHORT)

    assert (error.sent, error.unknown, error.retryable) == (False, False, True)


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
@pytest.mark.parametrize("send", CLIENTS.values(), ids=CLIENTS)
async def test_what_may_have_been_received_is_told_so(send: Send, fault: Fault) -> None:
    """Once the request may have arrived, its outcome is unknown."""
    silent = fault is faults.read_and_stay
    async with site(fault) as found:
        limits = httpx.Timeout(LONG, read=SHORT if silent else LONG)
        error = await failure(send, found.url(), limits, 2.0 if silent else LONG)

    assert (error.sent, error.unknown) == (True, True)


async def test_events_before_the_one_that_failed_count() -> None:
    """A batch whose second event found nobody has had its effect in part."""
    async with site(faults.answer_then_close) as found, http_client(httpx.Timeout(LONG)) as http:
        sinks = Sinks(http, {"one": found.url(), "two": f"http://{LOOPBACK}:{closed_port()}/"})
        with pytest.raises(HouseError) as caught:
            await sinks.deliver(["one", "two"], [EVENT])

    assert caught.value.unknown


def redirects(status: int, location: str) -> Fault:
    async def says(visit: Visit) -> None:
        await visit.request()
        await visit.says(f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())

    return says


@pytest.mark.parametrize(
    ("status", "location", "code", "unknown"),
    [
        pytest.param(307, "http://127.0.0.1:{closed}/", FailureCode.SERVICE_CONNECTION, True, id="moved, nobody there"),
        pytest.param(303, "http://127.0.0.1:{closed}/", FailureCode.SERVICE_CONNECTION, True, id="done, nobody there"),
        pytest.param(303, "http://evil.example/", FailureCode.SERVICE_BAD_RESPONSE, True, id="done, not allowed"),
        pytest.param(307, "http://evil.example/", FailureCode.SERVICE_BAD_REQUEST, False, id="moved, not allowed"),
    ],
)
async def test_a_redirect_has_been_sent(status: int, location: str, code: FailureCode, unknown: bool) -> None:
    """A server that redirects has the request; one that points to a result may have done what was asked."""
    async with site(redirects(status, location.format(closed=closed_port()))) as found:
        error = await failure(by_step, found.url())

    assert (error.code, error.unknown) == (code, unknown)


def greets(*lines: bytes) -> Fault:
    """A mail server that answers line by line, and ends after the last."""

    async def says(visit: Visit) -> None:
        for number, line in enumerate(lines):
            if number and lines[number - 1].startswith(b"354"):
                await visit.reader.readuntil(b"\r\n.\r\n")
            elif number:
                await visit.reader.readline()
            await visit.says(line + b"\r\n")
        if lines and lines[-1].startswith(b"354"):
            await visit.reader.readuntil(b"\r\n.\r\n")

    return says


DIALOGUE = (b"220 here", b"250 here", b"250 ok", b"250 ok", b"354 go on")


@pytest.mark.parametrize(
    ("fault", "code", "unknown"),
    [
        pytest.param(faults.close_at_once, FailureCode.DELIVERY_UNAVAILABLE, False, id="closed"),
        pytest.param(faults.reset_at_once, FailureCode.DELIVERY_UNAVAILABLE, False, id="reset"),
        pytest.param(faults.silence, FailureCode.DELIVERY_UNAVAILABLE, False, id="silence"),
        pytest.param(greets(b"421 not now"), FailureCode.DELIVERY_UNAVAILABLE, False, id="greeting refused"),
        pytest.param(greets(b"220 here"), FailureCode.DELIVERY_UNAVAILABLE, True, id="ends after the greeting"),
        pytest.param(
            greets(*DIALOGUE[:2], b"451 later"), FailureCode.DELIVERY_UNAVAILABLE, False, id="sender refused for now"
        ),
        pytest.param(greets(*DIALOGUE), FailureCode.DELIVERY_UNAVAILABLE, True, id="ends after the mail"),
        pytest.param(
            greets(*DIALOGUE, b"451 later"), FailureCode.DELIVERY_UNAVAILABLE, False, id="mail refused for now"
        ),
        pytest.param(greets(*DIALOGUE, b"554 no"), FailureCode.DELIVERY_REFUSED, False, id="mail refused"),
    ],
)
async def test_mail(fault: Fault, code: FailureCode, unknown: bool) -> None:
    """A mail server that was not reached or refused has no mail; one that was lost after its greeting may have it."""
    async with site(fault) as found:
        config = SmtpConfig(LOOPBACK, found.port, "towpath@example.com", tls="none")
        with pytest.raises(HouseError) as caught:
            await Mailer(config, timeout_seconds=SHORT if fault is faults.silence else LONG).send(MAIL)

    assert (caught.value.code, caught.value.unknown) == (code, unknown)


async def test_a_mail_that_was_taken_is_sent() -> None:
    """Though the connection ends before the goodbye."""
    async with site(greets(*DIALOGUE, b"250 taken")) as found:
        config = SmtpConfig(LOOPBACK, found.port, "towpath@example.com", tls="none")
        assert (await Mailer(config, timeout_seconds=LONG).send(MAIL)).endswith("@towpath>")


async def test_a_cut_while_connecting_is_never_sent() -> None:
    """The limit of the whole call, met while no connection stood, says so."""
    async with full_port() as port, asyncio.timeout(10):
        error = await failure(by_step, f"http://{LOOPBACK}:{port}/", whole=SHORT)

    assert (error.code, error.unknown) == (FailureCode.SERVICE_TIMEOUT, False)
