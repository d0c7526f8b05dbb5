"""Failures on order: each kind through the official SDK, and the control path itself."""

import asyncio
import json
import re
from typing import Any

import anthropic
import httpx
import pytest

from tests.unit.standin_claude.conftest import StandIn, question, text_of
from towpath.contracts.onboarding.customer import CompanyResearch, WelcomeKitDraft
from towpath.standins.app import StandIns
from towpath.standins.claude.app import ClaudeStandIn

KIT = question(
    {"company": "Hanbit", "plan": "starter", "features": ["Shared workspace"], "language": "en"}, WelcomeKitDraft
)
RESEARCH = question({"company": "Hanbit"}, CompanyResearch)
HEADERS = {"authorization": "Bearer any", "anthropic-version": "2026-10-21"}


async def received(standin: StandIn, asked: dict[str, Any], parts: list[str]) -> None:
    """Gathers the text of a stream, also of one that breaks."""
    async with standin.stream(asked) as stream:
        async for part in stream.text_stream:
            parts += [part]


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (402, anthropic.PaymentRequiredError, "billing_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (409, anthropic.ConflictError, "conflict_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.OverloadedError, "overloaded_error"),
    ],
)
async def test_status_is_answered_for_its_times(
    standin: StandIn, status: int, error: type[anthropic.APIStatusError], kind: str
) -> None:
    """A status comes as often as it was ordered, with its error type and Retry-After; then calls are answered."""
    await standin.fault(kind="status", status=status, retry_after=7, times=2)
    for call in (standin.create(RESEARCH), standin.streamed(RESEARCH)):
        with pytest.raises(error) as caught:
            await call
        assert (caught.value.type, caught.value.response.headers["retry-after"]) == (kind, "7")
    message = await standin.create(RESEARCH)

    assert message.stop_reason == "end_turn"


async def test_fault_hits_only_its_schema_and_text(standin: StandIn) -> None:
    """An order can be for one output schema, and for questions that hold some text."""
    number = await standin.fault(kind="status", status=500, schema_title="CompanyResearch", match="Hanbit")
    other = await standin.create(question({"company": "Other"}, CompanyResearch))
    kit = await standin.create(KIT)
    with pytest.raises(anthropic.InternalServerError):
        await standin.create(RESEARCH)
    hits = (await standin.http.get("/_faults")).json()["hits"]

    assert (other.stop_reason, kit.stop_reason) == ("end_turn", "end_turn")
    assert hits == {str(number): 1}


async def test_overloaded_in_mid_stream(standin: StandIn) -> None:
    """Some text comes, and then the error event; without a stream it is a 529."""
    await standin.fault(kind="overloaded_midstream")
    parts: list[str] = []
    with pytest.raises(anthropic.APIStatusError) as caught:
        await received(standin, KIT, parts)
    with pytest.raises(anthropic.OverloadedError):
        await standin.create(KIT)

    assert parts[0].startswith('{"email_subject"')
    assert (caught.value.type, caught.value.status_code) == ("overloaded_error", 200)


async def test_truncated_stream_ends_without_a_word(standin: StandIn) -> None:
    """Half of the text comes, and no stop reason; without a stream the JSON is cut."""
    whole = text_of(await standin.create(KIT))
    await standin.fault(kind="truncated")
    half = await standin.streamed(KIT)
    with pytest.raises(json.JSONDecodeError):
        await standin.create(KIT)

    assert half.stop_reason is None
    assert 0 < len(text_of(half)) < len(whole) and whole.startswith(text_of(half))


async def test_not_json(standin: StandIn) -> None:
    """Broken JSON, in a stream and without."""
    await standin.fault(kind="not_json")
    parts: list[str] = []
    with pytest.raises(json.JSONDecodeError):
        await received(standin, KIT, parts)
    with pytest.raises(json.JSONDecodeError):
        await standin.create(KIT)

    assert parts[0].startswith('{"email_subject"')


async def test_html_with_200(standin: StandIn) -> None:
    """A page of a gateway in place of an answer."""
    await standin.fault(kind="html", times=1)
    with pytest.raises(anthropic.APIResponseValidationError) as caught:
        await standin.create(KIT)

    assert caught.value.status_code == 200


async def test_refusal(standin: StandIn) -> None:
    """The answer is declined, in a stream and without."""
    await standin.fault(kind="refusal")
    message, stream = await standin.create(KIT), await standin.streamed(KIT)

    assert [answer.stop_reason for answer in (message, stream)] == ["refusal", "refusal"]
    assert message.stop_details is not None and message.stop_details.type == "refusal"


async def test_max_tokens(standin: StandIn) -> None:
    """The answer breaks off, and says why."""
    whole = text_of(await standin.create(KIT))
    await standin.fault(kind="max_tokens")
    cut = await standin.streamed(KIT)

    assert cut.stop_reason == "max_tokens"
    assert whole.startswith(text_of(cut)) and text_of(cut) != whole


async def test_a_paused_turn_is_gone_on_with(standin: StandIn) -> None:
    """Its content comes back as Claude's own turn, and the rest follows; a turn that never paused is refused."""
    whole = text_of(await standin.create(KIT))
    await standin.fault(kind="pause_turn", times=1)
    first = await standin.streamed(KIT)
    turn = {"role": "assistant", "content": [{"type": "text", "text": text_of(first)}]}
    second = await standin.create(KIT | {"messages": [*KIT["messages"], turn]})
    prefilled = {"role": "assistant", "content": "Never said"}
    with pytest.raises(anthropic.BadRequestError, match="prefilling"):
        await standin.create(KIT | {"messages": [*KIT["messages"], prefilled]})

    assert (first.stop_reason, second.stop_reason) == ("pause_turn", "end_turn")
    assert text_of(first) + text_of(second) == whole


async def test_a_pause_before_the_first_word_has_nothing_to_send_back(standin: StandIn) -> None:
    """Its turn is empty, and an empty turn is refused: the question is asked again as it was."""
    await standin.fault(kind="pause_before_text", times=1)
    first = await standin.streamed(KIT)
    with pytest.raises(anthropic.BadRequestError, match="non-empty"):
        await standin.create(KIT | {"messages": [*KIT["messages"], {"role": "assistant", "content": []}]})

    assert (first.stop_reason, first.content) == ("pause_turn", [])
    assert (await standin.create(KIT)).stop_reason == "end_turn"


async def test_bad_output_breaks_the_schema(standin: StandIn) -> None:
    """JSON, but not the one that was asked for."""
    await standin.fault(kind="bad_output")
    answer = json.loads(text_of(await standin.streamed(KIT)))

    assert "email_body" not in answer


async def test_unsupported_claims_keep_the_schema(standin: StandIn) -> None:
    """A number and an address that nobody gave stand in the mail; the schema is kept."""
    before = WelcomeKitDraft.model_validate_json(text_of(await standin.create(KIT)))
    await standin.fault(kind="unsupported_claims")
    after = WelcomeKitDraft.model_validate_json(text_of(await standin.create(KIT)))

    assert not re.search(r"\d|https?:", before.email_body)
    assert re.findall(r"\d+|https?:\S+", after.email_body) == ["4711", "https://elsewhere.example/offer."]
    assert after.email_body.startswith("[offline draft]")


async def test_too_long_keeps_the_schema(standin: StandIn) -> None:
    """A mail that nobody wants to read."""
    await standin.fault(kind="too_long")
    kit = WelcomeKitDraft.model_validate_json(text_of(await standin.streamed(KIT)))

    assert len(kit.email_body) > 10_000


async def test_slow_answer_comes_whole(standin: StandIn) -> None:
    """A slow stream begins at once and ends later than it was told; nothing is missing."""
    whole = text_of(await standin.create(KIT))
    await standin.fault(kind="slow", seconds=0.2)
    clock = asyncio.get_running_loop().time
    start = clock()
    message = await standin.streamed(KIT)
    streaming = clock() - start
    created = await standin.create(KIT)

    assert text_of(message) == text_of(created) == whole
    assert streaming >= 0.2
    assert clock() - start >= 0.4


@pytest.mark.parametrize("stream", [True, False])
async def test_stall_holds_until_it_is_lifted(standin: StandIn, stream: bool) -> None:
    """A stalled answer ends when the fault is lifted, and is whole then."""
    number = await standin.fault(kind="stall")
    call = standin.streamed(KIT) if stream else standin.create(KIT)
    asking = asyncio.ensure_future(call)
    async with asyncio.timeout(10):
        while (await standin.http.get("/_faults")).json()["hits"] != {str(number): 1}:
            pass
        done, _ = await asyncio.wait({asking}, timeout=0.1)
        await standin.http.delete("/_faults", params={"id": number})
        message = await asking

    assert not done
    assert WelcomeKitDraft.model_validate_json(text_of(message))


@pytest.mark.parametrize("stream", [True, False])
async def test_stalled_call_can_be_left(standin: StandIn, stream: bool) -> None:
    """A caller who leaves a stalled answer is gone at once, and the next call is answered."""
    await standin.fault(kind="stall", times=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await (standin.streamed(KIT) if stream else standin.create(KIT))
    message = await standin.create(KIT)

    assert message.stop_reason == "end_turn"


@pytest.mark.parametrize("order", [{"kind": "unheard-of"}, {"kind": "status", "colour": 1}, {"times": 1}, []])
async def test_order_that_is_none_is_refused(standin: StandIn, order: Any) -> None:
    """A kind or field that does not exist is refused, and changes nothing."""
    response = await standin.http.post("/_faults", json=order)
    hits = (await standin.http.get("/_faults")).json()["hits"]

    assert (response.status_code, hits) == (422, {})


async def test_control_is_closed_unless_opened() -> None:
    """Without faults=True there is no path to order failures."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(ClaudeStandIn().app()), base_url="http://standin"
    ) as http:
        response = await http.post("/_faults", json={"kind": "html"})

    assert response.status_code == 404


@pytest.mark.parametrize(
    ("order", "status", "kind"),
    [
        pytest.param({"status": 429, "retry_after": "3"}, 429, "rate_limit_error", id="status"),
        pytest.param({"code": "unheard-of"}, 500, "api_error", id="unknown-code"),
        pytest.param({"code": "overloaded_midstream"}, 529, "overloaded_error", id="kind"),
    ],
)
async def test_shared_orders_reach_claude(order: dict[str, Any], status: int, kind: str) -> None:
    """The fault control of all stand-ins names a kind in `code` and a schema in `operation`."""
    app = StandIns(faults_allowed=True).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://standin") as http:
        shared = {"service": "claude", "operation": "CompanyResearch"} | order
        await http.post("/_standins/faults", json=shared)
        hit = await http.post("/claude/v1/messages", json=RESEARCH, headers=HEADERS)
        missed = await http.post("/claude/v1/messages", json=KIT, headers=HEADERS)

    assert (hit.status_code, hit.json()["error"]["type"]) == (status, kind)
    assert hit.headers.get("retry-after") == order.get("retry_after")
    assert missed.status_code == 200
