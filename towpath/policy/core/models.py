"""Claude models that have an end, so that a definition can be checked without loading the SDK.

A test compares this table with the SDK's own list.
"""

from collections.abc import Mapping
from datetime import date

MODEL_ENDS: Mapping[str, date] = {
    "claude-1.3": date(2024, 11, 6),
    "claude-1.3-100k": date(2024, 11, 6),
    "claude-instant-1.1": date(2024, 11, 6),
    "claude-instant-1.1-100k": date(2024, 11, 6),
    "claude-instant-1.2": date(2024, 11, 6),
    "claude-2.0": date(2025, 7, 21),
    "claude-2.1": date(2025, 7, 21),
    "claude-3-sonnet-20240229": date(2025, 7, 21),
    "claude-3-opus-20240229": date(2026, 1, 5),
    "claude-3-5-haiku-20241022": date(2026, 2, 19),
    "claude-3-5-haiku-latest": date(2026, 2, 19),
    "claude-3-7-sonnet-20250219": date(2026, 2, 19),
    "claude-3-7-sonnet-latest": date(2026, 2, 19),
    "claude-opus-4-0": date(2026, 6, 15),
    "claude-opus-4-20250514": date(2026, 6, 15),
    "claude-sonnet-4-0": date(2026, 6, 15),
    "claude-sonnet-4-20250514": date(2026, 6, 15),
    "claude-mythos-preview": date(2026, 6, 30),
    "claude-sonnet-4-5": date(2026, 11, 30),
    "claude-sonnet-4-5-20250929": date(2026, 11, 30),
}
ALIASES: Mapping[str, str] = {
    "default": "claude-sonnet-5-5",
    "deep": "claude-opus-5-5",
    "fast": "claude-haiku-5-5",
}
"""What a definition names instead of a model: the installation decides which one that is; these are the defaults."""


def is_claude(model: str) -> bool:
    """Whether an answer's model, as the response names it, is one of Claude's: nothing else is trusted to decide."""
    return model.startswith("claude-")
