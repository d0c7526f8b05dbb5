"""Values against schemas that come from outside, in runs: what a run took before its history goes on is still taken."""

from typing import Any

from pydantic import JsonValue
from temporalio import workflow

from towpath.engine.checks.inputs import violations
from towpath.engine.matching.earlier import errors_before

LINEAR = "patterns-are-linear-2026-11"
"""The patch since which patterns run on RE2. It stands in the histories of runs that refuse something."""


def breaches(schema: dict[str, Any], value: JsonValue, path: tuple[str | int, ...] = ()) -> list[str]:
    """What breaks a schema, a sentence each. Validators of updates, which are in no history, ask `violations`."""
    found = violations(schema, value, path)
    if not found or workflow.patched(LINEAR):
        return found
    return violations(schema, value, path, errors_before)
