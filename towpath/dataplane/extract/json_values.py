"""JSON taken apart without loss: numbers in the digits that they are written in, and what others refuse is no JSON.

Python's scanner does it, with types of ours for numbers. Nothing goes through a binary fraction.
"""

import json
from collections.abc import Iterator
from json import JSONDecodeError
from json.encoder import encode_basestring
from typing import Any, cast

from pydantic import JsonValue

WHITE = " \t\r\n"
_DEEP = "its lists and objects lie too deep in each other"


class Digits(str):
    """A number, as it is written."""

    __slots__ = ()


class JsonError(ValueError):
    """What is wrong with a text that should be JSON: a sentence without a value of it."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("a name stands twice in an object")
    return found


def _no_number(_: str) -> None:
    raise JsonError("NaN and Infinity are no numbers of JSON")


_EXACT = json.JSONDecoder(object_pairs_hook=_once, parse_float=Digits, parse_int=Digits, parse_constant=_no_number)
_FLAT = json.JSONDecoder(object_pairs_hook=_once, parse_float=str, parse_int=str, parse_constant=_no_number)
"""A third quicker, where nobody asks whether a text was a number: in an object without lists and objects in it."""
_SCANNER = json.JSONDecoder(parse_float=Digits, parse_int=Digits, parse_constant=Digits)
"""Finds where a value ends. What is in it is looked at later."""


def value_of(text: str) -> Any:
    """A value of JSON, numbers as Digits. Raises JsonError."""
    return _decoded(_EXACT, text)


def exact_object_of(text: str) -> dict[str, Any]:
    """Raises JsonError."""
    return _object(value_of(text))


def object_of(text: str) -> dict[str, Any]:
    """Numbers may be texts where an object holds nothing but texts, numbers and words. Raises JsonError."""
    is_flat = "[" not in text and text.rfind("{") == text.find("{")
    return _object(_decoded(_FLAT if is_flat else _EXACT, text))


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise JsonError("not a JSON object")
    return cast("dict[str, Any]", found)


def _decoded(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        found, end = decoder.raw_decode(text, skip(text, 0))
    except JsonError:
        raise
    except RecursionError:
        raise JsonError(_DEEP) from None
    except ValueError:
        raise JsonError("not a JSON object" if text[:1] == "{" else "not JSON") from None
    if end < len(text) and skip(text, end) < len(text):
        raise JsonError("more than one value")
    if "\\u" in text:
        _check_texts(found)
    return found


def _check_texts(value: Any) -> None:
    try:
        written(value).encode()
    except UnicodeEncodeError:
        raise JsonError("a text holds half of a character") from None


def text_of(value: Any) -> str | None:
    """As a column of texts has it: texts as they are, numbers in their digits, lists and objects as JSON."""
    return value if value is None or isinstance(value, str) else written(value)


def written(value: JsonValue) -> str:
    """The value as JSON without blanks."""
    match value:
        case Digits():
            return str(value)
        case str():
            return encode_basestring(value)
        case None:
            return "null"
        case dict():
            return "{" + ",".join(f"{encode_basestring(name)}:{written(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return "true" if value else "false"


def value_end(text: str, at: int) -> int:
    """Where the value that begins at `at` ends. Raises ValueError when it does not."""
    try:
        return _SCANNER.raw_decode(text, at)[1]
    except RecursionError:
        raise JsonError(_DEEP) from None


def skip(text: str, at: int, characters: str = WHITE) -> int:
    while at < len(text) and text[at] in characters:
        at += 1
    return at


def member(text: str, path: str) -> int:
    """Where the value at a path of names with dots between begins; -1: there is none. Raises ValueError."""
    at = skip(text, 0)
    for name in path.split(".") if path else ():
        at = _members(text, at).get(name, -1)
        if at < 0:
            return -1
    return at


def _members(text: str, at: int) -> dict[str, int]:
    """Where the values of an object begin, by name; of something else nothing."""
    found: dict[str, int] = {}
    if text[at : at + 1] != "{":
        return found
    at = skip(text, at + 1)
    while text[at : at + 1] != "}":
        name, at = _SCANNER.raw_decode(text, at)
        at = skip(text, at)
        if text[at : at + 1] != ":" or not isinstance(name, str):
            raise JSONDecodeError("no name", text, at)
        at = skip(text, at + 1)
        found[name] = at
        at = _following(text, value_end(text, at), "}")
    return found


def entries(text: str, at: int) -> Iterator[str]:
    """The texts of the entries of the list that begins at `at`. Raises ValueError."""
    at = skip(text, at + 1)
    while text[at : at + 1] != "]":
        end = value_end(text, at)
        yield text[at:end]
        at = _following(text, end, "]")


def _following(text: str, at: int, closer: str) -> int:
    """Where the next one behind a value begins, or the closer that ends them. Raises JSONDecodeError."""
    at = skip(text, at)
    if text[at : at + 1] == ",":
        at = skip(text, at + 1)
        if text[at : at + 1] == closer:
            raise JSONDecodeError("nothing behind a comma", text, at)
    elif text[at : at + 1] != closer:
        raise JSONDecodeError("no end", text, at)
    return at
