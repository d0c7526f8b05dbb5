"""The models endpoint: what each model is and can do. Server tools are never offered offline."""

from typing import Any

from towpath.standins.claude.rules import ACTIVE_MODELS, DEPRECATED_MODELS, RETIRED_MODELS

Json = dict[str, Any]


def listing() -> list[Json]:
    return [_model(name, "active", None) for name in ACTIVE_MODELS] + [
        _model(name, "deprecated", end) for name, end in DEPRECATED_MODELS.items()
    ]


def describe(name: str) -> Json | None:
    """The model, retired ones included, or None."""
    if name in RETIRED_MODELS:
        return _model(name, "retired", RETIRED_MODELS[name])
    return next((model for model in listing() if model["id"] == name), None)


def _model(name: str, lifecycle: str, retires_at: str | None) -> Json:
    yes, no = {"supported": True}, {"supported": False}
    return {
        "type": "model",
        "id": name,
        "display_name": f"{name} (offline stand-in)",
        "created_at": "1970-01-01T00:00:00Z",
        "deprecated_at": retires_at,
        "lifecycle": lifecycle,
        "retires_at": retires_at,
        "line": None,
        "max_input_tokens": 200_000,
        "max_tokens": 128_000,
        "capabilities": {
            "batch": no,
            "citations": no,
            "code_execution": no,
            "context_management": {
                "supported": False,
                "clear_thinking_20251015": no,
                "clear_tool_uses_20250919": no,
                "compact_20260112": no,
            },
            "effort": {"supported": True, "low": yes, "medium": yes, "high": yes, "xhigh": yes, "max": yes},
            "image_input": no,
            "pdf_input": no,
            "server_tools": {"supported": False, "web_search": no, "code_execution": no},
            "structured_outputs": yes,
            "thinking": {
                "supported": False,
                "types": {"adaptive": no, "between_tools": no, "disabled": yes, "enabled": no},
            },
        },
    }
