"""Results of runs that give one value, and of those that do not, as they are stored and told."""

from typing import Any

import pytest

from towpath.contracts.declared.run import DeclaredOutcome, DeclaredResult
from towpath.views.declared import result_lines

NAMED = DeclaredResult(outcome=DeclaredOutcome.COMPLETED, outputs={"a": 1})


@pytest.mark.parametrize("value", [0, 1.5, False, "", None, [], {}, [{"a": None}]])
def test_one_value_is_stored_and_told(value: Any) -> None:
    """Also one that is nothing comes back as the one that was given."""
    given = DeclaredResult(outcome=DeclaredOutcome.COMPLETED, output=value)
    for found in (given, DeclaredResult.model_validate_json(given.model_dump_json())):
        assert found.is_single and found.given == value
        assert found.model_dump(mode="json")["output"] == value
        assert result_lines(found)[1].startswith("output: ")


def test_named_outputs_are_stored_as_they_were() -> None:
    """A result of named outputs holds no field more than before, and says that it is none of one value."""
    stored = NAMED.model_dump(mode="json")
    assert set(stored) == set(DeclaredResult.model_fields) - {"output", "left", "approvers"}
    found = DeclaredResult.model_validate(stored)
    assert (found.is_single, found.given) == (False, {"a": 1})
    assert result_lines(found)[1] == "  a: 1"
