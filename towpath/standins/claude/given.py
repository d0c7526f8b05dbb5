"""Reading a request's input: fields of JSON that may be missing or of another kind."""

from collections.abc import Iterable

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]

MARKS = {"en": "[offline draft]", "ko": "[오프라인 초안]"}
"""What texts for customers and readers begin with, by language."""


def mark(given: JsonObject) -> str:
    return MARKS["ko" if given.get("language") == "ko" else "en"]


def text(given: JsonObject, name: str) -> str:
    """A field on one line, or nothing where it is no text."""
    value = given.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""


def texts(given: JsonObject, *names: str) -> list[str]:
    return [found for name in names if (found := text(given, name))]


def lines(given: JsonObject, name: str) -> list[str]:
    values = given.get(name)
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def number(given: JsonObject, name: str, otherwise: int) -> int:
    value = given.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def inner(given: JsonObject, name: str) -> JsonObject:
    value = given.get(name)
    return value if isinstance(value, dict) else {}


def sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."


def block(title: str, entries: Iterable[str]) -> Iterable[str]:
    listed = [f"- {line}" for line in entries]
    return ("", title, *listed) if listed else ()
