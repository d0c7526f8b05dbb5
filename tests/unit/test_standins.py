"""The stand-ins keep the rules of what they stand in for, and say what they are."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import pytest
import pytest_asyncio
from anthropic.types import Message, ModelInfo

from towpath.config.openapi import operations
from towpath.contracts.core.delivery import Language
from towpath.contracts.onboarding.customer import CompanyResearch, Customer, CustomerPlan, WelcomeKitDraft
from towpath.policy.onboarding.kit import kit_problems
from towpath.policy.onboarding.plans import kit_facts
from towpath.standins.app import StandIns
from towpath.standins.claude.answer import MARKS, drafted
from towpath.standins.claude.models import listing
from towpath.standins.claude.templates import tables

AUTH = {"authorization": "Bearer key", "anthropic-version": "2026-10-21"}
QUESTION: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": '<input>{"company": "Hanbit 물류"}</input>'}],
}


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = StandIns(faults_allowed=True).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://standin") as client:
        yield client


async def ask(http: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    body = {name: value for name, value in (QUESTION | changes).items() if value is not None}
    return await http.post("/claude/v1/messages", json=body, headers=AUTH)


def wants(schema: dict[str, Any]) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "schema": schema}}


RECURSIVE = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/$defs/Node"}},
            "required": ["next"],
            "additionalProperties": False,
        }
    },
}
MANY = {
    "type": "object",
    "properties": {f"f{number}": {"type": "string"} for number in range(25)},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        pytest.param({"temperature": 0.7}, 400, "temperature", id="temperature"),
        pytest.param({"max_tokens": None}, 400, "max_tokens", id="no-max-tokens"),
        pytest.param({"messages": []}, 400, "at least one message", id="no-messages"),
        pytest.param({"colour": 1}, 400, "extra inputs", id="unknown-field"),
        pytest.param({"model": "claude-3-opus-20240229"}, 404, "claude-3-opus", id="retired"),
        pytest.param({"model": "gpt-7"}, 404, "gpt-7", id="unknown-model"),
        pytest.param({"tools": [{"type": "web_search_20260318"}]}, 400, "not available offline", id="web-search"),
        pytest.param({"tool_choice": {"type": "any"}}, 400, "forced tool use", id="forced-tool"),
        pytest.param({"output_config": wants(RECURSIVE)}, 400, "recursive", id="recursive"),
        pytest.param({"output_config": wants(MANY)}, 400, "optional", id="too-many-optional"),
        pytest.param({"output_config": wants({"type": "object"})}, 400, "additionalProperties", id="open-object"),
        pytest.param({"output_config": wants({"minimum": 1})}, 400, "minimum", id="keyword"),
        pytest.param(
            {"messages": [*QUESTION["messages"], {"role": "assistant", "content": "{"}]},
            400,
            "prefilling",
            id="prefill",
        ),
    ],
)
async def test_claude_refuses_what_the_api_refuses(
    http: httpx.AsyncClient, changes: dict[str, Any], status: int, text: str
) -> None:
    """What would fail online fails offline, with the API's error body."""
    response = await ask(http, **changes)
    body = response.json()

    assert response.status_code == status
    assert text in body["error"]["message"]
    assert body["request_id"].startswith("req_offline_")


async def test_claude_needs_credentials(http: httpx.AsyncClient) -> None:
    """Without a key the answer is 401, as online."""
    response = await http.post("/claude/v1/messages", json=QUESTION)

    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"


async def test_answer_is_derived_labelled_and_the_same_each_time(http: httpx.AsyncClient) -> None:
    """The same request gets the same answer, from its own input, marked as a stand-in's everywhere."""
    schema = anthropic.transform_schema(CompanyResearch)
    first = await ask(http, output_config=wants(schema))
    second = await ask(http, output_config=wants(schema))
    message = Message.model_validate(first.json())

    assert first.json() == second.json()
    assert message.model == "offline-stand-in"
    assert message.id.startswith("msg_offline_")
    assert first.headers["x-offline-stand-in"] == "1"
    research = CompanyResearch.model_validate_json(first.json()["content"][0]["text"])
    assert (research.industry, research.recent_news) == ("logistics", [])


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("plan", list(CustomerPlan))
@pytest.mark.parametrize("industry", ["unknown", *tables()["industries"]])
def test_kit_claims_nothing_that_was_not_given(language: Language, plan: CustomerPlan, industry: str) -> None:
    """The stand-in's kits pass the same check as Claude's, in both languages, and say that they are drafts."""
    customer = Customer(email="kim@hanbit.example", company="한빛", plan=plan, language=language)
    facts = kit_facts(customer, industry)
    kit = WelcomeKitDraft.model_validate(drafted("WelcomeKitDraft", facts.model_dump(mode="json")))

    assert kit_problems(kit, facts) == ()
    assert kit.email_body.startswith(MARKS[language])


def test_models_have_the_shape_of_the_api() -> None:
    """The SDK reads every model, and none offers web search."""
    models = [ModelInfo.model_validate(model) for model in listing()]

    assert models
    assert not any(model.capabilities and model.capabilities.server_tools.web_search.supported for model in models)


async def send(http: httpx.AsyncClient, key: str, company: str = "Hanbit") -> httpx.Response:
    body = {"reference": "r1", "company": company, "email": "kim@hanbit.example", "plan": "business", "language": "en"}
    return await http.post("/accounts/accounts", json=body, headers={**AUTH, "Idempotency-Key": key})


async def test_accounts_keep_their_contract(http: httpx.AsyncClient) -> None:
    """One effect for one key, another body refused, and a closed account reopened under its id."""
    first, again = await send(http, "k1"), await send(http, "k1")
    reused = await send(http, "k1", company="Other")
    closed = await http.delete("/accounts/accounts/r1", headers={**AUTH, "Idempotency-Key": "k2"})
    reopened = await send(http, "k1")
    effects = (await http.get("/_standins/effects")).json()

    assert first.json() == again.json()
    assert (reused.status_code, reused.json()["code"]) == (422, "key_reused")
    assert closed.json() == {"found": True}
    assert reopened.json() == {"account_id": first.json()["account_id"], "status": "active"}
    assert effects["applied_twice"] == []
    operations("accounts")["createAccount"].check_answer(201, first.json())


async def test_services_need_key_and_token(http: httpx.AsyncClient) -> None:
    """Without a bearer token 401, without an idempotency key 400."""
    bare = await http.post("/accounts/accounts", json={})
    keyless = await http.post("/accounts/accounts", json={}, headers=AUTH)

    assert (bare.status_code, keyless.status_code) == (401, 400)


async def test_ordered_fault_ends_after_its_times(http: httpx.AsyncClient) -> None:
    """A fault for one request fails one request, after its effect when told so, and the next one gets the answer."""
    order = {"service": "accounts", "status": 503, "retry_after": "2", "times": 1, "after_effect": True}
    await http.post("/_standins/faults", json=order)
    broken, well = await send(http, "k1"), await send(http, "k1")
    effects = (await http.get("/_standins/effects")).json()["effects"]

    assert (broken.status_code, broken.headers["retry-after"]) == (503, "2")
    assert well.status_code == 201
    assert [(effect["requests"], effect["applied"]) for effect in effects] == [(2, 1)]


async def test_fault_control_is_closed_unless_opened() -> None:
    """Without --faults there is no door to order failures."""
    app = StandIns(faults_allowed=False).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://standin") as http:
        response = await http.post("/_standins/faults", json={"service": "accounts"})

    assert response.status_code == 404
