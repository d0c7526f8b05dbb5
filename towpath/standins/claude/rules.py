"""What the Messages API refuses beyond the shape of a request, so that what passes offline passes online."""

from collections.abc import Container
from itertools import pairwise

from pydantic import JsonValue

from towpath.standins.claude.errors import RefusedError, invalid
from towpath.standins.claude.models import ClaudeModel, usable
from towpath.standins.claude.schema import StrictSchema, check_limits, strict_schema
from towpath.standins.claude.wire import ClaudeRequest, MessageRequest, Thinking

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_STRICT_TOOLS = 20
OFF_UP_TO = frozenset({"low", "medium", "high"})
"""Efforts at which thinking may be off."""


def check_request(request: MessageRequest, paused: Container[str] = ()) -> StrictSchema | None:
    """The output schema of a valid request. `paused` are turns that may be gone on with. Raises RefusedError."""
    schema = check_question(request, paused)
    model = _model(request)
    if request.max_tokens > model.max_tokens:
        raise invalid(f"max_tokens: {request.max_tokens} > {model.max_tokens}, the maximum of {model.name}")
    budget = None if request.thinking is None else request.thinking.budget_tokens
    if budget is not None and budget >= request.max_tokens:
        raise invalid("thinking.budget_tokens: must be less than max_tokens")
    if any(not text.strip() for text in request.stop_sequences):
        raise invalid("stop_sequences: each stop sequence must contain non-whitespace")
    return schema


def check_question(question: ClaudeRequest, paused: Container[str] = ()) -> StrictSchema | None:
    """The part of the rules that holds for counting tokens, too."""
    model = _model(question)
    _check_turns(question, paused)
    _check_thinking(question, model)
    tools = _check_tools(question, model)
    body = question.output_schema()
    schema = None if body is None else strict_schema(body)
    check_limits([*tools, *([] if schema is None else [schema])])
    return schema


def _model(question: ClaudeRequest) -> ClaudeModel:
    model = usable(question.model)
    if model is None:
        raise RefusedError(404, f"model: {question.model}")
    return model


def _check_turns(question: ClaudeRequest, paused: Container[str]) -> None:
    """Stricter than the API in one thing: it puts turns of one role in a row together, here they are refused."""
    roles = [turn.role for turn in question.messages if turn.role != "system"]
    if not roles or roles[0] != "user":
        raise invalid("messages: first message must use the user role")
    if any(one == other for one, other in pairwise(roles)):
        raise invalid("messages: roles must alternate between user and assistant")
    if roles[-1] == "assistant" and question.paused_text() not in paused:
        raise invalid("messages: this model does not support prefilling the assistant's answer")


def _check_thinking(question: ClaudeRequest, model: ClaudeModel) -> None:
    thinking = question.thinking
    if thinking is None:
        return
    if thinking.type not in model.thinking:
        raise invalid(f"thinking.type: {thinking.type} is not supported by {model.name}")
    if (thinking.type == "enabled") != (thinking.budget_tokens is not None):
        raise invalid("thinking.budget_tokens: required with type enabled, and with no other")
    if _is_off(thinking) and question.output_config.effort not in {None, *OFF_UP_TO}:
        raise invalid(f"thinking.type: {thinking.type} is not supported at effort {question.output_config.effort}")


def _is_off(thinking: Thinking) -> bool:
    return thinking.type in {"disabled", "between_tools"}


def _check_tools(question: ClaudeRequest, model: ClaudeModel) -> list[StrictSchema]:
    """The schemas of strict tools. Tools may be given, but nothing here calls one."""
    strict: list[StrictSchema] = []
    for tool in question.tools:
        kind = tool.get("type")
        if kind not in {None, "custom"}:
            raise invalid(f"tools: {kind} is not available offline")
        if not tool.get("name") or not isinstance(tool.get("input_schema"), dict):
            raise invalid("tools: each needs a name and an input_schema")
        if tool.get("strict") is True:
            strict.append(strict_schema(_object(tool["input_schema"])))
    if len(strict) > MAX_STRICT_TOOLS:
        raise invalid(f"tools: too many strict tools: {len(strict)}, at most {MAX_STRICT_TOOLS}")
    choice = question.tool_choice
    if choice is not None and choice.type in {"any", "tool"}:
        reason = "available offline" if model.forced_tools else f"supported by {model.name}"
        raise invalid(f"tool_choice: forced tool use is not {reason}")
    return strict


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}
