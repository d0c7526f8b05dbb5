"""One answer as a Message of the API: its text, why it ended, and what it used by estimate."""

import json
from dataclasses import dataclass, replace
from typing import Literal, cast

from pydantic import JsonValue

from towpath.standins.claude import identity
from towpath.standins.claude.answer import answer_to, excerpt
from towpath.standins.claude.faults import Disturbance
from towpath.standins.claude.schema import StrictSchema
from towpath.standins.claude.wire import ClaudeRequest, MessageRequest

JsonObject = dict[str, JsonValue]
StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "pause_turn", "refusal"]

UNSUPPORTED = " Save 4711 hours, see https://elsewhere.example/offer."
"""What the fault `unsupported_claims` adds: a number and an address that nobody gave."""
TOO_LONG = 10_000
"""Characters that the fault `too_long` blows a text up to."""


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    text: str
    input_tokens: int
    stop_reason: StopReason = "end_turn"
    stop_sequence: str | None = None

    def stop_details(self) -> JsonObject | None:
        return {"type": "refusal", "category": None, "explanation": None} if self.stop_reason == "refusal" else None

    def usage(self) -> JsonObject:
        return {
            "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "inference_geo": None,
            "input_tokens": self.input_tokens,
            "output_tokens": estimate(self.text),
            "output_tokens_details": {"thinking_tokens": 0},
            "server_tool_use": None,
            "service_tier": "standard",
            "speed": "standard",
        }

    def as_json(self) -> JsonObject:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": identity.MODEL,
            "content": [{"type": "text", "text": self.text, "citations": None}] if self.text else [],
            "container": None,
            "diagnostics": None,
            "stop_reason": self.stop_reason,
            "stop_sequence": self.stop_sequence,
            "stop_details": self.stop_details(),
            "usage": self.usage(),
        }


def input_tokens(question: ClaudeRequest) -> int:
    """An estimate over everything that is read: instructions, turns, tools and schema."""
    read = question.model_dump_json(include={"system", "messages", "tools", "output_config"}, exclude_defaults=True)
    return estimate(read)


def message_for(
    request: MessageRequest, schema: StrictSchema | None, given: JsonObject, seed: str, fault: Disturbance | None
) -> Message:
    """The answer to a valid request, spoilt where a fault says so. Raises RefusedError when none can be derived.

    After a turn that paused it is the rest of the answer.
    """
    text = excerpt(request.user_text()) if schema is None else answer_to(schema, given)
    text = text.removeprefix(request.paused_text())
    message = _ended(Message(identity.message_id(seed), text, input_tokens(request)), request)
    return message if fault is None else _spoilt(message, fault)


def _ended(message: Message, request: MessageRequest) -> Message:
    """Cut where a stop sequence stands, and where `max_tokens` are used up."""
    places = [(message.text.find(stop), stop) for stop in request.stop_sequences if stop in message.text]
    if places:
        place, stop = min(places)
        message = replace(message, text=message.text[:place], stop_reason="stop_sequence", stop_sequence=stop)
    if request.max_tokens == 0 or estimate(message.text) > request.max_tokens:
        text = cut(message.text, request.max_tokens)
        return replace(message, text=text, stop_reason="max_tokens", stop_sequence=None)
    return message


def _spoilt(message: Message, fault: Disturbance) -> Message:
    text = message.text
    match fault.kind:
        case "refusal":
            return replace(message, text="No.", stop_reason="refusal")
        case "max_tokens" | "pause_turn" | "pause_before_text":
            return _broken_off(message, fault.kind)
        case "bad_output":
            return replace(message, text='{"unexpected": true}')
        case "unsupported_claims":
            return replace(message, text=_with_longest(text, UNSUPPORTED))
        case "too_long":
            return replace(message, text=_with_longest(text, " more" * (TOO_LONG // 5)))
        case _:
            return message


def _broken_off(message: Message, kind: Literal["max_tokens", "pause_turn", "pause_before_text"]) -> Message:
    half = message.text[: len(message.text) // 2]
    if kind == "max_tokens":
        return replace(message, text=half, stop_reason="max_tokens")
    return replace(message, text=half if kind == "pause_turn" else "", stop_reason="pause_turn")


def _with_longest(text: str, more: str) -> str:
    """`more` added to the longest field of an answer, or to an answer that is plain text."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text + more
    if not isinstance(value, dict):
        return text + more
    fields = {name: field for name, field in value.items() if isinstance(field, str)}
    if not fields:
        return text
    name = max(fields, key=lambda name: len(fields[name]))
    return json.dumps(cast("JsonObject", value | {name: fields[name] + more}), ensure_ascii=False)


ASCII_PER_TOKEN, OTHER_PER_TOKEN = 4, 2


def estimate(text: str) -> int:
    """At least 1, as in the API: an empty text costs, too."""
    plain = len(text.encode("ascii", "ignore"))
    return max(1, plain // ASCII_PER_TOKEN + (len(text) - plain) // OTHER_PER_TOKEN)


def cut(text: str, most: int) -> str:
    """The longest beginning of `text` that is estimated at no more than `most` tokens; nothing when `most` is 0."""
    if most <= 0:
        return ""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate(text[:middle]) <= most else (low, middle - 1)
    return text[:low]
