"""Checks of JSON Schemas that a definition brings."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from towpath.engine.checks.patterns import is_endless
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.shapes import as_list, as_object, item
from towpath.engine.language.source import Source

LITERAL = frozenset({"const", "enum", "default", "examples"})


def check_schema(source: Source, given: Any, path: Path) -> bool:
    """Whether a JSON Schema can be used; what is wrong with it is reported."""
    try:
        Draft202012Validator.check_schema(given)
    except SchemaError as error:
        place = (*path, *error.absolute_path)
        source.report(place, "schema.invalid", error.message[:200], "see json-schema.org, 2020-12")
        return False
    except RecursionError:
        source.report(path, "schema.invalid", "the schema is nested too deeply", "flatten it")
        return False
    for place, pattern in _texts_of(given, path, frozenset({"pattern"})):
        if is_endless(pattern):
            what = "this pattern could take for ever: it repeats what repeats itself, or is too long"
            source.report(
                place, "schema.invalid", what, "repeat once, as in [a-z]+, or begin each round with - or the like"
            )
            return False
    for place, reference in _texts_of(given, path, frozenset({"$ref", "$dynamicRef"})):
        if not _leads_somewhere(reference, given):
            what = f"the reference {reference[:60]!r} leads nowhere: only places in this schema can be named"
            source.report(place, "schema.invalid", what, 'write "#/$defs/NAME", or the schema itself')
            return False
    return True


def _texts_of(given: Any, path: Path, keywords: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """The texts of keywords, anywhere in a schema; for patternProperties, their names."""
    waiting: list[tuple[Path, Any]] = [(path, given)]
    while waiting:
        place, value = waiting.pop()
        for name, inner in (as_object(value) or {}).items():
            if name in keywords and isinstance(inner, str):
                yield (*place, name), inner
            elif name == "patternProperties" and "pattern" in keywords:
                yield from (((*place, name, text), text) for text in as_object(inner) or {})
                waiting.append(((*place, name), inner))
            elif name not in LITERAL:
                waiting.append(((*place, name), inner))
        waiting.extend(((*place, index), inner) for index, inner in enumerate(as_list(value) or []))


def _leads_somewhere(reference: str, root: Any) -> bool:
    """Whether a JSON pointer names a place in the schema, and does not come back to itself from there."""
    seen: set[str] = set()
    while reference not in seen:
        seen.add(reference)
        if not reference.startswith("#"):
            return False
        there, found = True, root
        for part in filter(None, reference[1:].split("/")):
            key = part.replace("~1", "/").replace("~0", "~")
            there, found = item(found, int(key) if key.isdecimal() and isinstance(found, list) else key)
            if not there:
                return False
        following = (as_object(found) or {}).get("$ref")
        if not isinstance(following, str):
            return True
        reference = following
    return False
