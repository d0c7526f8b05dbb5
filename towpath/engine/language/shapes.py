"""Plain values of a document by their shape: the one place where `Any` is narrowed."""

from typing import Any, cast

MOST_REFERENCES = 20


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


def resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """A schema with its local reference followed; {} for one that leads nowhere."""
    for _ in range(MOST_REFERENCES):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        found: Any = root
        for part in reference.removeprefix("#/").split("/"):
            found = (as_object(found) or {}).get(part)
        schema = as_object(found) or {}
    return {}
