"""A message as server-sent events, in the order and shapes of the Messages API, whole or broken off."""

import json
from collections.abc import AsyncIterator, Iterator

from pydantic import JsonValue

from towpath.standins.claude import identity
from towpath.standins.claude.faults import Disturbance
from towpath.standins.claude.message import Message

JsonObject = dict[str, JsonValue]
CHUNK = 200
"""Characters of text in one event."""


def event(kind: str, data: JsonObject) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data}, ensure_ascii=False)}\n\n".encode()


def opening(message: Message) -> Iterator[bytes]:
    """What comes before any text."""
    usage: JsonObject = {**message.usage(), "output_tokens": 1}
    start: JsonObject = {**message.as_json(), "content": [], "stop_reason": None, "stop_sequence": None}
    yield event("message_start", {"message": {**start, "stop_details": None, "usage": usage}})
    if message.text:
        yield event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
    yield event("ping", {})


def text_events(text: str) -> Iterator[bytes]:
    for at in range(0, len(text), CHUNK):
        yield event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text[at : at + CHUNK]}})


def ending(message: Message) -> Iterator[bytes]:
    if message.text:
        yield event("content_block_stop", {"index": 0})
    delta: JsonObject = {
        "container": None,
        "stop_reason": message.stop_reason,
        "stop_sequence": message.stop_sequence,
        "stop_details": message.stop_details(),
    }
    whole = message.usage()
    counted = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    yield event("message_delta", {"delta": delta, "usage": {name: whole[name] for name in counted}})
    yield event("message_stop", {})


def whole(message: Message) -> bytes:
    """All events at once: there is nothing to wait for."""
    return b"".join((*opening(message), *text_events(message.text), *ending(message)))


async def disturbed(message: Message, fault: Disturbance) -> AsyncIterator[bytes]:
    """The events up to half of the text, and then what the fault makes of the rest."""
    half = len(message.text) // 2
    for part in (*opening(message), *text_events(message.text[:half])):
        yield part
    match fault.kind:
        case "truncated":
            return
        case "not_json":
            yield b"event: content_block_delta\ndata: {not json\n\n"
            return
        case "overloaded_midstream":
            error: JsonObject = {"type": "overloaded_error", "message": "Overloaded"}
            yield event("error", {"error": error, "request_id": identity.request_id(message.id.rpartition("_")[2])})
            return
        case _:
            await fault.pause()
    for part in (*text_events(message.text[half:]), *ending(message)):
        yield part
