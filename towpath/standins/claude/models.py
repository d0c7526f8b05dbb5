"""The models by name: which are there, which are gone, and what the models endpoint says of each.

Server tools, images and documents are never offered offline. A rule that is known for one model of a line only is
taken for the whole line: better refused here than online.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]
Lifecycle = Literal["active", "deprecated", "retired"]
Line = Literal["haiku", "sonnet", "opus", "fable", "mythos"]

LISTED: Collection[str] = ("active", "deprecated")
"""What a listing holds unless it is asked for more."""
MAX_INPUT_TOKENS = 200_000

_ALWAYS = frozenset({"adaptive"})
_SWITCHED = frozenset({"adaptive", "disabled"})
_BUDGETED = frozenset({"enabled", "disabled"})


@dataclass(frozen=True, slots=True)
class ClaudeModel:
    """`thinking`: the values of `thinking.type` that it takes. `forced_tools`: whether tool use can be demanded."""

    name: str
    line: Line | None
    thinking: frozenset[str] = _ALWAYS
    forced_tools: bool = False
    max_tokens: int = 128_000
    lifecycle: Lifecycle = "active"
    ends: str | None = None

    def as_json(self) -> JsonObject:
        end = None if self.ends is None else f"{self.ends}T00:00:00Z"
        return {
            "type": "model",
            "id": self.name,
            "display_name": f"{self.name} (offline stand-in)",
            "created_at": "1970-01-01T00:00:00Z",
            "deprecated_at": None if self.lifecycle == "active" else "1970-01-01T00:00:00Z",
            "lifecycle": self.lifecycle,
            "retires_at": end,
            "line": self.line,
            "max_input_tokens": MAX_INPUT_TOKENS,
            "max_tokens": self.max_tokens,
            "capabilities": self._capabilities(),
        }

    def _capabilities(self) -> JsonObject:
        no: JsonObject = {"supported": False}
        efforts = ("low", "medium", "high", "xhigh", "max")
        strategies = ("clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112")
        kinds = ("adaptive", "between_tools", "disabled", "enabled")
        thinking: JsonObject = {kind: {"supported": kind in self.thinking} for kind in kinds}
        return {
            "batch": no,
            "citations": no,
            "code_execution": no,
            "context_management": {**no, **dict.fromkeys(strategies, no)},
            "effort": {"supported": True, **{effort: {"supported": True} for effort in efforts}},
            "image_input": no,
            "pdf_input": no,
            "server_tools": {**no, "web_search": no, "code_execution": no},
            "structured_outputs": {"supported": True},
            "thinking": {"supported": True, "types": thinking},
        }


def _retired(name: str, line: Line, ends: str | None) -> ClaudeModel:
    return ClaudeModel(name, line, lifecycle="retired", ends=ends)


_ACTIVE = (
    ClaudeModel("claude-fable-5-2", "fable"),
    ClaudeModel("claude-mythos-5-2", "mythos"),
    ClaudeModel("claude-haiku-5-5", "haiku", _SWITCHED, forced_tools=True),
    ClaudeModel("claude-sonnet-5-5", "sonnet", _ALWAYS | {"between_tools"}),
    ClaudeModel("claude-fable-5-1", "fable"),
    ClaudeModel("claude-opus-5-5", "opus"),
    ClaudeModel("claude-mythos-5-1", "mythos"),
    ClaudeModel("claude-sonnet-5", "sonnet"),
    ClaudeModel("claude-fable-5", "fable"),
    ClaudeModel("claude-mythos-5", "mythos"),
    ClaudeModel("claude-opus-5", "opus"),
    ClaudeModel("claude-opus-4-8", "opus", _SWITCHED, forced_tools=True),
    ClaudeModel("claude-opus-4-7", "opus", _SWITCHED, forced_tools=True),
    ClaudeModel("claude-opus-4-6", "opus", _SWITCHED | _BUDGETED, forced_tools=True),
    ClaudeModel("claude-sonnet-4-6", "sonnet", _SWITCHED | _BUDGETED, forced_tools=True),
    ClaudeModel("claude-haiku-4-5", "haiku", _BUDGETED, forced_tools=True, max_tokens=64_000),
    ClaudeModel("claude-haiku-4-5-20251001", "haiku", _BUDGETED, forced_tools=True, max_tokens=64_000),
    ClaudeModel("claude-opus-4-5", "opus", _BUDGETED, forced_tools=True, max_tokens=64_000),
    ClaudeModel("claude-opus-4-5-20251101", "opus", _BUDGETED, forced_tools=True, max_tokens=64_000),
)
_DEPRECATED = tuple(
    ClaudeModel(
        name, "sonnet", _BUDGETED, forced_tools=True, max_tokens=64_000, lifecycle="deprecated", ends="2026-11-30"
    )
    for name in ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929")
)
_RETIRED = (
    _retired("claude-mythos-preview", "mythos", "2026-06-30"),
    _retired("claude-opus-4-1", "opus", None),
    _retired("claude-opus-4-1-20250805", "opus", None),
    _retired("claude-opus-4-0", "opus", "2026-06-15"),
    _retired("claude-opus-4-20250514", "opus", "2026-06-15"),
    _retired("claude-sonnet-4-0", "sonnet", "2026-06-15"),
    _retired("claude-sonnet-4-20250514", "sonnet", "2026-06-15"),
    _retired("claude-3-7-sonnet-latest", "sonnet", "2026-02-19"),
    _retired("claude-3-7-sonnet-20250219", "sonnet", "2026-02-19"),
    _retired("claude-3-5-haiku-latest", "haiku", "2026-02-19"),
    _retired("claude-3-5-haiku-20241022", "haiku", "2026-02-19"),
    _retired("claude-3-opus-20240229", "opus", "2026-01-05"),
    _retired("claude-3-sonnet-20240229", "sonnet", "2025-07-21"),
)
MODELS = {model.name: model for model in (*_ACTIVE, *_DEPRECATED, *_RETIRED)}


def usable(name: str) -> ClaudeModel | None:
    """The model, unless it is retired or was never there."""
    model = MODELS.get(name)
    return None if model is None or model.lifecycle == "retired" else model


def listing(lifecycles: Collection[str] = LISTED) -> list[JsonObject]:
    return [model.as_json() for model in MODELS.values() if model.lifecycle in lifecycles]


def describe(name: str) -> JsonObject | None:
    """What is known of the model, retired ones included, or None."""
    model = MODELS.get(name)
    return None if model is None else model.as_json()
