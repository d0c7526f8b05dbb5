"""The plan of a definition that travels with a run."""

import pytest

from towpath.contracts.core.wire import JsonObject
from towpath.engine.checks.loading import InvalidDefinitionError, digest, load_plan

DOCUMENT: JsonObject = {"id": "loaded", "version": "1.0.0", "steps": [{"id": "a", "type": "set"}]}


def test_another_definition_under_a_known_digest() -> None:
    """It is refused, also by a worker that has the plan of that digest in memory: all workers decide alike."""
    named = digest(DOCUMENT)
    other: JsonObject = {**DOCUMENT, "steps": [{"id": "b", "type": "set"}]}
    with pytest.raises(InvalidDefinitionError):
        load_plan(named, other)
    plan = load_plan(named, DOCUMENT)

    assert load_plan(named, {**DOCUMENT, "tests": []}) is plan
    with pytest.raises(InvalidDefinitionError):
        load_plan(named, other)
