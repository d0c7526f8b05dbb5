"""ServiceClient, Slack and mail: what is sent, and what each answer becomes."""

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from email.policy import SMTP

import httpx
import pytest

from towpath.config.openapi import operations, services
from towpath.contracts.core.delivery import PostSlack, SendEmail
from towpath.contracts.core.failure import DeliveryError, FailureCode, ServiceError
from towpath.contracts.core.wire import EffectKey, JsonObject
from towpath.integrations.channels.channels import Slack
from towpath.integrations.channels.mail import compose, message_id
from towpath.integrations.http.services import ServiceClient, ServiceEndpoint
from towpath.policy.core.retry_after import retry_after

KEY = EffectKey("run/step")
ACCOUNT: JsonObject = {"reference": "r1", "company": "Hanbit", "email": "kim@hanbit.example", "plan": "business"}
Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> ServiceClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return ServiceClient(http, {"accounts": ServiceEndpoint("https://accounts.example/v1/", "secret-token")})


async def test_request_follows_the_document() -> None:
    """Parameters go where the OpenAPI document says, with the key and the token in their headers."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"found": True})

    await client(answer).call("accounts", "closeAccount", {"reference": "a/b"}, KEY)

    assert seen[0].method == "DELETE"
    assert seen[0].url.raw_path == b"/v1/accounts/a%2Fb"
    assert seen[0].headers["idempotency-key"] == "run/step"
    assert seen[0].headers["authorization"] == "Bearer secret-token"


@pytest.mark.parametrize(
    ("response", "code", "retryable"),
    [
        pytest.param(httpx.Response(401), FailureCode.SERVICE_AUTH, False, id="401"),
        pytest.param(httpx.Response(402, json={"code": "card_declined"}), FailureCode.SERVICE_REFUSED, False, id="402"),
        pytest.param(httpx.Response(409), FailureCode.SERVICE_UNAVAILABLE, True, id="409"),
        pytest.param(httpx.Response(422), FailureCode.SERVICE_REFUSED, False, id="422"),
        pytest.param(httpx.Response(429), FailureCode.SERVICE_RATE_LIMITED, True, id="429"),
        pytest.param(httpx.Response(503), FailureCode.SERVICE_UNAVAILABLE, True, id="503"),
        pytest.param(httpx.Response(302), FailureCode.SERVICE_REFUSED, False, id="redirect"),
        pytest.param(httpx.Response(201, text="<html>"), FailureCode.SERVICE_BAD_RESPONSE, True, id="html"),
        pytest.param(httpx.Response(201, json={"id": 1}), FailureCode.SERVICE_BAD_RESPONSE, True, id="schema"),
        pytest.param(httpx.Response(204), FailureCode.SERVICE_BAD_RESPONSE, True, id="undocumented"),
    ],
)
async def test_answers_become_failures(response: httpx.Response, code: FailureCode, retryable: bool) -> None:
    """Each kind of answer has its code, and whether it may be asked again."""
    with pytest.raises(ServiceError) as caught:
        await client(lambda _: response).call("accounts", "createAccount", ACCOUNT, KEY)

    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert "hanbit" not in f"{caught.value.message}{caught.value.evidence}".lower()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(httpx.ReadTimeout("x"), FailureCode.SERVICE_TIMEOUT, id="timeout"),
        pytest.param(httpx.ConnectError("x"), FailureCode.SERVICE_CONNECTION, id="refused"),
    ],
)
async def test_broken_connections_become_failures(error: httpx.TransportError, code: FailureCode) -> None:
    """No answer is a passing failure."""

    def broken(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ServiceError) as caught:
        await client(broken).call("accounts", "createAccount", ACCOUNT, KEY)

    assert (caught.value.code, caught.value.retryable) == (code, True)


async def test_wrong_parameters_are_refused_before_they_are_sent() -> None:
    """A parameter that breaks the document is a permanent failure that names it, and nothing is sent."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(201)

    with pytest.raises(ServiceError) as caught:
        await client(answer).call("accounts", "createAccount", {**ACCOUNT, "plan": "", "colour": "red"}, KEY)

    assert caught.value.code is FailureCode.SERVICE_BAD_REQUEST
    assert "$.plan" in caught.value.message
    assert sent == []


async def test_retry_after_travels_with_the_failure() -> None:
    """What the service asked to wait is kept, up to an hour."""
    response = httpx.Response(503, headers={"Retry-After": "7"})
    with pytest.raises(ServiceError) as caught:
        await client(lambda _: response).call("accounts", "createAccount", ACCOUNT, KEY)

    assert caught.value.retry_after == timedelta(seconds=7)


DATED = {"Date": "Sun, 22 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"Retry-After": "0"}, 0, id="none"),
        pytest.param({"Retry-After": " 12 "}, 12, id="seconds"),
        pytest.param({"Retry-After": "999999999999999999999"}, 3600, id="bounded"),
        pytest.param(DATED | {"Retry-After": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30, id="a-date"),
        pytest.param(DATED | {"Retry-After": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0, id="a-date-that-is-past"),
        pytest.param({"Retry-After": "Sun, 22 Nov 2026 12:00:30 GMT"}, None, id="a-date-in-an-answer-without-one"),
        pytest.param(DATED | {"Retry-After": "soon"}, None, id="nonsense"),
        pytest.param({"Retry-After": "-5"}, None, id="negative"),
        pytest.param(DATED, None, id="not-said"),
    ],
)
def test_retry_after_is_counted_without_our_clock(headers: dict[str, str], seconds: int | None) -> None:
    """Seconds are seconds; a date is counted from the answer's own date, however wrong this machine's clock is."""
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert retry_after(httpx.Headers(headers)) == expected


def test_every_operation_has_a_contract() -> None:
    """Each document yields operations; each one with an effect takes a key and checks its answer."""
    found = [operation for service in services() for operation in operations(service).values()]

    assert {operation.service for operation in found} == {
        *{"accounts", "billing", "crm", "email-check", "orders", "platform"}
    }
    assert all(operation.answers for operation in found)
    assert all(operation.keyed for operation in found if operation.method != "get")


@pytest.mark.parametrize(
    ("response", "code", "retryable"),
    [
        pytest.param(
            httpx.Response(429, headers={"Retry-After": "3"}), FailureCode.DELIVERY_RATE_LIMITED, True, id="429"
        ),
        pytest.param(httpx.Response(500), FailureCode.DELIVERY_UNAVAILABLE, True, id="500"),
        pytest.param(
            httpx.Response(200, json={"ok": False, "error": "channel_not_found"}),
            FailureCode.DELIVERY_REFUSED,
            False,
            id="channel",
        ),
        pytest.param(
            httpx.Response(200, json={"ok": False, "error": "invalid_auth"}),
            FailureCode.DELIVERY_AUTH,
            False,
            id="auth",
        ),
        pytest.param(httpx.Response(200, text="ok"), FailureCode.DELIVERY_UNAVAILABLE, True, id="no-json"),
    ],
)
async def test_slack_errors(response: httpx.Response, code: FailureCode, retryable: bool) -> None:
    """Slack's errors come with HTTP 200; each becomes its own failure."""
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: response))
    with pytest.raises(DeliveryError) as caught:
        await Slack(http, "https://slack.example/api", "xoxb-1").post(PostSlack(channel="#a", text="x", key=KEY))

    assert (caught.value.code, caught.value.retryable) == (code, retryable)


async def test_customer_text_cannot_mention_anybody() -> None:
    """Slack's control characters in a customer's text are escaped."""
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(200, json={"ok": True, "ts": "1.0"})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    await Slack(http, "https://slack.example/api", "t").post(PostSlack(channel="#a", text="<!channel> & co", key=KEY))

    assert b"&lt;!channel&gt; &amp; co" in seen[0]


def test_mail_has_one_id_for_one_key_and_no_injected_header() -> None:
    """The same effect is the same Message-ID, and a line break in a subject adds no header."""
    mail = SendEmail(to="kim@hanbit.example", subject="안녕\nBcc: x@evil.example", body="본문", key=KEY)
    composed = compose(mail, "Towpath <welcome@towpath.example>")
    message = message_from_bytes(composed.content, policy=SMTP)

    assert message["Message-ID"] == composed.message_id == message_id(KEY)
    assert message["Bcc"] is None
    assert message["Subject"] == "안녕 Bcc: x@evil.example"


def test_address_that_is_none_is_refused_for_good() -> None:
    """A broken recipient is a permanent failure."""
    mail = SendEmail(to="kim@hanbit.example>, x@evil.example", subject="s", body="b", key=KEY)
    with pytest.raises(DeliveryError) as caught:
        compose(mail, "welcome@towpath.example")

    assert caught.value.code is FailureCode.DELIVERY_REFUSED


@pytest.mark.parametrize(("operation", "unknown"), [("closeAccount", True), ("getAccount", False)])
async def test_reading_leaves_nobody_in_doubt(operation: str, unknown: bool) -> None:
    """After a 503 to an operation with an effect nobody knows whether it has happened; one that reads has none."""
    with pytest.raises(ServiceError) as caught:
        await client(lambda _: httpx.Response(503)).call("accounts", operation, {"reference": "r1"}, KEY)
    assert caught.value.unknown is unknown
