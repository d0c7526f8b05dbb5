"""Which approvals a change by hand passes by, and what a redrive asks people again."""

import pytest

from tests.unit.engine.test_progress import plan_of
from towpath.contracts.core.wire import JsonObject
from towpath.engine.scheduling.approvals import approvals_dropped, approvals_touched
from towpath.engine.scheduling.redriving import kept_outputs

TASK = "type: human-task, config: {assignee: ops}"
ORDER = f"""
  - {{id: read, type: set, config: {{value: {{a: 1}}}}}}
  - id: beside
    parallel:
      - {{id: approve, {TASK}}}
      - {{id: rate, type: set, config: {{value: {{r: 2}}}}}}
  - {{id: charge, type: api, config: {{service: billing, method: charge, params: {{amount: 5}}}}}}
  - {{id: aside, type: set, needs: [], config: {{value: {{}}}}}}
"""
DONE: JsonObject = {
    "read": {"a": 1},
    "approve": {"decision": "approve", "by": "dana"},
    "rate": {"r": 2},
    "aside": {},
}


@pytest.mark.parametrize(
    ("step", "touched", "decided"),
    [
        ("read", [], ["approve"]),
        ("approve", ["approve"], ["approve"]),
        ("rate", ["approve"], ["approve"]),
        ("charge", ["approve"], ["approve"]),
        ("aside", [], []),
    ],
)
def test_what_a_change_passes_by(step: str, touched: list[str], decided: list[str]) -> None:
    """What is before an approval touches it once it was given; what stands alone never does."""
    assert approvals_touched(plan_of(ORDER), step) == touched
    assert approvals_touched(plan_of(ORDER), step, decided=True) == decided


@pytest.mark.parametrize("step", ["read", "rate", "charge"])
def test_people_are_asked_again_about_what_was_set(step: str) -> None:
    """An output that is given by hand voids the approval of what it feeds, and of nothing else."""
    kept, again = kept_outputs(plan_of(ORDER), plan_of(ORDER), DONE, {step})
    assert again["approve"] == "what it approves was changed by hand"
    assert "approve" not in kept and kept["aside"] == {}


def test_an_unchanged_redrive_keeps_the_approval() -> None:
    """Nobody is asked twice about the same."""
    kept, again = kept_outputs(plan_of(ORDER), plan_of(ORDER), DONE)
    assert kept == DONE and again == {}


@pytest.mark.parametrize(
    "change",
    [("amount: 5", "amount: 9999"), ("r: 2", "r: 3"), ("{id: charge,", "{id: gift, type: set}\n  - {id: charge,")],
)
def test_people_are_asked_again_about_another_definition(change: tuple[str, str]) -> None:
    """What the approval guards was changed, or something was put between: it is given anew."""
    _, again = kept_outputs(plan_of(ORDER), plan_of(ORDER.replace(*change)), DONE)
    assert "approve" in again


@pytest.mark.parametrize(
    ("change", "dropped"),
    [
        (("amount: 5", "amount: 9999"), []),
        ((f"      - {{id: approve, {TASK}}}\n", ""), ["approve"]),
        (("assignee: ops", "assignee: interns"), ["approve"]),
        (("{id: charge, type: api,", "{id: charge, type: api, needs: [rate],"), ["approve"]),
        ((TASK, "type: set, config: {value: {decision: approve}}"), ["approve"]),
    ],
)
def test_a_definition_that_asks_less_is_seen(change: tuple[str, str], dropped: list[str]) -> None:
    """The approval is gone, is asked of others, is no question any more, or guards less."""
    assert approvals_dropped(plan_of(ORDER), plan_of(ORDER.replace(*change))) == dropped
