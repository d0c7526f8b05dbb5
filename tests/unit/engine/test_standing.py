"""What a run says of steps that could begin and may not yet: whose turn it is not, and whose condition is not true."""

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.test_progress import NOW, call, failed, plan_of, progress_of, states
from towpath.contracts.core.run import Cancellation, Waiting
from towpath.engine.language.graph import mermaid, text_graph
from towpath.engine.run.actions import Cancelled, Completed
from towpath.engine.scheduling.progress import Progress
from workflows.declared.record import Mirror, Outbox
from workflows.kit.steps import Steps

TASK = "{id: %s, type: human-task, config: {assignee: team%s}}"
OFFERED = ", enabled_while: \"(run.steps.a?.status ?? '') == 'completed'\""
NESTED = plan_of(
    "  - id: outer\n    max_concurrency: 2\n    parallel:\n"
    f"      - {call('a')}\n      - {{id: inner, max_concurrency: 1, parallel: [{call('b')}, {call('c')}]}}\n"
    f"      - {call('d')}\n      - {TASK % ('ask', OFFERED)}\n"
)


def words(progress: Progress) -> dict[str, str]:
    return {progress.plan.nodes[index].id: waiting.what for index, waiting in progress.held_back.items()}


def test_it_says_whose_turn_it_is_not() -> None:
    """The group that is full, the innermost first, and how many are under way in it; and the condition of a task."""
    progress = progress_of(NESTED)
    progress.begin(NOW)
    condition = "its condition: (run.steps.a?.status ?? '') == 'completed'"
    full = "its turn: 2 of group outer are under way"
    assert words(progress) == {"c": "its turn: 1 of group inner is under way", "d": full, "ask": condition}
    progress.finish("a", Completed({}), NOW)
    assert words(progress) == {"c": "its turn: 1 of group inner is under way"}
    progress.finish("b", Completed({}), NOW)
    assert words(progress) == {}


def test_a_run_that_is_ending_holds_nothing_back() -> None:
    """What has not begun will not begin."""
    progress = progress_of(plan_of(f"  - {{max_concurrency: 1, parallel: [{call('a')}, {call('b')}, {call('c')}]}}\n"))
    progress.begin(NOW)
    assert words(progress) == dict.fromkeys("bc", "its turn: 1 of its group is under way")
    progress.finish("a", failed(), NOW)
    assert words(progress) == {} and states(progress)["b"] == "pending"


@settings(max_examples=100, deadline=None)
@given(st.permutations("abcd"), st.sets(st.sampled_from("abcd")))
def test_only_what_has_not_begun_is_held_back(order: list[str], skipped: set[str]) -> None:
    """In any order of ends and skips, and nothing any more when all is done."""
    progress, left = progress_of(NESTED), list(order)
    progress.begin(NOW)
    while left:
        held = progress.held_back
        assert all(progress.runs[index].state == "pending" for index in held)
        step = next(step for step in left if step in progress.running)
        left.remove(step)
        progress.finish(step, Completed({}), NOW)
        ready = [step for step in skipped if step in left and NESTED.by_id[step] in progress.held_back]
        for one in sorted(ready):
            left.remove(one)
            progress.replace(one, Cancelled("skipped"), NOW, Cancellation(by="kim"))
    assert progress.held_back == {}


def test_a_new_history_begins_with_nothing() -> None:
    """What an earlier part of the run waited for is not shown where the step has begun since."""
    progress = progress_of(NESTED)
    steps = Steps("p", {step: step for step in "abcd"} | {"ask": "ask"}, None)
    steps.wait_in("c", (Waiting(what="its turn", who="the others", until=None),))
    Mirror(progress, steps, cast("Outbox", None), cast("Any", None)).take_over(progress)
    assert steps["c"].waiting == ()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (OFFERED, "only while …"),
        (", optional: true", "optional"),
        (", optional: true, repeatable: true", "optional, repeatable"),
        (", repeatable: true, deadline: 1h" + OFFERED, "only while …, repeatable"),
    ],
)
def test_the_plan_says_how_a_task_is_offered(more: str, said: str) -> None:
    """As text and as Mermaid: while what, whether the run waits for it, and whether it is submitted often."""
    plan = plan_of(f"  - parallel: [{call('a')}, {TASK % ('ask', more)}]\n")
    assert f"    ask (human-task, {said})" in text_graph(plan)
    assert f"human-task, {said}" in mermaid(plan)
