"""Checks of JSON Schemas that a definition brings."""

from typing import Any

from towpath.engine.language.diagnostics import Path
from towpath.engine.language.shapes import as_object, item
from towpath.engine.language.source import Source
from towpath.engine.matching.validating import pattern_problem, references_in, schema_error, schema_excess


def check_schema(source: Source, given: Any, path: Path) -> bool:
    """Whether a JSON Schema can be used; what is wrong with it is reported."""
    excess = schema_excess(given)
    if excess is not None:
        where = (*path, *excess.place)
        source.report(where, f"schema.{excess.kind}", f"this is a schema {excess.what}", excess.mend)
        return False
    try:
        error = schema_error(given)
    except RecursionError:
        source.report(path, "schema.invalid", "the schema is nested too deeply", "flatten it")
        return False
    if error is not None:
        place = (*path, *error.absolute_path)
        source.report(place, "schema.invalid", error.message[:200], "see json-schema.org, 2020-12")
        return False
    problem = pattern_problem(given)
    if problem is not None:
        place, refused = problem
        source.report((*path, *place), "schema.invalid", f"this pattern is not taken: {refused.what}", refused.mend)
        return False
    for place, reference in references_in(given):
        if not _leads_somewhere(reference, given):
            what = f"the reference {reference[:60]!r} leads nowhere: only places in this schema can be named"
            source.report((*path, *place), "schema.invalid", what, 'write "#/$defs/NAME", or the schema itself')
            return False
    return True


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
