"""A scheduler that is told to stop and to go on, at any node, comes to the same as one that is not."""

from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.test_progress import (
    NOW,
    UNHURRIED,
    graphs,
    outcome_of,
    plan_of,
    progress_of,
    started,
    states,
)
from towpath.engine.language.plan import Plan
from towpath.engine.run.actions import Action, Cancel, Cancelled, FallBack, UndoStep
from towpath.engine.scheduling.progress import Progress


def ended(plan: Plan, order: list[int], failing: set[str], pace: list[bool]) -> Progress:
    """Steps end in the order that is drawn; between any two looks it may be held up."""
    progress, turns, looks = progress_of(plan), cycle(order), cycle([*pace, True])
    progress.keep_pace(lambda: next(looks))
    running, waiting = list[str](), list[Action](progress.begin(NOW))
    for _ in range(10_000):
        while progress.is_held_up:
            waiting += progress.go_on(NOW)
        while waiting:
            action = waiting.pop(0)
            running += started([action])
            if isinstance(action, Cancel) and action.step in running:
                running.remove(action.step)
                waiting += progress.finish(action.step, Cancelled(), NOW)
            elif isinstance(action, UndoStep):
                waiting += progress.undone(action.step, NOW)
            elif isinstance(action, FallBack):
                waiting += progress.fell_back(NOW)
            while progress.is_held_up:
                waiting += progress.go_on(NOW)
        if progress.ended is not None:
            return progress
        step = running.pop(next(turns) % len(running))
        waiting += progress.finish(step, outcome_of(step, failing), NOW)
    raise AssertionError("it does not end")


@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=UNHURRIED)
@given(text=graphs(), order=st.lists(st.integers(0, 9), min_size=1), pace=st.lists(st.booleans()), data=st.data())
def test_any_pace_comes_to_the_same(text: str, order: list[int], pace: list[bool], data: st.DataObject) -> None:
    """Same steps, same states, same outputs, same end, whatever fails."""
    plan = plan_of(text)
    if len(plan.order) < len(plan.nodes):
        return
    steps = [node.id for node in plan.steps() if node.kind == "step"]
    failing = set(data.draw(st.lists(st.sampled_from(steps), max_size=2))) if steps else set[str]()
    first, second = (ended(plan, order, failing, held) for held in ([], pace))
    assert states(first) == states(second) and first.outputs == second.outputs
    assert first.ended == second.ended
