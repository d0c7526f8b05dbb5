"""Groups with `max_concurrency` as a value: never more at a time than they say, and nobody is forgotten."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.engine.test_progress import NOW, call, failed, plan_of, progress_of, reloaded, started, states
from towpath.contracts.core.run import Cancellation
from towpath.engine.language.graph import mermaid, text_graph
from towpath.engine.language.plan import Plan
from towpath.engine.language.turns import limits_of
from towpath.engine.run.actions import Action, Cancel, Cancelled, Completed, Outcome, Start


def group(members: str, more: str = "") -> Plan:
    return plan_of(f"  - {{id: group, parallel: [{members}]{more}}}\n  - {call('after')}")


def test_members_take_turns_in_their_order() -> None:
    """The next one begins when one has ended, failed ones included; what comes after waits for all."""
    members = ", ".join((call("a"), call("b", ", on_error: continue"), call("c"), call("d", ", needs: [c]")))
    progress = progress_of(group(members, ", max_concurrency: 1"))
    assert started(progress.begin(NOW)) == ["a"]
    assert started(progress.finish("a", Completed(), NOW)) == ["b"]
    assert started(progress.finish("b", failed(), NOW)) == ["c"]
    assert started(progress.finish("c", Completed(), NOW)) == ["d"]
    assert started(progress.finish("d", Completed(), NOW)) == ["after"]


@pytest.mark.parametrize(
    "waiting",
    [
        "{id: w, type: wait, config: {event: never.comes}}",
        "{id: w, type: wait-any, config: {on: {e: {event: never.comes}}}}",
        "{id: w, type: human-task, config: {assignee: team}}",
    ],
)
def test_who_waits_takes_no_turn(waiting: str) -> None:
    """What waits for time, events or people lets the others work, and begins at once itself."""
    progress = progress_of(group(f"{waiting}, {call('a')}, {call('b')}", ", max_concurrency: 1"))
    assert started(progress.begin(NOW)) == ["w", "a"]
    assert started(progress.finish("a", Completed(), NOW)) == ["b"]


def test_a_condition_takes_no_turn_and_the_steps_of_its_branch_do() -> None:
    """What is inside a branch or an inner group takes turns like any member."""
    inside = f"{{id: choice, type: condition, config: {{if: '1 > 0', then: [{call('x')}, {call('y')}]}}}}"
    progress = progress_of(group(f"{inside}, {{parallel: [{call('p')}, {call('q')}]}}", ", max_concurrency: 1"))
    order = started(progress.begin(NOW))
    while len(order) < 5:
        order += started(progress.finish(order[-1], Completed(), NOW))
    assert order == ["p", "q", "x", "y", "after"]


def test_a_turn_that_is_not_taken_passes_on() -> None:
    """A step that is skipped, or withdrawn by a race, before its turn comes keeps nobody waiting."""
    race = f"{{parallel: [{call('a')}, {call('b')}], join: any}}"
    progress = progress_of(group(f"{race}, {call('c')}, {call('d')}, {call('e')}", ", max_concurrency: 1"))
    assert started(progress.begin(NOW)) == ["a"]
    progress.replace("c", Cancelled("skipped"), NOW, Cancellation(by="noor", reason="no"))
    assert started(progress.finish("a", Completed(), NOW)) == ["d"]
    assert started(progress.finish("d", Completed(), NOW)) == ["e"]
    assert states(progress) | {"b": "cancelled", "c": "skipped"} == states(progress)


def test_paused_a_turn_is_kept() -> None:
    """While a run is paused nobody begins; resumed, the one whose turn it was does."""
    progress = progress_of(group(f"{call('a')}, {call('b')}, {call('c')}", ", max_concurrency: 1"))
    progress.begin(NOW)
    progress.pause()
    assert progress.finish("a", Completed(), NOW) == []
    assert started(progress.resume(NOW)) == ["b"]


@st.composite
def limited(draw: st.DrawFn) -> str:
    """Groups with limits inside groups with limits, races and conditions among them, and needs among members."""
    known: list[str] = []

    def entry(depth: int) -> str:
        kind = draw(st.integers(0, 6)) if depth < 3 else 0
        if kind >= 5:
            limit = draw(st.sampled_from(["", ", max_concurrency: 1", ", max_concurrency: 2"]))
            join = draw(st.sampled_from(["", "", ", join: any", ", join: any, losers: let-run"]))
            members = ", ".join(entry(depth + 1) for _ in range(draw(st.integers(1, 4))))
            return f"{{parallel: [{members}]{limit}{join}}}"
        name = f"s{len(known)}"
        known.append(name)
        if kind == 4:
            then = ", ".join(entry(depth + 1) for _ in range(draw(st.integers(0, 3))))
            return f"{{id: {name}, type: condition, config: {{if: '1 > 0', then: [{then}]}}}}"
        if kind == 3:
            return f"{{id: {name}, type: wait, config: {{for: 1h}}}}"
        if kind == 2:
            return f"{{id: {name}, type: set}}"
        needs = draw(st.lists(st.sampled_from(known[:-1]), max_size=2, unique=True)) if len(known) > 1 else []
        return call(name, f", on_error: continue, needs: [{', '.join(needs)}]" if needs else ", on_error: continue")

    members = ", ".join(entry(1) for _ in range(draw(st.integers(2, 5))))
    return f"  - {{parallel: [{members}], max_concurrency: {draw(st.integers(1, 2))}}}\n  - {call('after')}\n"


@settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=limited(), order=st.randoms(), reload=st.booleans())
def test_never_more_than_the_limit_and_always_to_the_end(text: str, order: Random, reload: bool) -> None:
    """Any groups, any outcomes in any order, the state dumped and loaded between: limits hold and every run ends."""
    plan = plan_of(text)
    if len(plan.order) < len(plan.nodes):
        return
    limits, running = limits_of(plan), list[str]()
    progress = progress_of(plan)
    actions: list[Action] = progress.begin(NOW)
    while progress.ended is None:
        for action in actions:
            if isinstance(action, Start):
                running.append(action.step)
            elif isinstance(action, Cancel) and action.step not in running:
                raise AssertionError(f"{action.step} is not running")
        held = [limit for step in running for limit in limits.get(plan.by_id[step], ())]
        assert all(held.count(limit) <= limit[1] for limit in held)
        assert running, f"nothing goes on: {states(progress)}"
        if reload and order.random() < 0.2:
            progress = reloaded(progress)
            running, actions = [], progress.resume(NOW)
            continue
        outcomes: list[Outcome] = [Completed(), failed(), Cancelled()]
        step = running.pop(order.randrange(len(running)))
        can_fail = plan.node(step).step is not None and plan.node(step).written.get("for") is None and step != "after"
        actions = progress.finish(step, order.choice(outcomes) if can_fail else Completed(), NOW)
    assert progress.ended.status == "completed" or "fewer than" in str(progress.ended.failure)
    assert not any(plan.nodes[index].step is None or plan.nodes[index].written.get("for") for index in limits)


def test_the_plan_says_how_many_at_a_time() -> None:
    """The picture of a plan, as text and as Mermaid, tells the limit of a group."""
    plan = group(f"{call('a')}, {call('b')}", ", max_concurrency: 1, join: any")
    assert "  group, goes on after 1, at most 1 at a time" in text_graph(plan)
    assert "group, goes on after 1, at most 1 at a time" in mermaid(plan)
