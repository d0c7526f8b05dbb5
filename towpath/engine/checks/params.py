"""Parameters of an operation or a function against its schema: unknown names, missing ones, and values."""

from collections.abc import Callable
from typing import Any

from towpath.engine.checks.inputs import violations
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import Source


def check_params(
    source: Source,
    given: dict[str, Any],
    schema: dict[str, Any],
    path: Path,
    what: str,
    *,
    is_open: Callable[[Any], bool],
) -> None:
    """`what` names the callee; a value that `is_open` is only known when it runs, and is not looked at."""
    properties = as_object(schema.get("properties")) or {}
    for name in given:
        if name not in properties and schema.get("additionalProperties") is False:
            hint = did_you_mean(name, properties)[2:]
            source.report((*path, name), "param.unknown", f"{what} takes no {name!r}", hint, key=True)
    for name in as_list(schema.get("required")) or []:
        if name not in given:
            source.report(path, "param.missing", f"{what} needs {name!r}", f"add {name}: …")
    constant = {name: value for name, value in given.items() if name in properties and not is_open(value)}
    whole: dict[str, Any] = {**schema, "required": [], "properties": {name: properties[name] for name in constant}}
    for problem in violations(whole, constant):
        pointer, _, why = problem.partition(": ")
        place = tuple(part for part in pointer.split("/") if part)
        source.report((*path, *place), "param.value", f"{what}: {why}", "see its description")
