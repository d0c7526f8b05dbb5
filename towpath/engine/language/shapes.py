"""Plain values of a document by their shape: the one place where `Any` is narrowed."""

from typing import Any, cast


def as_object(value: Any) -> dict[str, Any] | None:
    """The value when it is a mapping."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: Any) -> list[Any] | None:
    """The value when it is a list."""
    return cast("list[Any]", value) if isinstance(value, list) else None


def item(value: Any, part: str | int) -> tuple[bool, Any]:
    """Whether a mapping or list has that name or index, and what stands there."""
    if isinstance(value, dict) and part in value:
        return True, cast("dict[str | int, Any]", value)[part]
    if isinstance(value, list) and isinstance(part, int):
        found = cast("list[Any]", value)
        if 0 <= part < len(found):
            return True, found[part]
    return False, None
