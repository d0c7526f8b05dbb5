"""What the Messages API refuses: the same requests are refused here, so that what passes offline passes online."""

from dataclasses import dataclass
from typing import Any, cast

MAX_BODY_BYTES = 32 * 1024 * 1024
FIELDS = frozenset(
    {
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    }
)
SAMPLING = ("temperature", "top_p", "top_k")
NO_FORCED_TOOLS = ("claude-fable", "claude-opus-5-5", "claude-sonnet-5-5")
MAX_OPTIONAL, MAX_UNIONS = 24, 16
KEYWORDS = frozenset(
    {
        "$defs",
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "description",
        "enum",
        "format",
        "items",
        "minItems",
        "properties",
        "required",
        "title",
        "type",
    }
)

ACTIVE_MODELS = (
    "claude-fable-5-2",
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "claude-opus-5-5",
    "claude-sonnet-5",
    "claude-fable-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-haiku-4-5",
)
DEPRECATED_MODELS = {"claude-sonnet-4-5": "2026-11-30T00:00:00Z"}
RETIRED_MODELS = {
    "claude-3-opus-20240229": "2026-01-05T00:00:00Z",
    "claude-3-7-sonnet-20250219": "2026-02-19T00:00:00Z",
    "claude-opus-4-0": "2026-06-15T00:00:00Z",
    "claude-sonnet-4-0": "2026-06-15T00:00:00Z",
}

Json = dict[str, Any]


@dataclass(slots=True)
class RefusedError(Exception):
    """A request that the API answers with an error."""

    status: int
    kind: str
    message: str
    retry_after: str | None = None


def invalid(message: str) -> RefusedError:
    return RefusedError(400, "invalid_request_error", message)


def check_model(model: object) -> str:
    """Raises RefusedError 404 for a model that is retired or was never there."""
    if not isinstance(model, str) or not model:
        raise invalid("model: field required")
    if model not in ACTIVE_MODELS and model not in DEPRECATED_MODELS:
        raise RefusedError(404, "not_found_error", f"model: {model}")
    return model


def check_message_request(body: Json, *, counting: bool = False) -> str:
    """The model of a valid request. Raises RefusedError."""
    for name in SAMPLING:
        if name in body:
            raise invalid(f"{name}: not supported by this model")
    unknown = sorted(set(body) - FIELDS)
    if unknown:
        raise invalid(f"{unknown[0]}: extra inputs are not permitted")
    model = check_model(body.get("model"))
    tokens = body.get("max_tokens")
    if not counting and (not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0):
        raise invalid("max_tokens: field required")
    _check_messages(body.get("messages"))
    _check_tools(body, model)
    schema = output_schema(body)
    if schema is not None:
        check_schema(schema)
    return model


def output_schema(body: Json) -> Json | None:
    config: Json = body.get("output_config") or {}
    form: Json | None = config.get("format")
    if form is None:
        return None
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise invalid("output_config.format: must be a json_schema with a schema")
    schema: Json = form["schema"]
    return schema


def check_schema(schema: Json) -> None:
    """Raises RefusedError for what strict output does not take: recursion, other keywords, open objects, sheer size."""
    counts = {"optional": 0, "unions": 0}
    _walk(schema, schema.get("$defs", {}), (), counts)
    if counts["optional"] > MAX_OPTIONAL:
        raise invalid(f"output_config.format.schema: more than {MAX_OPTIONAL} optional parameters")
    if counts["unions"] > MAX_UNIONS:
        raise invalid(f"output_config.format.schema: more than {MAX_UNIONS} union-typed parameters")


def _walk(node: Json, definitions: Json, path: tuple[str, ...], counts: dict[str, int]) -> None:
    unknown = sorted(set(node) - KEYWORDS)
    if unknown:
        raise invalid(f"output_config.format.schema: keyword {unknown[0]!r} is not supported")
    reference = node.get("$ref")
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        if name in path:
            raise invalid("output_config.format.schema: recursive schemas are not supported")
        _walk(definitions.get(name, {}), definitions, (*path, name), counts)
    if node.get("type") == "object" or "properties" in node:
        if node.get("additionalProperties") is not False:
            raise invalid("output_config.format.schema: additionalProperties must be false")
        counts["optional"] += len(set(node.get("properties", {})) - set(node.get("required", [])))
    unions = [*node.get("anyOf", []), *node.get("allOf", [])]
    counts["unions"] += 1 if "anyOf" in node else 0
    for child in (*node.get("properties", {}).values(), *unions, *([node["items"]] if "items" in node else [])):
        _walk(child, definitions, path, counts)


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise invalid("messages: at least one message is required")
    given = cast("list[Json]", messages)
    for message in given:
        if message.get("role") not in {"user", "assistant"} or not message.get("content"):
            raise invalid("messages: each needs a role and content")
    if given[0]["role"] != "user":
        raise invalid("messages: first message must use the user role")
    if given[-1]["role"] == "assistant":
        raise invalid("messages: this model does not support prefilling the assistant's answer")


def _check_tools(body: Json, model: str) -> None:
    wanted: Json = body.get("tool_choice") or {}
    if wanted.get("type") in {"any", "tool"} and model.startswith(NO_FORCED_TOOLS):
        raise invalid("tool_choice: forced tool use is not supported by this model")
    tools: list[Json] = body.get("tools") or []
    for tool in tools:
        if str(tool.get("type", "custom")).startswith(("web_search", "web_fetch", "code_execution")):
            raise invalid(f"tools: {tool['type']} is not available offline")
