"""Values against schemas that come from outside, in runs: what a run took before its history goes on is still taken."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from jsonschema import ValidationError
from pydantic import JsonValue
from temporalio import workflow

from towpath.engine.checks.inputs import violations
from towpath.engine.matching.earlier import errors_before
from towpath.engine.matching.validating import UnboundedError, errors_of

LINEAR = "patterns-are-linear-2026-11"
"""The patch since which patterns run on RE2. It stands in the histories of runs that refuse something."""
BOUNDED = "schemas-are-bounded-2026-12"
"""The patch since which steps of a validation are counted: in the histories of runs that refuse what is too much."""


def breaches(schema: dict[str, Any], value: JsonValue, path: tuple[str | int, ...] = ()) -> list[str]:
    """What breaks a schema, a sentence each. Validators of updates, which are in no history, ask `violations`."""
    exceeded: list[UnboundedError] = []
    found = violations(schema, value, path, partial(_noted, exceeded))
    if not found:
        return found
    if not workflow.patched(LINEAR):
        return violations(schema, value, path, errors_before)
    if exceeded and not workflow.patched(BOUNDED):
        return violations(schema, value, path, partial(errors_of, bounded=False))
    return found


def _noted(exceeded: list[UnboundedError], schema: Any, value: Any) -> Iterator[ValidationError]:
    try:
        yield from errors_of(schema, value)
    except UnboundedError as error:
        exceeded.append(error)
        raise
