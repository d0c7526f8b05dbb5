"""Checks of JSON Schemas that a definition brings."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from towpath.engine.diagnostics import Path
from towpath.engine.shapes import as_list, as_object, item
from towpath.engine.source import Source

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
    for place, reference in _references(given, path):
        if not _leads_somewhere(reference, given):
            what = f"the reference {reference[:60]!r} leads nowhere: only places in this schema can be named"
            source.report(place, "schema.invalid", what, 'write "#/$defs/NAME", or the schema itself')
            return False
    return True


def _references(given: Any, path: Path) -> Iterator[tuple[Path, str]]:
    waiting: list[tuple[Path, Any]] = [(path, given)]
    while waiting:
        place, value = waiting.pop()
        for name, inner in (as_object(value) or {}).items():
            if name in {"$ref", "$dynamicRef"} and isinstance(inner, str):
                yield (*place, name), inner
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
