"""What the real API refuses, the stand-in refuses: each rule through the official SDK, with the API's error body."""

from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from tests.unit.standin_claude.conftest import MODEL, StandIn, question, text_of
from towpath.contracts.onboarding.customer import CompanyResearch, WelcomeKitDraft
from towpath.contracts.prompts import PROMPTS

USER = {"role": "user", "content": "Hello"}
ASSISTANT = {"role": "assistant", "content": "Hello"}
STRING = {"type": "string"}


def wants(schema: dict[str, Any]) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def thing(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A strict object with all properties required."""
    base = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return base | more


def named(count: int, schema: dict[str, Any]) -> dict[str, Any]:
    return {f"p{number}": schema for number in range(count)}


def strict_tools(count: int, properties: int) -> list[dict[str, Any]]:
    schema = thing(named(properties, STRING), required=[])
    return [{"name": f"t{number}", "input_schema": schema, "strict": True} for number in range(count)]


def nested(depth: int) -> dict[str, Any]:
    return {"type": "array", "items": nested(depth - 1)} if depth else STRING


NODE = {"$defs": {"Node": thing({"next": {"$ref": "#/$defs/Node"}})}, "$ref": "#/$defs/Node"}
DOUBLING = {f"D{n}": thing(named(2, {"$ref": f"#/$defs/D{n + 1}"})) for n in range(20)} | {"D20": STRING}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "temperature": ({"temperature": 0.7}, "temperature: sampling parameters"),
    "top-p": ({"top_p": 0.5}, "top_p: sampling parameters"),
    "top-k": ({"top_k": 5}, "top_k: sampling parameters"),
    "no-max-tokens": ({"max_tokens": None}, "max_tokens: field required"),
    "no-messages": ({"messages": None}, "messages: field required"),
    "no-model": ({"model": None}, "model: field required"),
    "max-tokens-as-text": ({"max_tokens": "100"}, "max_tokens: input should be a valid integer"),
    "max-tokens-over-the-model": ({"max_tokens": 128_001}, "128001 > 128000"),
    "unknown-field": ({"colour": 1}, "colour: extra inputs are not permitted"),
    "unknown-effort": ({"output_config": {"effort": "huge"}}, "output_config.effort"),
    "empty-messages": ({"messages": []}, "at least one message is required"),
    "empty-content": ({"messages": [{"role": "user", "content": ""}]}, "non-empty"),
    "no-content": ({"messages": [{"role": "user"}]}, "messages.0.content: field required"),
    "blank-text": ({"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]}, "non-empty"),
    "unknown-role": ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
    "message-that-is-none": ({"messages": ["hello"]}, "messages.0"),
    "assistant-first": ({"messages": [ASSISTANT, USER]}, "first message must use the user role"),
    "user-twice": ({"messages": [USER, USER]}, "roles must alternate"),
    "assistant-twice": ({"messages": [USER, ASSISTANT, ASSISTANT, USER]}, "roles must alternate"),
    "prefill": ({"messages": [USER, ASSISTANT]}, "prefilling"),
    "image": ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "image blocks are not available"),
    "forced-any": ({"tool_choice": {"type": "any"}}, f"forced tool use is not supported by {MODEL}"),
    "forced-tool-on-haiku": (
        {"model": "claude-haiku-5-5", "tool_choice": {"type": "tool", "name": "t"}},
        "forced tool use is not available offline",
    ),
    "web-search": ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "web_search_20260318 is not"),
    "web-fetch": ({"tools": [{"type": "web_fetch_20260318", "name": "web_fetch"}]}, "not available offline"),
    "tool-without-schema": ({"tools": [{"name": "t"}]}, "input_schema"),
    "too-many-strict-tools": ({"tools": strict_tools(21, 1)}, "too many strict tools"),
    "optional-over-all-schemas": ({"tools": strict_tools(5, 5)}, "too many optional parameters"),
    "thinking-off": ({"thinking": {"type": "disabled"}}, f"disabled is not supported by {MODEL}"),
    "thinking-off-at-full-effort": (
        {"thinking": {"type": "between_tools"}, "output_config": {"effort": "max"}},
        "not supported at effort max",
    ),
    "thinking-budget-over-max-tokens": (
        {"model": "claude-haiku-4-5", "thinking": {"type": "enabled", "budget_tokens": 5000}},
        "less than max_tokens",
    ),
    "thinking-without-budget": ({"model": "claude-haiku-4-5", "thinking": {"type": "enabled"}}, "budget_tokens"),
    "blank-stop-sequence": ({"stop_sequences": [" "]}, "stop_sequences"),
    "format-of-another-type": ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    "schema-recursive": (wants(NODE), "recursive"),
    "schema-recursive-at-the-root": (wants(thing({"self": {"$ref": "#"}})), "recursive"),
    "schema-elsewhere": (wants({"$ref": "https://schemas.example/x"}), "$ref must point into $defs"),
    "schema-nowhere": (wants({"$ref": "#/$defs/X"}), "points nowhere"),
    "schema-keyword": (wants(thing({"a": {"type": "integer", "minimum": 1}})), "'minimum' is not supported"),
    "schema-one-of": (wants({"oneOf": [STRING]}), "'oneOf' is not supported"),
    "schema-open": (wants({"type": "object", "properties": {}}), "'additionalProperties' must be false"),
    "schema-open-below": (wants(thing({"a": {"type": "object"}})), "'additionalProperties' must be false"),
    "schema-optional": (wants(thing(named(25, STRING), required=[])), "too many optional parameters"),
    "schema-unions": (wants(thing(named(17, {"anyOf": [STRING, {"type": "null"}]}))), "too many union-typed"),
    "schema-type-lists": (wants(thing(named(17, {"type": ["string", "null"]}))), "too many union-typed"),
    "schema-format": (wants({"type": "string", "format": "iban"}), "format 'iban'"),
    "schema-many-items": (wants({"type": "array", "items": STRING, "minItems": 2}), "'minItems'"),
    "schema-enum-of-objects": (wants({"enum": [{"a": 1}]}), "'enum' and 'const'"),
    "schema-without-type": (wants(thing({"a": {}})), "a type is needed"),
    "schema-unknown-type": (wants({"type": "text"}), "type 'text'"),
    "schema-all-of-ref": (
        wants({"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": STRING}}),
        "'allOf' with '$ref'",
    ),
    "schema-of-true": (wants(thing({"a": True})), "a schema must be an object"),
    "schema-too-deep": (wants(nested(70)), "compiled grammar is too large"),
    "schema-too-large": (wants({"$ref": "#/$defs/D0", "$defs": DOUBLING}), "compiled grammar is too large"),
    "schema-that-contradicts-itself": (
        wants({"allOf": [thing({"a": STRING}), thing({"b": STRING})], "title": "Both"}),
        "no answer for 'Both' can be derived offline",
    ),
}


@pytest.mark.parametrize(("changes", "text"), REFUSED.values(), ids=REFUSED)
async def test_refused_with_400(standin: StandIn, changes: dict[str, Any], text: str) -> None:
    """What would fail online fails offline, and says why."""
    with pytest.raises(anthropic.BadRequestError) as caught:
        await standin.post(question({}, **changes))

    assert text in caught.value.message
    assert caught.value.type == "invalid_request_error"
    assert (caught.value.request_id or "").startswith("req_offline_")
    assert caught.value.response.headers["x-offline-stand-in"] == "1"
    assert caught.value.response.json()["request_id"] == caught.value.request_id


ALLOWED: dict[str, dict[str, Any]] = {
    "tools-that-nobody-calls": {"tools": strict_tools(4, 6), "tool_choice": {"type": "auto"}},
    "thinking-between-tools": {"thinking": {"type": "between_tools"}},
    "thinking-off-on-haiku": {"model": "claude-haiku-5-5", "thinking": {"type": "disabled"}},
    "thinking-with-budget": {"model": "claude-haiku-4-5", "thinking": {"type": "enabled", "budget_tokens": 1024}},
    "tool-results": {
        "messages": [
            USER,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "t", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "done"}]},
        ]
    },
    "24-optional": wants(thing(named(24, STRING), required=[])),
    "16-unions": wants(thing(named(16, {"anyOf": [STRING, {"type": "null"}]}))),
    "cached-and-tagged": {
        "system": [{"type": "text", "text": "Answer.", "cache_control": {"type": "ephemeral"}}],
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
    },
}


@pytest.mark.parametrize("changes", ALLOWED.values(), ids=ALLOWED)
async def test_allowed(standin: StandIn, changes: dict[str, Any]) -> None:
    """What the API takes is taken, up to its limits."""
    message = await standin.post(question({"p0": "given"}, **changes))

    assert message.stop_reason == "end_turn"
    assert text_of(message)


class Formats(BaseModel):
    """Every construct that the SDK sends of a model."""

    nested: CompanyResearch
    maybe: int | None
    several: list[WelcomeKitDraft]


async def test_what_the_sdk_makes_of_our_models_is_allowed(standin: StandIn) -> None:
    """Schemas of all prompts, and of a larger model, pass as the SDK transforms them."""
    for output in {*(prompt.output for prompt in PROMPTS.values()), Formats}:
        message = await standin.create(question({}, output))

        assert output.model_validate_json(text_of(message))


@pytest.mark.parametrize("model", ["claude-3-opus-20240229", "claude-opus-4-1", "claude-mythos-preview", "gpt-7"])
async def test_retired_and_unknown_models_are_not_found(standin: StandIn, model: str) -> None:
    """A model that is gone is answered with 404, which names it."""
    with pytest.raises(anthropic.NotFoundError) as caught:
        await standin.post(question({}, model=model))

    assert caught.value.message.count(model) >= 1
    assert caught.value.type == "not_found_error"


async def test_deprecated_model_still_answers(standin: StandIn) -> None:
    """A model that nears its end of life answers until then."""
    with pytest.warns(DeprecationWarning, match="end-of-life"):
        message = await standin.create(question({}, model="claude-sonnet-4-5"))

    assert message.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"anthropic-version": "2026-10-21"}, 401, id="no-credentials"),
        pytest.param({"anthropic-version": "2026-10-21", "authorization": "Basic eA=="}, 401, id="basic"),
        pytest.param({"anthropic-version": "2026-10-21", "authorization": "Bearer"}, 401, id="empty"),
        pytest.param({"authorization": "Bearer k"}, 400, id="no-version"),
        pytest.param({"authorization": "Bearer k", "anthropic-version": "new"}, 400, id="no-date"),
        pytest.param({"authorization": "Bearer k", "anthropic-version": "2026-10-21"}, 200, id="bearer"),
        pytest.param({"x-api-key": "k", "anthropic-version": "2023-06-01"}, 200, id="x-api-key"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/models"])
async def test_credentials_and_version_are_needed(
    standin: StandIn, path: str, headers: dict[str, str], status: int
) -> None:
    """Any credential will do, in either header, but there must be one, and the version of the API."""
    if path == "/v1/models":
        response = await standin.http.get(path, headers=headers)
    else:
        response = await standin.http.post(path, headers=headers, json=question({}))

    assert response.status_code == status
    assert response.headers["x-offline-stand-in"] == "1"
    assert response.headers["request-id"].startswith("req_offline_")
    kinds = {401: "authentication_error", 400: "invalid_request_error"}
    assert status == 200 or response.json()["error"]["type"] == kinds[status]


async def test_sdk_reads_a_refused_key(standin_url: str) -> None:
    """The SDK makes an AuthenticationError of it."""
    headers = {"Authorization": "Basic none"}
    async with anthropic.AsyncAnthropic(api_key="k", base_url=standin_url, max_retries=0) as sdk:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            await sdk.messages.create(model=MODEL, max_tokens=5, messages=[], extra_headers=headers)

    assert caught.value.type == "authentication_error"


async def test_too_large_a_body_is_refused(standin: StandIn) -> None:
    """More than 32 MB are answered with 413."""
    content = "x" * (32 * 1024 * 1024)
    with pytest.raises(anthropic.ContentTooLargeError) as caught:
        await standin.post(question({}, messages=[{"role": "user", "content": content}]))

    assert caught.value.response.json()["error"]["type"] == "request_too_large"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a": "\\ud800"}'])
async def test_body_that_is_no_request(standin: StandIn, body: bytes) -> None:
    """What is no JSON object is refused, whatever it is."""
    headers = {"authorization": "Bearer k", "anthropic-version": "2026-10-21"}
    response = await standin.http.post("/v1/messages", content=body, headers=headers)

    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", "/v1/messages", 405)])
async def test_other_paths_are_refused_in_the_words_of_the_api(
    standin: StandIn, method: str, path: str, status: int
) -> None:
    """A path or method that is not there has the API's error body and the label, too."""
    response = await standin.http.request(method, path)

    assert response.status_code == status
    assert response.json()["type"] == "error"
    assert response.headers["x-offline-stand-in"] == "1"


async def test_tokens_are_counted(standin: StandIn) -> None:
    """The count is an estimate that grows with the question, and keeps the rules of a question."""
    short = await standin.sdk.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
    long = await standin.sdk.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "Hello " * 100}])
    message = await standin.sdk.messages.create(model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
    body = {"model": MODEL, "max_tokens": 5, "messages": [USER]}

    assert 0 < short.input_tokens < 30
    assert long.input_tokens > short.input_tokens + 100
    assert message.usage.input_tokens <= short.input_tokens
    with pytest.raises(anthropic.BadRequestError, match="max_tokens: extra inputs"):
        await standin.post(body, "/v1/messages/count_tokens")
    with pytest.raises(anthropic.NotFoundError):
        await standin.sdk.messages.count_tokens(model="gpt-7", messages=[{"role": "user", "content": "Hello"}])


async def test_models_are_listed(standin: StandIn) -> None:
    """The listing has pages, holds no retired model unless asked, and every model can do what the product needs."""
    models = [model async for model in standin.sdk.models.list(limit=7)]
    retired = [model async for model in standin.sdk.models.list(lifecycle=["retired"])]
    back = await standin.sdk.models.list(before_id=models[5].id, limit=3)

    assert {"claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"} <= {model.id for model in models}
    assert len(models) == len({model.id for model in models}) > 14
    assert {model.lifecycle for model in models} == {"active", "deprecated"}
    assert "claude-3-opus-20240229" in {model.id for model in retired}
    assert [model.id for model in back.data] == [model.id for model in models[2:5]]
    assert back.has_more


@pytest.mark.parametrize(
    ("name", "lifecycle", "retires", "max_tokens"),
    [
        pytest.param("claude-sonnet-5-5", "active", None, 128_000, id="active"),
        pytest.param("claude-sonnet-4-5", "deprecated", "2026-11-30", 64_000, id="deprecated"),
        pytest.param("claude-3-opus-20240229", "retired", "2026-01-05", 128_000, id="retired"),
    ],
)
async def test_model_says_what_it_is(
    standin: StandIn, name: str, lifecycle: str, retires: str | None, max_tokens: int
) -> None:
    """Lifecycle, end of life, limits and capabilities of a model; web search is never offered."""
    model = await standin.sdk.models.retrieve(name)
    offers = model.capabilities

    assert (model.id, model.lifecycle, model.max_tokens) == (name, lifecycle, max_tokens)
    assert (None if model.retires_at is None else model.retires_at.date().isoformat()) == retires
    assert offers is not None
    assert offers.structured_outputs.supported
    assert not offers.server_tools.supported and not offers.server_tools.web_search.supported
    assert offers.thinking.types.between_tools.supported == (name == "claude-sonnet-5-5")


async def test_unknown_model_is_not_found(standin: StandIn) -> None:
    """A model that was never there has no record."""
    with pytest.raises(anthropic.NotFoundError):
        await standin.sdk.models.retrieve("gpt-7")
    with pytest.raises(anthropic.BadRequestError, match="page from"):
        await standin.sdk.models.list(after_id="gpt-7")

    assert (await standin.sdk.models.retrieve("claude-opus-5-5")).line == "opus"
