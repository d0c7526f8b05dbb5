"""The base of everything that crosses a wire, and the identifiers that travel in it."""

import hashlib
import json
from collections.abc import Mapping
from typing import NewType

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

EffectKey = NewType("EffectKey", str)
"""Idempotency key of one outside effect: `workflow id/step id`, the same over retries, crashes and redrives."""

CustomerKey = NewType("CustomerKey", str)
"""Stable name of a customer that holds no personal data."""

JsonObject = dict[str, JsonValue]
_OBJECT = TypeAdapter(JsonObject)


class Wire(BaseModel):
    """A frozen message. Readers ignore fields they do not know, so a newer writer never stops an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ActivityResult(Wire):
    """What every activity returns: its own fields, and the attempt that succeeded (1 is the first)."""

    attempt: int = 1


def effect_key(workflow_id: str, step: str) -> EffectKey:
    return EffectKey(f"{workflow_id}/{step}")


def json_object(text: str | bytes) -> JsonObject | None:
    """The JSON object that `text` is, or None when it is something else."""
    try:
        return _OBJECT.validate_json(text)
    except ValidationError:
        return None


def canonical_digest(value: JsonValue) -> str:
    """SHA-256 of the canonical JSON: names sorted, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def clip(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clip_values(values: Mapping[str, str | int | float | None]) -> dict[str, str | int | float | None]:
    return {name: clip(value) if isinstance(value, str) else value for name, value in values.items()}
