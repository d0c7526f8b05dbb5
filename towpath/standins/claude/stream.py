"""A message as server-sent events, in the order and shapes of the Messages API."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
CHUNK = 60


def event(kind: str, data: Json) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data}, ensure_ascii=False)}\n\n".encode()


def events(message: Json) -> Iterator[bytes]:
    """The whole stream of a message with one text block."""
    text: str = message["content"][0]["text"]
    start: Json = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield event("message_start", {"message": start})
    yield event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
    yield event("ping", {})
    for at in range(0, len(text), CHUNK):
        delta = {"type": "text_delta", "text": text[at : at + CHUNK]}
        yield event("content_block_delta", {"index": 0, "delta": delta})
    yield event("content_block_stop", {"index": 0})
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None, "stop_details": message["stop_details"]}
    yield event("message_delta", {"delta": delta, "usage": message["usage"]})
    yield event("message_stop", {})


def error_event(kind: str, text: str) -> bytes:
    return event("error", {"error": {"type": kind, "message": text}})
