"""`each_done` of a group as a value: over all orders of ending, once for each member that is completed."""

from itertools import permutations, product
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.timeskip.trial_samples import KINDS, sample_of
from tests.unit.definitions.diagnostic_cases import check
from tests.unit.engine.test_progress import NOW, call, failed, plan_of, progress_of, reloaded, started, states
from towpath.engine.checks.check import check_text
from towpath.engine.checks.loading import InvalidDefinitionError, digest, load_plan
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.diff import compare
from towpath.engine.language.graph import mermaid, text_graph
from towpath.engine.language.plan import Plan, make_plan
from towpath.engine.language.renaming import Renamed, rename_text
from towpath.engine.run.actions import SETTLED, Action, Cancelled, Completed, Outcome, Start, UndoStep
from towpath.engine.scheduling.redriving import kept_outputs

PARAMS = "{of: '{{ branch.id }}', got: '{{ branch.output }}'}"
AUDIT = f"{{id: audit, type: api, config: {{service: s, method: m, params: {PARAMS}}}}}"
OUTCOMES: dict[str, tuple[str, Outcome]] = {
    "completed": ("", Completed({"v": 1})),
    "failed, goes on": (", on_error: continue", failed()),
    "failed, caught": (", catch: [{}]", failed()),
    "failed, default": (", on_error: {default: {v: 2}}", failed()),
    "cancelled": ("", Cancelled()),
}


def group(members: str, each: str = AUDIT, more: str = "") -> Plan:
    return plan_of(f"  - {{id: group, parallel: [{members}], each_done: [{each}]{more}}}\n  - {call('after')}")


def test_the_first_copy_begins_before_the_other_members_end() -> None:
    """Each copy begins with its member's output, and what follows the group waits for all of them."""
    progress = progress_of(group(f"{call('a')}, {call('b')}"))
    assert started(progress.begin(NOW)) == ["a", "b"]
    (copy,) = progress.finish("b", Completed({"v": 2}), NOW)
    assert copy == Start("audit[1]", {"service": "s", "method": "m", "params": {"of": "b", "got": {"v": 2}}})
    assert started(progress.finish("audit[1]", Completed("B"), NOW)) == []
    assert started(progress.finish("a", Completed(1), NOW)) == ["audit[0]"]
    assert started(progress.finish("audit[0]", Completed("A"), NOW)) == ["after"]
    assert progress.outputs["audit"] == {"runs": ["A", "B"]}
    assert progress.outputs["group"] == {"completed": ["a", "b"]}
    progress.finish("after", Completed(), NOW)
    assert progress.ended is not None and set(progress.ended.outputs) == {"a", "b", "group", "audit", "after"}


def test_every_order_of_ending_gives_the_same() -> None:
    """Of three members each completed one has its copy once, whatever becomes of the others and whoever is first."""
    for kinds in product(OUTCOMES, repeat=3):
        members = ", ".join(call(f"m{number}", OUTCOMES[kind][0]) for number, kind in enumerate(kinds))
        plan = group(members)
        expected = [number for number, kind in enumerate(kinds) if kind in {"completed", "failed, default"}]
        for order in permutations(range(3)):
            progress = progress_of(plan)
            progress.begin(NOW)
            begun: list[str] = []
            for place, number in enumerate(order):
                actions = progress.finish(f"m{number}", OUTCOMES[kinds[number]][1], NOW)
                assert started(actions) == ([f"audit[{number}]"] if number in expected else []) or (
                    place == 2 and not begun and number not in expected and started(actions) == ["after"]
                )
                begun += [step for step in started(actions) if step != "after"]
            for step in begun:
                progress.finish(step, Completed(step), NOW)
            runs = [f"audit[{number}]" if number in expected else None for number in range(3)]
            assert progress.outputs["audit"] == {"runs": runs}
            assert states(progress)["after"] == "running"


def test_a_failing_copy_is_a_step_that_fails() -> None:
    """The run fails with it, and what was done for other members is undone, each copy by its own id."""
    undo = ", compensate: {type: api, config: {service: s, method: u, params: {was: '{{ output }}'}}}}"
    progress = progress_of(group(f"{call('a')}, {call('b')}", AUDIT[:-1] + undo))
    progress.begin(NOW)
    progress.finish("a", Completed(1), NOW)
    progress.finish("audit[0]", Completed("A"), NOW)
    progress.finish("b", Completed(1), NOW)
    actions = progress.finish("audit[1]", failed(), NOW)
    assert actions == [UndoStep("audit[0]", {"service": "s", "method": "u", "params": {"was": "A"}})]
    assert progress.stopping is not None and progress.stopping[1] == "audit[1]"


TWO = """{id: look, type: api, config: {service: s, method: m, params: {x: '{{ branch.output.v }}'}}},
 {id: tell, type: condition, config: {if: "steps.look.n > 1 && branch.id != 'x'", then: [
   {id: note, type: set, config: {v: '{{ steps.look.n }} of {{ branch.id }}, {{ run.steps.look.status }}'},
    needs: [look]}]}},
 {id: last, type: set, needs: [look], config: {v: '{{ steps.note?.v ?? 0 }}'}}"""


def test_copies_read_their_own_steps() -> None:
    """Steps of a copy are in order, also in branches, and read each other; outside they are lists by member."""
    progress = progress_of(group(f"{call('a')}, {call('b')}", TWO))
    progress.begin(NOW)
    assert started(progress.finish("a", Completed({"v": 1}), NOW)) == ["look[0]"]
    assert started(progress.finish("b", Completed({"v": 2}), NOW)) == ["look[1]"]
    progress.finish("look[1]", Completed({"n": 5}), NOW)
    progress.finish("look[0]", Completed({"n": 1}), NOW)
    assert progress.outputs["note"] == {"runs": [None, {"v": "5 of b, completed"}]}
    assert progress.outputs["tell"] == {"runs": [{"branch": "else"}, {"branch": "then"}]}


CATCHING = """{id: risky, type: api, config: {service: s, method: m},
 catch: [{as: why, do: [{id: noted, type: set, config: {v: '{{ why.code }} of {{ branch.id }}'}}]}]}"""


def test_each_copy_catches_its_own_error() -> None:
    """The name of a caught error belongs to the copy: handlers that run side by side do not mix them up."""
    progress = progress_of(group(f"{call('a')}, {call('b')}", CATCHING))
    progress.begin(NOW)
    progress.finish("a", Completed(1), NOW)
    progress.finish("b", Completed(1), NOW)
    progress.finish("risky[1]", failed(), NOW)
    progress.finish("risky[0]", failed(), NOW)
    told = progress.outputs["noted"]["runs"]
    assert told == [{"v": "service.refused of a"}, {"v": "service.refused of b"}]
    assert len(progress.evaluation.errors) == 2


NESTED = """  - id: outer
    parallel:
      - {id: a, type: set, config: {v: 1}}
      - {id: b, type: set, config: {v: 2}}
    each_done:
      - id: inner
        parallel: [{id: x, type: set, config: {v: '{{ branch.output.v * 10 }}'}}, {id: y, type: set, config: {v: 0}}]
        each_done:
          - {id: deep, type: set, config: {v: '{{ branch.id }} {{ branch.output.v }} {{ steps.x.v }}'}, needs: [x]}
"""


def test_each_done_inside_each_done() -> None:
    """The inner `branch` is the inner member; outputs are lists in lists."""
    progress = progress_of(plan_of(NESTED))
    progress.begin(NOW)
    deep = [[{"v": "x 10 10"}, {"v": "y 0 10"}], [{"v": "x 20 20"}, {"v": "y 0 20"}]]
    assert progress.outputs["deep"] == {"runs": [{"runs": runs} for runs in deep]}
    assert check(f'id: tried\nversion: "1.0.0"\nsteps:\n{NESTED}').diagnostics == ()


def test_it_belongs_to_its_group() -> None:
    """In a branch that is not taken all of it is skipped; copies take turns where the group has a limit."""
    inner = f"{{id: g, parallel: [{call('a')}, {call('b')}], each_done: [{AUDIT}], max_concurrency: 1}}"
    text = f"  - {{id: c, type: condition, config: {{if: '1 > %s', then: [{inner}]}}}}\n  - {call('after')}"
    progress = progress_of(plan_of(text % 2))
    assert started(progress.begin(NOW)) == ["after"]
    assert set(states(progress).values()) == {"completed", "skipped", "running"}
    progress = progress_of(plan_of(text % 0))
    order = started(progress.begin(NOW))
    while len(order) < 5:
        (step,) = started(progress.finish(order[-1], Completed(), NOW))
        order.append(step)
    assert order == ["a", "b", "audit[0]", "audit[1]", "after"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_and_a_copy_of_every_type(kind: str) -> None:
    """Every step type of the registry may be a member, and may be done for each member."""
    config = sample_of(kind).config
    members = [_step("a", kind, config), {"id": "b", "type": "set", "config": {"v": 1}}]
    each = [_step("probe", kind, config), {"id": "who", "type": "set", "config": {"v": "{{ branch.id }}"}}]
    steps = [
        {"id": "g", "parallel": members, "each_done": each},
        {"id": "after", "type": "set", "config": {"v": "{{ steps.probe.runs }}"}},
    ]
    document: dict[str, Any] = {"id": "tried", "version": "1.0.0", "steps": steps}
    progress = progress_of(load_plan(digest(document), document))
    waiting = started(progress.begin(NOW))
    while waiting:
        waiting += started(progress.finish(waiting.pop(0), Completed({"n": 1}), NOW))
    if kind == "raise":
        assert progress.ended is not None and progress.ended.step == "a"
        return
    assert progress.outputs["who"] == {"runs": [{"v": "a"}, {"v": "b"}]}
    assert progress.ended is not None and progress.ended.status == "completed"


def _step(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    inner = {"then": [{"id": f"{name}-inner", "type": "set"}]} if kind == "condition" else {}
    return {"id": name, "type": kind, "config": {**config, **inner}}


@st.composite
def merging(draw: st.DrawFn) -> str:
    """Groups with each_done in groups, branches and copies, with limits and needs."""
    count = iter(range(1_000))

    def entry(depth: int) -> str:
        kind, name = draw(st.integers(0, 5)) if depth < 3 else 0, f"s{next(count)}"
        if kind == 5:
            return f"{{id: {name}, type: condition, config: {{if: '1 > 0', then: [{listed(depth)}]}}}}"
        if kind >= 3:
            each = f", each_done: [{listed(depth)}]" if kind == 4 else ""
            limit = draw(st.sampled_from(["", ", max_concurrency: 1"]))
            return f"{{id: {name}, parallel: [{listed(depth)}]{each}{limit}}}"
        return call(name, ", on_error: continue") if kind < 2 else f"{{id: {name}, type: set}}"

    def listed(depth: int) -> str:
        return ", ".join(entry(depth + 1) for _ in range(draw(st.integers(1, 3))))

    return f"  - {{id: top, parallel: [{listed(1)}], each_done: [{listed(1)}]}}\n  - {call('after')}\n"


@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=merging(), order=st.randoms(), reload=st.booleans())
def test_every_run_ends_and_every_copy_follows_its_member(text: str, order: Random, reload: bool) -> None:
    """Any groups, any outcomes in any order, dumped and loaded between: copies begin after completed members only."""
    plan = plan_of(text)
    progress, running = progress_of(plan), list[str]()
    actions: list[Action] = progress.begin(NOW)
    while progress.ended is None:
        running += started(actions)
        assert running, states(progress)
        if reload and order.random() < 0.2:
            progress = reloaded(progress)
            running, actions = [], progress.resume(NOW)
            continue
        outcomes: list[Outcome] = [Completed(), failed(), Cancelled()]
        step = running.pop(order.randrange(len(running)))
        actions = progress.finish(step, Completed() if step == "after" else order.choice(outcomes), NOW)
        for node in plan.nodes:
            run = progress.runs[node.index]
            if node.branch is not None and run.state not in {"pending", "skipped", "cancelled"}:
                assert progress.runs[node.branch].state == "completed"
    assert progress.ended.status == "completed"
    assert {run.state for run in progress.runs} <= SETTLED


@pytest.mark.parametrize(("members", "is_kept"), [("new a", False), ("a b", True), ("a b c", True)])
def test_a_redrive_keeps_what_was_done_for_the_same_member(members: str, is_kept: bool) -> None:
    """A copy stands for its member: where another one has its place, it is done again."""
    old = group(f"{call('a')}, {call('b')}", "{id: audit, type: api, config: {service: s, method: m}}")
    new = group(", ".join(map(call, members.split())), "{id: audit, type: api, config: {service: s, method: m}}")
    kept, again = kept_outputs(old, new, {"a": 1, "audit[0]": 2})
    assert ("audit[0]" in kept) is is_kept and ("audit[0]" in again) is not is_kept


def test_the_plan_shows_every_copy() -> None:
    """The picture has a node for each copy, after its member; a comparison speaks of the step as it is written."""
    plan, other = group(f"{call('a')}, {call('b')}"), group(f"{call('a')}, {call('b')}", AUDIT[:-1] + ", timeout: 1s}")
    assert text_graph(plan)[1:6] == [
        "  group, more for each that is done",
        "    a (api)",
        "    b (api)",
        "    audit[0] (api) after a",
        "    audit[1] (api) after b",
    ]
    picture = mermaid(plan)
    assert "n1 --> n3" in picture and "audit[1]" in picture
    assert [change.what for change in compare(plan.definition, other.definition).changes] == [
        "audit: timeout: None → 1s"
    ]


def test_reads_are_checked_by_member() -> None:
    """`branch` is known inside and nowhere else, with the fields that every member has."""
    choice = '{id: a, type: condition, config: {if: "1 > 0", then: []}}'
    head = f'id: tried\nversion: "1.0.0"\nsteps:\n  - id: g\n    parallel: [{choice}]\n'
    good = head + "    each_done: [{id: b, type: set, config: {v: '{{ branch.output.branch }}'}}]\n"
    assert check(good + "  - {id: c, type: set, config: {v: '{{ steps.b.runs[0] }}'}}").diagnostics == ()
    codes = [problem.code for problem in check(good.replace("output.branch", "output.x")).diagnostics]
    assert codes == ["read.unknown-field"]
    outside = good + "  - {id: c, type: set, config: {v: '{{ branch.id }} {{ steps.b.v }}'}}"
    assert sorted(problem.code for problem in check(outside).diagnostics) == ["read.unknown", "read.unknown-field"]
    early = head.replace("{id: a,", "{id: z, type: set, config: {v: '{{ steps.b.runs }}'}}, {id: a,")
    assert {problem.code for problem in check(early + good[len(head) :]).diagnostics} >= {"read.not-before"}


def test_a_text_without_room_is_told() -> None:
    """What `branch` stands for is longer than it; a text that was just short enough is told by check."""
    long = " || ".join([f"branch.id == '{'x' * 183}'"] * 20)
    text = f'  - {{parallel: [{call("a-member-with-a-long-name")}], each_done: [{{id: b, type: set, when: "{long}"}}]}}'
    assert 4_000 < len(long) < 4_096
    found = check_text(f'id: tried\nversion: "1.0.0"\nsteps:\n{text}', DefinitionCatalogue())
    assert [problem.code for problem in found.diagnostics if problem.code == "expression.limit"] == ["expression.limit"]


def test_too_many_copies_are_refused() -> None:
    """Members times steps are bounded, for `check` and for a run alike; nesting does not grow without end."""
    each: dict[str, Any] = {"id": "s", "type": "set"}
    for depth in range(6):
        members = [{"id": f"m{depth}-{number}", "type": "set"} for number in range(10)]
        each = {"id": f"g{depth}", "parallel": members, "each_done": [each]}
    document: dict[str, Any] = {"id": "tried", "version": "1.0.0", "steps": [each]}
    with pytest.raises(InvalidDefinitionError, match="too many"):
        load_plan(digest(document), document)
    members = ", ".join(f"{{id: m{number}, type: set}}" for number in range(100))
    steps = ", ".join(f"{{id: e{number}, type: set}}" for number in range(100))
    text = f'id: tried\nversion: "1.0.0"\nsteps: [{{parallel: [{members}], each_done: [{steps}]}}]'
    assert [problem.code for problem in check(text).diagnostics] == ["steps.too-many"]


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("{{ branch.output }}", "{{ steps['a'] }}"),
        ("{{branch}}", "{{{id: 'a'}}}"),
        ("x {{ branch?.output.v }} y {{ inputs.branch }}", "x {{ steps?.['a'].v }} y {{ inputs.branch }}"),
        ("{{ map([1], branch, branch.output) }}", "{{ map([1], branch, branch.output) }}"),
        ("{{ 'branch.output' + branch [ 'output' ] }}", "{{ 'branch.output' + steps['a'] }}"),
        ("$${{ branch.output }}", "$${{ branch.output }}"),
        ("{{ branch. }}", "{{ branch. }}"),
        ("branch.output", "branch.output"),
    ],
)
def test_only_reads_are_renamed(text: str, renamed: str) -> None:
    """Text, keys, loop variables, and what cannot be read stay as they are."""

    def rename(path: tuple[str, ...]) -> Renamed | None:
        if path[0] != "branch":
            return None
        return Renamed(2, "steps", "a") if path[1:2] == ("output",) else Renamed(1, "{id: 'a'}")

    assert rename_text(text, rename, is_condition=False) == renamed


def test_a_plan_without_it_has_no_copies() -> None:
    """Groups of before are planned as before."""
    plan = plan_of(f"  - {{parallel: [{call('a')}]}}")
    assert make_plan(plan.definition).nodes == plan.nodes and all(not node.copy for node in plan.nodes)
