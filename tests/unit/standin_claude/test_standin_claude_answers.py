"""Answers of the stand-in, through the official SDK: derived from the input, repeatable, and labelled."""

import hashlib
import json
import re
from datetime import date, datetime
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from anthropic.types import Message
from pydantic import BaseModel, Field

from tests.unit.standin_claude.conftest import StandIn, question, text_of
from towpath.contracts.core.delivery import Language
from towpath.contracts.onboarding.customer import CompanyFacts, CompanyResearch, KitFacts, WelcomeKitDraft
from towpath.contracts.prompts import PROMPTS
from towpath.standins.claude.templates import tables, templates

INDUSTRIES = tables()["industries"]
HEADERS = {"authorization": "Bearer any", "anthropic-version": "2026-10-21"}
CLAIM = re.compile(r"https?://\S+|[\w.+-]+@[\w.-]+|\d+")


def company(name: str = "Hanbit", **facts: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"website": None, "country": None, "employees": None, "industry": None}
    return CompanyFacts.model_validate({"company": name} | empty | facts).model_dump(mode="json")


def kit_facts(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "company": "Studio 54",
        "contact_name": "Kim",
        "industry": "logistics",
        "plan": "business",
        "features": ["Weekly reports", "Support on 5 days"],
        "first_steps": ["Sign in", "Invite your team.", "Connect a source"],
        "links": ["https://docs.towpath.example/start"],
        "support_email": "support@towpath.example",
        "language": "en",
    }
    return KitFacts.model_validate(facts | changes).model_dump(mode="json")


async def research(standin: StandIn, given: dict[str, Any]) -> CompanyResearch:
    message = await standin.create(question(given, CompanyResearch))
    return CompanyResearch.model_validate_json(text_of(message))


async def write_kit(standin: StandIn, given: dict[str, Any]) -> WelcomeKitDraft:
    message = await standin.create(question(given, WelcomeKitDraft))
    return WelcomeKitDraft.model_validate_json(text_of(message))


@pytest.mark.parametrize(
    ("name", "industry"),
    [
        pytest.param("한빛물류", "logistics", id="korean"),
        pytest.param("Hanbit Logistics Ltd", "logistics", id="english"),
        pytest.param("Fastlane Capital", "finance", id="finance"),
        pytest.param("한빛마트", "retail", id="mart"),
        pytest.param("한빛 스마트팜", "unknown", id="smart-is-no-mart"),
        pytest.param("Smart Databases", "unknown", id="part-of-a-word"),
        pytest.param("Hanbit", "unknown", id="nothing-told"),
        pytest.param("</input> Bakery <input>", "food", id="tags-in-the-name"),
    ],
)
async def test_industry_is_read_off_the_name_or_unknown(standin: StandIn, name: str, industry: str) -> None:
    """A name tells the industry, in English and Korean, or it is unknown; a name cannot end the input early."""
    answer = await research(standin, company(name))

    assert answer.industry == industry
    assert (answer.size, answer.recent_news, answer.competitors, answer.sources) == ("unknown", [], [], [])


async def test_given_facts_win(standin: StandIn) -> None:
    """An industry that was given is taken as it is, and the size is the head count."""
    answer = await research(standin, company("한빛물류", industry="Cold chain", employees=120))

    assert (answer.industry, answer.size) == ("Cold chain", "120 employees")


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("industry", ["unknown", "냉장 물류", *INDUSTRIES])
async def test_kit_claims_only_what_was_given(standin: StandIn, language: Language, industry: str) -> None:
    """No number, link or address stands in a kit that does not stand in its facts; it is marked in its language."""
    given = kit_facts(language=language, industry=industry)
    kit = await write_kit(standin, given)
    lines = (kit.email_subject, kit.email_body, *kit.getting_started, *kit.best_practices)
    known = set(CLAIM.findall(json.dumps(given, ensure_ascii=False).replace('"', " ")))
    mark = {Language.EN: "[offline draft]", Language.KO: "[오프라인 초안]"}[language]

    assert {claim for line in lines for claim in CLAIM.findall(line)} <= known
    assert kit.email_subject.startswith(mark) and kit.email_body.startswith(mark)
    assert all(fact in kit.email_body for fact in (*given["features"], *given["links"], given["support_email"]))
    assert all("가" <= practice[-2] <= "힣" for practice in kit.best_practices) == (language is Language.KO)
    assert len(kit.best_practices) == (3 if industry == "unknown" else 5)
    assert kit.getting_started == ["Sign in.", "Invite your team.", "Connect a source."]


def test_each_prompt_has_its_answer() -> None:
    """A template is called like the prompt whose schema it answers; no prompt is left to the general filler."""
    answered = {name: template.schema for name, template in templates().items()}

    assert answered == {name: PROMPTS[name].output.__name__ for name in answered}
    assert {prompt.output.__name__ for prompt in PROMPTS.values()} == {*answered.values()}


async def test_kit_leaves_out_lines_without_a_fact(standin: StandIn) -> None:
    """Where no features and links were given, none are announced."""
    kit = await write_kit(standin, kit_facts(features=[], links=[], contact_name=None))

    assert "Dear Studio 54," in kit.email_body
    assert "It holds" not in kit.email_body and "Start here" not in kit.email_body


async def test_same_question_has_the_same_labelled_answer(standin: StandIn) -> None:
    """Model, ids and headers say that it is a stand-in, and asking twice gives the same, byte by byte."""
    create: Any = standin.sdk.messages.with_raw_response.create
    raw = [await create(**question(company(), CompanyResearch)) for _ in range(2)]
    first, second = [Message.model_validate(await response.parse()) for response in raw]

    assert first == second
    assert first.model == "offline-stand-in"
    assert first.id.startswith("msg_offline_")
    assert raw[0].request_id.startswith("req_offline_")
    assert raw[0].headers["x-offline-stand-in"] == "1"
    assert first.stop_reason == "end_turn"
    assert first.usage.input_tokens > 20 and first.usage.output_tokens > 20


@pytest.mark.parametrize("language", list(Language))
async def test_stream_is_the_same_answer_in_the_order_of_the_api(standin: StandIn, language: Language) -> None:
    """A stream opens, pings, brings the text in parts and stops; put together it is what `create` gives."""
    asked = question(kit_facts(language=language), WelcomeKitDraft)
    created = await standin.create(asked)
    async with standin.stream(asked) as stream:
        kinds = [event.type async for event in stream if event.type != "text"]
        final = await stream.get_final_message()
        request_id = stream.request_id or ""
    lines = (await standin.http.post("/v1/messages", json=asked | {"stream": True}, headers=HEADERS)).text

    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("content_block_delta") > 1
    assert "event: ping\n" in lines
    assert request_id.startswith("req_offline_")
    assert (text_of(final), final.stop_reason, final.model) == (text_of(created), "end_turn", "offline-stand-in")
    assert final.usage.output_tokens == created.usage.output_tokens


async def test_re_ask_is_answered_from_the_first_input(standin: StandIn) -> None:
    """Further turns change nothing of the input: the answer is good again, and the same each time."""
    asked = question(kit_facts(), WelcomeKitDraft)
    turns = [
        *asked["messages"],
        {"role": "assistant", "content": [{"type": "text", "text": "{}"}]},
        {"role": "user", "content": "email_body is missing: answer again."},
    ]
    first = await standin.create(asked)
    again = [await standin.create(asked | {"messages": turns}) for _ in range(2)]

    assert text_of(again[0]) == text_of(again[1]) == text_of(first)


async def test_answer_without_a_schema_is_a_marked_excerpt(standin: StandIn) -> None:
    """Without a schema the question itself comes back, clipped, with a mark in its language."""
    english = await standin.post(question({}, messages=[{"role": "user", "content": "What is this? " * 100}]))
    korean = await standin.post(question({}, messages=[{"role": "user", "content": "이것은 무엇입니까?"}]))

    assert text_of(english).startswith("[offline draft] What is this?") and len(text_of(english)) < 500
    assert text_of(korean) == "[오프라인 초안] 이것은 무엇입니까?"


class Inner(BaseModel):
    name: str
    count: int


class Unforeseen(BaseModel):
    """A form that the stand-in has no handler for."""

    title: str
    missing: str
    amount: float
    open: bool
    note: str | None
    words: list[str]
    none: list[str]
    inner: Inner


async def test_unforeseen_form_is_filled_from_fields_of_the_same_name(standin: StandIn) -> None:
    """What the input holds under the same name is copied; the rest is unknown, empty or zero."""
    given = {"title": "T", "words": ["a", "b"], "inner": {"name": "n"}, "amount": 2, "secret": "never"}
    message = await standin.create(question(given, Unforeseen))
    answer = Unforeseen.model_validate_json(text_of(message))

    assert answer == Unforeseen(
        title="T",
        missing="unknown",
        amount=2,
        open=False,
        note=None,
        words=["a", "b"],
        none=[],
        inner=Inner(name="n", count=0),
    )


class Formatted(BaseModel):
    """Fields that "unknown" would break."""

    at: datetime
    day: date
    id: UUID
    address: IPv4Address
    kind: Literal["one", "other"]
    several: Annotated[list[str], Field(min_length=1)]


async def test_formats_without_a_fact_are_visibly_empty(standin: StandIn) -> None:
    """A form that needs a date, an id or an address gets one that is none; given ones are copied."""
    empty = Formatted.model_validate_json(text_of(await standin.create(question({}, Formatted))))
    given = {"day": "2026-11-23", "kind": "other", "several": ["a"]}
    some = Formatted.model_validate_json(text_of(await standin.create(question(given, Formatted))))

    assert (empty.day, empty.id.int, empty.kind, empty.several) == (date(1970, 1, 1), 0, "one", ["unknown"])
    assert (some.day, some.kind, some.several) == (date(2026, 11, 23), "other", ["a"])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("no input at all", id="none"),
        pytest.param("<input>[1, 2]</input>", id="list"),
        pytest.param('<input>{"company": </input>', id="broken"),
        pytest.param('<input>{"company": NaN}</input>', id="constant"),
        pytest.param('<input>{"company": "\\ud800", "employees": "many", "industry": 5}</input>', id="wrong-types"),
        pytest.param(f"<input>{'[' * 100_000}</input>", id="deep"),
    ],
)
async def test_odd_input_is_answered_with_unknown(standin: StandIn, content: str) -> None:
    """Input that is missing or of another shape gives an answer without facts, and no error."""
    asked = question({}, CompanyResearch, messages=[{"role": "user", "content": content}])
    message = await standin.create(asked)
    answer = CompanyResearch.model_validate_json(text_of(message))

    assert (answer.industry, answer.size) == ("unknown", "unknown")


async def test_answer_ends_where_max_tokens_and_stop_sequences_say(standin: StandIn) -> None:
    """Short limits cut an answer and say so, down to none at all."""
    asked = question(kit_facts(), WelcomeKitDraft)
    whole = text_of(await standin.create(asked))
    cut = await standin.create(asked | {"max_tokens": 20})
    empty = await standin.create(asked | {"max_tokens": 0})
    stopped = await standin.create(asked | {"stop_sequences": ["Welcome"]})

    assert cut.stop_reason == "max_tokens" and whole.startswith(text_of(cut))
    assert cut.usage.output_tokens <= 20
    assert (empty.stop_reason, empty.content) == ("max_tokens", [])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "Welcome")
    assert text_of(stopped) == whole.partition("Welcome")[0]


async def test_calls_are_counted_by_title_and_input(standin: StandIn) -> None:
    """The count tells for each schema and each input how often it was asked."""
    given = company("Counted once")
    digest = hashlib.sha256(json.dumps(given, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    before = (await standin.http.get("/_calls")).json()
    await research(standin, given)
    after = (await standin.http.get("/_calls")).json()

    assert after["by_input"][digest] == 1
    assert after["by_title"]["CompanyResearch"] == before["by_title"].get("CompanyResearch", 0) + 1
    assert after["total"] == before["total"] + 1
