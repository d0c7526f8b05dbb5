"""Texts of a definition with some of their reads renamed, for steps that are copied. Nothing else of a text changes."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from towpath.engine.expression.lexer import Lexer, Token, unquote
from towpath.engine.expression.nodes import Reference
from towpath.engine.expression.template import OPEN, TemplatePart, compile_condition, compile_template
from towpath.engine.expression.values import MAX_TEXT, ExpressionError
from towpath.engine.language.model import Model
from towpath.engine.language.shapes import as_list, as_object, resolve


class Renamed(NamedTuple):
    """What stands for so many first names of a read: a text, and a key of it where it is one of an object."""

    names: int
    text: str
    key: str | None = None


Rename = Callable[[tuple[str, ...]], Renamed | None]
"""From the constant names of a read, its root first, to what stands for them; None where it stays."""


class _Key(NamedTuple):
    name: str
    end: int
    optional: bool


def rename_text(text: str, rename: Rename, *, is_condition: bool) -> str:
    """A template or a condition. One that cannot be read, or would become too long, stays as it is."""
    try:
        found = list(_edits(text, rename, is_condition=is_condition))
    except ExpressionError:
        return text
    renamed = text
    for begin, end, new in sorted(found, reverse=True):
        renamed = renamed[:begin] + new + renamed[end:]
    return text if is_condition and len(renamed) > MAX_TEXT else renamed


def rename_model(model: type[Model], value: Any, rename: Rename) -> Any:
    """What a model reads, as JSON. Schemas and lists of steps in it stay as they are."""
    whole = _schema(model)
    return _renamed(whole, value, whole, rename)


def rename_values(value: Any, rename: Rename) -> Any:
    """Values of which every text is a template."""
    return _renamed({}, value, {}, rename)


@lru_cache(maxsize=100)
def _schema(model: type[Model]) -> dict[str, Any]:
    return model.model_json_schema()


def _edits(text: str, rename: Rename, *, is_condition: bool) -> Iterator[tuple[int, int, str]]:
    if is_condition:
        yield from _edits_of(compile_condition(text).references, Lexer(text).tokens(), rename)
        return
    for part in compile_template(text).parts if OPEN in text else ():
        if isinstance(part, TemplatePart):
            tokens = Lexer(text, part.at + len(OPEN), inside=True).tokens()
            yield from _edits_of(part.expression.references, tokens, rename)


def _edits_of(references: tuple[Reference, ...], tokens: list[Token], rename: Rename) -> Iterator[tuple[int, int, str]]:
    places = {token.at: index for index, token in enumerate(tokens)}
    for reference in references:
        root = tokens[places[reference.at]]
        keys = [_Key(root.text, root.at + len(root.text), optional=False), *_keys(tokens, places[reference.at] + 1)]
        renamed = rename(tuple(key.name for key in keys))
        if renamed is not None:
            last = keys[renamed.names - 1]
            key = "" if renamed.key is None else f"{'?.' if last.optional else ''}[{_quoted(renamed.key)}]"
            yield root.at, last.end, renamed.text + key


def _keys(tokens: list[Token], index: int) -> Iterator[_Key]:
    """The constant names that follow a root."""
    while True:
        optional = tokens[index].text == "?."
        if tokens[index].text in {".", "?."} and tokens[index + 1].kind == "name":
            name = tokens[index + 1]
            yield _Key(name.text, name.at + len(name.text), optional)
            index += 2
            continue
        index += optional
        if tokens[index].text != "[" or tokens[index + 1].kind != "string" or tokens[index + 2].text != "]":
            return
        name, end = tokens[index + 1], tokens[index + 2]
        yield _Key(unquote(name.text, name.at), end.at + 1, optional)
        index += 3


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _renamed(schema: dict[str, Any], value: Any, whole: dict[str, Any], rename: Rename) -> Any:
    variants = [resolve(as_object(each) or {}, whole) for each in as_list(schema.get("anyOf")) or [schema]]
    if isinstance(value, str):
        return rename_text(value, rename, is_condition=any("x-condition" in variant for variant in variants))
    fields, items = as_object(value), as_list(value)
    if any("x-json-schema" in variant for variant in variants) or (fields is None and items is None):
        return value
    if items is not None:
        inner = next((found for each in variants if (found := as_object(each.get("items")))), dict[str, Any]())
        return items if "x-entry" in inner else [_renamed(inner, item, whole, rename) for item in items]
    known: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for variant in variants:
        known |= as_object(variant.get("properties")) or {}
        others = [variant.get("additionalProperties"), *(as_object(variant.get("patternProperties")) or {}).values()]
        rest = next((found for found in map(as_object, others) if found), rest)
    return {
        name: _renamed(resolve(as_object(known.get(name)) or rest, whole), inner, whole, rename)
        for name, inner in (fields or {}).items()
    }
