"""Steps with `back_to` as a value: visits, their ends, what is read and undone of them; laws over all orders."""

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.engine.test_progress import NOW, call, failed, plan_of, progress_of, reloaded, started, states
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.run import Cancellation
from towpath.engine.language.graph import mermaid, text_graph
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.run.actions import (
    SETTLED,
    Action,
    Cancel,
    Cancelled,
    Completed,
    End,
    Outcome,
    Rejected,
    Start,
    UndoStep,
)
from towpath.engine.scheduling.approvals import tasks_passed_by
from towpath.engine.scheduling.progress import Progress

UNDO = ", compensate: {type: api, config: {service: s, method: undo, params: {of: '{{ output.v }}'}}}"
LOOP = f"""
  - {call("draft", UNDO)}
  - {{id: again, type: set, when: "steps.draft.v < 3", back_to: draft, max: 4%s}}
  - {{id: publish, type: set, config: {{all: "{{{{ steps.draft.runs }}}}", n: "{{{{ run.steps.draft.visits }}}}"}}}}
  - {{id: gave-up, type: set}}
  - {call("last")}
"""
WITH_END = plan_of(LOOP % ", exhausted: gave-up")


def places(actions: list[Action]) -> list[str]:
    return [action.place for action in actions if isinstance(action, Start)]


def gone_round(plan: Plan, values: list[int]) -> tuple[Progress, list[str], list[Action]]:
    """The draft gives these values, one a visit; where each of them was begun, and what came after the last."""
    progress = progress_of(plan)
    actions, begun = progress.begin(NOW), list[str]()
    for value in values:
        begun += places(actions)
        actions = progress.finish("draft", Completed({"v": value}), NOW)
    return progress, begun, actions


def undone(progress: Progress, actions: list[Action]) -> list[tuple[str, Any]]:
    """All that is undone until the run ends, in order, with what it was undone by."""
    found: list[tuple[str, Any]] = []
    while not isinstance(actions[0], End):
        assert isinstance(actions[0], UndoStep)
        config = actions[0].config or {}
        found.append((actions[0].place, config["params"]["of"]))
        actions = progress.undone(actions[0].place, NOW)
    return found


def test_it_goes_back_while_its_step_is_completed() -> None:
    """Each visit has names of its own; once `when` is false the run goes on, with the outputs of all visits."""
    progress, begun, actions = gone_round(WITH_END, [1, 2, 3])
    assert begun == ["draft", "draft~2", "draft~3"] and started(actions) == ["last"]
    assert progress.outputs["publish"] == {"all": [{"v": 1}, {"v": 2}, {"v": 3}], "n": 3}
    assert states(progress) | {"again": "skipped", "publish": "completed", "gave-up": "skipped"} == states(progress)


def test_used_up_it_runs_what_is_there_for_it() -> None:
    """After `max` visits the entries up to the exhausted step are skipped, and that one runs."""
    progress, begun, actions = gone_round(WITH_END, [0, 0, 0, 0])
    assert begun[-1] == "draft~4" and started(actions) == ["last"]
    assert states(progress) | {"again": "completed", "publish": "skipped", "gave-up": "completed"} == states(progress)


def test_used_up_without_an_end_the_run_fails() -> None:
    """The failure is typed and names the step; all visits are undone, the last one first, by what each of them gave."""
    progress, _, actions = gone_round(plan_of(LOOP % ""), [0, 1, 2, 1])
    assert undone(progress, actions) == [("draft~4", 1), ("draft~3", 2), ("draft~2", 1), ("draft", 0)]
    assert progress.ended is not None and progress.ended.failure is not None
    assert (progress.ended.step, progress.ended.failure.code) == ("again", FailureCode.STEP_EXHAUSTED)
    assert progress.ended.failure.message == "after 4 visits again would go back to draft once more"


def test_what_a_visit_did_and_may_have_done_is_undone_once() -> None:
    """A step that failed in an earlier visit with its effect in doubt is undone in its turn."""
    plan = plan_of(
        f"""
  - {call("draft", ", on_error: continue" + UNDO.replace("output.v", "output?.v ?? 0"))}
  - {{id: again, type: set, when: "run.steps.draft.visits < 3", back_to: draft, max: 5}}
  - {call("last")}
"""
    )
    progress = progress_of(plan)
    progress.begin(NOW)
    progress.finish("draft", Completed({"v": 1}), NOW)
    progress.finish("draft", failed(unknown=True), NOW)
    progress.finish("draft", failed(), NOW)
    assert undone(progress, progress.finish("last", failed(), NOW)) == [("draft~2", 0), ("draft", 1)]
    assert set(progress.completed()) == {"again", "again~2"}


def test_what_undoes_a_visit_reads_that_visit() -> None:
    """A compensation that reads another step of the cycle has what that gave in the same visit."""
    undo = ", compensate: {type: api, config: {service: s, method: u, params: {of: '{{ steps.note.n }}'}}}"
    plan = plan_of(
        f"""
  - {{id: note, type: set, config: {{n: "{{{{ size(steps.note?.runs ?? []) }}}}"}}}}
  - {call("work", undo)}
  - {{id: again, type: set, when: "run.steps.work.visits < 3", back_to: note, max: 3}}
  - {call("last")}
"""
    )
    progress = progress_of(plan)
    progress.begin(NOW)
    for _ in range(3):
        progress.finish("work", Completed({}), NOW)
    assert undone(progress, progress.finish("last", failed(), NOW)) == [("work~3", 2), ("work~2", 1), ("work", 0)]


def test_what_the_visit_before_gave_is_read_until_there_is_more() -> None:
    """A step reads what a later one gave in the visit before; once that is skipped in this one, it gave nothing."""
    plan = plan_of(
        f"""
  - {call("draft").replace("method: m", "method: m, params: {seen: '{{ steps.review?.said ?? null }}'}")}
  - {{id: review, type: set, when: "run.steps.draft.visits != 2", config: {{said: "{{{{ steps.draft.v }}}}"}}}}
  - {{id: again, type: set, when: "steps.draft.v < 4", back_to: draft, max: 9}}
"""
    )
    progress = progress_of(plan)
    actions, seen = progress.begin(NOW), list[Any]()
    for value in range(1, 5):
        assert isinstance(actions[0], Start)
        seen.append(actions[0].config["params"]["seen"])
        actions = progress.finish("draft", Completed({"v": value}), NOW)
    assert seen == [None, 1, None, 3]


def test_an_end_of_an_earlier_visit_changes_nothing() -> None:
    """A step that an operator skipped ends later: the visit that goes on by then is not its own."""
    plan = plan_of(f"  - {call('draft')}\n  - {{id: again, type: set, when: true, back_to: draft, max: 3}}\n")
    progress = progress_of(plan)
    progress.begin(NOW)
    why = Cancellation(by="noor", reason="no")
    actions = progress.replace("draft", Cancelled("skipped"), NOW, why)
    assert isinstance(actions[0], Cancel) and places(actions) == ["draft~2"]
    assert progress.finish("draft", Cancelled(), NOW, "draft") == []
    assert states(progress)["draft"] == "running"
    assert places(progress.finish("draft", Completed(), NOW, "draft~2")) == ["draft~3"]


def test_a_rejection_does_not_go_back() -> None:
    """A person whose no ends the run ends it also where a yes would lead back."""
    task = "{id: ask, type: human-task, config: {assignee: team}, back_to: a, max: 3}"
    progress = progress_of(plan_of(f"  - {call('a')}\n  - {task}\n"))
    progress.begin(NOW)
    progress.finish("a", Completed(), NOW)
    progress.finish("ask", Rejected({"decision": "reject"}), NOW)
    assert progress.ended is not None and progress.ended.status == "rejected"


def test_an_approval_of_an_earlier_visit_opens_no_door() -> None:
    """Before people are asked in this visit, nobody may change what they guard, whatever was said in another one."""
    plan = plan_of(
        f"""
  - {{id: ask, type: human-task, config: {{assignee: team}}}}
  - {call("work")}
  - {{id: again, type: set, back_to: ask, max: 3, exhausted: enough}}
  - {{id: enough, type: set}}
"""
    )
    progress = progress_of(plan)
    progress.begin(NOW)
    progress.finish("ask", Completed({"decision": "approve"}), NOW)
    assert tasks_passed_by(progress, "work", ["ask"]) == (["ask"], None)
    progress.finish("work", Completed(), NOW)
    assert tasks_passed_by(progress, "work", ["ask"]) == ([], "ask")
    assert tasks_passed_by(progress, "work", ["ask", "ask~2"]) == (["ask~2"], None)


def test_paused_it_waits_with_the_next_visit() -> None:
    """Nothing begins while a run is paused; resumed, the visit that is due does."""
    progress, _, _ = gone_round(WITH_END, [0])
    progress.pause()
    assert progress.finish("draft", Completed({"v": 0}), NOW) == []
    assert places(progress.resume(NOW)) == ["draft~3"]


def test_a_redrive_goes_through_the_visits_that_were_done() -> None:
    """What each visit gave is kept for that visit; the run goes on in the one in which it failed."""
    progress, _, _ = gone_round(WITH_END, [0, 1])
    progress.finish("draft", failed(), NOW)
    # Effects that stand are kept, so nothing has been undone yet here.
    again = progress_of(WITH_END, seed=progress.completed())
    assert places(again.begin(NOW)) == ["draft~3"]
    again.finish("draft", Completed({"v": 3}), NOW)
    assert again.outputs["publish"] == {"all": [{"v": 0}, {"v": 1}, {"v": 3}], "n": 3}


def test_the_plan_shows_where_it_leads() -> None:
    """As text and as Mermaid: back, how often, and what runs then."""
    assert "  again (set, only when …, back to draft, up to 4 visits, then gave-up) after draft" in text_graph(WITH_END)
    assert {"  n1 -. back, up to 4 visits .-> n0", "  n1 -. exhausted .-> n3"} <= set(mermaid(WITH_END).splitlines())


@st.composite
def cyclic(draw: st.DrawFn) -> str:
    """Lists with cycles in them, inside branches of conditions, groups, races, and cycles."""
    count = 0

    def name() -> str:
        nonlocal count
        count += 1
        return f"s{count}"

    def entry(depth: int) -> str:
        kind = draw(st.integers(0, 6)) if depth < 3 else 0
        if kind == 6:
            join = draw(st.sampled_from(["", ", join: any", ", join: any, losers: let-run", ", max_concurrency: 1"]))
            members = ", ".join(entry(depth + 1) for _ in range(draw(st.integers(2, 3))))
            return f"{{parallel: [{members}]{join}}}"
        own = name()
        if kind == 5:
            branch = ", ".join(entries(depth + 1))
            return f"{{id: {own}, type: condition, config: {{if: 'now() != now()', then: [], else: [{branch}]}}}}"
        if kind == 4:
            return f"{{id: {own}, type: set}}"
        needs = ", needs: []" if kind == 3 else ""
        return call(own, UNDO.replace("output.v", "1") + ", on_error: continue" + needs)

    def entries(depth: int) -> list[str]:
        found = [entry(depth) for _ in range(draw(st.integers(1, 3)))]
        if draw(st.booleans()):
            target, most, own = name(), draw(st.integers(2, 3)), name()
            found.insert(draw(st.integers(0, len(found))), call(target, UNDO.replace("output.v", "1")))
            end = draw(st.sampled_from(["", "", f", exhausted: {own}x"]))
            back = call(
                own, f", back_to: {target}, max: {most}{end}{draw(st.sampled_from(['', ', on_error: continue']))}"
            )
            found.append(back)
            found += [entry(3), call(f"{own}x")] if end else []
        return found

    lines = "\n".join(f"  - {one}" for one in entries(0))
    return f"{lines}\n  - {call('final')}\n"


def assert_in_turn(progress: Progress, node: PlanNode, running: set[str]) -> None:
    """What a step waits for has ended, its branch was taken, and it goes back over nothing that is under way."""
    plan = progress.plan
    assert all(progress.runs[need].state in SETTLED for need in node.needs)
    assert node.guard is None or progress.branches.get(plan.nodes[node.guard[0]].id) == node.guard[1]
    begin = node.index if node.cycle is None else node.cycle.begin
    assert not running & {other.id for other in plan.nodes[begin : node.index]}


@settings(max_examples=400, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=cyclic(), order=st.randoms(), reload=st.booleans())
def test_every_order_of_ends(text: str, order: Random, reload: bool) -> None:
    """Whatever ends in whatever order, the state dumped and loaded between: no name is begun twice, each step waits for
    its own needs in each visit, the run ends, and each visit is undone once, the latest first.
    """
    plan = plan_of(text)
    progress = progress_of(plan)
    running, begun, done = dict[str, str](), set[str](), list[str]()
    actions: list[Action] = progress.begin(NOW)
    while progress.ended is None and not any(isinstance(action, UndoStep) for action in actions):
        for action in actions:
            if isinstance(action, Start):
                assert action.place not in begun, text
                begun.add(action.place)
                running[action.step] = action.place
                assert_in_turn(progress, plan.node(action.step), set(running))
        assert running, f"nothing goes on: {states(progress)} in {text}"
        if reload and order.random() < 0.2 and progress.stopping is None:
            progress = reloaded(progress)
            begun -= set(running.values())
            running.clear()
            actions = progress.resume(NOW)
            continue
        step = order.choice(sorted(running))
        place, outcomes = running.pop(step), [Completed({"v": 1}), Completed({"v": 1}), failed(), Cancelled()]
        outcome: Outcome = order.choice(outcomes) if step != "final" else failed()
        if isinstance(outcome, Completed) and plan.node(step).step is not None and "undo" in str(plan.node(step).step):
            done.append(place)
        actions = progress.finish(step, outcome, NOW, place)
    found = [place for place, _ in undone(progress, actions)]
    assert found == done[::-1] and progress.ended is not None
    assert progress.ended.status == "failed"


@pytest.mark.parametrize("inner", [2, 3])
def test_a_cycle_inside_a_cycle_begins_anew(inner: int) -> None:
    """The inner one has its visits again in each visit of the outer one; names go on counting."""
    plan = plan_of(
        f"""
  - {call("outer")}
  - {call("work")}
  - {{id: more, type: set, back_to: work, max: {inner}, exhausted: enough}}
  - {{id: enough, type: set}}
  - {{id: again, type: set, when: "run.steps.outer.visits < 2", back_to: outer, max: 5}}
"""
    )
    progress = progress_of(plan)
    actions, begun = progress.begin(NOW), list[str]()
    while progress.ended is None:
        begun += places(actions)
        actions = progress.finish(str(begun[-1]).partition("~")[0], Completed({}), NOW)
    works = ["work", *(f"work~{number}" for number in range(2, 2 * inner + 1))]
    assert begun == ["outer", *works[:inner], "outer~2", *works[inner:]]
