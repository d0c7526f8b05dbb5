"""The scheduler of definitions as a value: joins, races, branches, failures; and laws that hold for any graph."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.engine.language.plan import Plan, make_plan
from towpath.engine.language.reading import read_definition
from towpath.engine.language.source import read_source
from towpath.engine.run.actions import (
    SETTLED,
    Action,
    Cancel,
    Cancelled,
    Completed,
    End,
    Failed,
    FallBack,
    Outcome,
    Start,
    State,
    UndoStep,
)
from towpath.engine.run.evaluation import RunFacts
from towpath.engine.scheduling.progress import Progress

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FACTS = RunFacts("tried/1", NOW)


def plan_of(steps: str, more: str = "") -> Plan:
    source = read_source(f'id: tried\nversion: "1.0.0"\n{more}\nsteps:\n{steps}')
    definition = read_definition(source)
    assert definition is not None and not source.diagnostics, source.diagnostics
    return make_plan(definition)


def progress_of(plan: Plan, inputs: dict[str, Any] | None = None, seed: dict[str, Any] | None = None) -> Progress:
    return Progress(plan, FACTS, inputs or {}, {}, lambda: "u", seed)


def call(name: str, more: str = "") -> str:
    return f"{{id: {name}, type: api, config: {{service: s, method: m}}{more}}}"


def started(actions: list[Action]) -> list[str]:
    return [action.step for action in actions if isinstance(action, Start)]


def failed(code: FailureCode = FailureCode.SERVICE_REFUSED, *, unknown: bool = False) -> Failed:
    return Failed(Failure(code=code, message="no"), unknown=unknown)


def reloaded(progress: Progress) -> Progress:
    """As a run that continues in a new history has it."""
    return Progress.load(progress.plan, FACTS, {}, {}, lambda: "u", progress.dump())


def states(progress: Progress) -> dict[str, str]:
    return {node.id: str(run.state) for node, run in zip(progress.plan.nodes, progress.runs, strict=True)}


def test_a_step_waits_only_for_its_own_needs() -> None:
    """A fast branch goes on while a slow sibling that it does not need still runs."""
    plan = plan_of(
        f"""
  - parallel:
      - {call("slow")}
      - {call("fast")}
      - {call("next", ", needs: [fast]")}
  - {call("last")}
"""
    )
    progress = progress_of(plan)
    assert started(progress.begin(NOW)) == ["slow", "fast"]
    assert started(progress.finish("fast", Completed(1), NOW)) == ["next"]
    assert started(progress.finish("next", Completed(1), NOW)) == []
    assert started(progress.finish("slow", Completed(1), NOW)) == ["last"]


def test_the_branch_not_taken_is_skipped_whole() -> None:
    """What stands in the other branch is skipped with everything inside it, and the list goes on."""
    plan = plan_of(
        f"""
  - id: choice
    type: condition
    config:
      if: "{{{{ inputs.n }}}} > 1"
      then: [{call("yes")}]
      else: [{{parallel: [{call("no")}, {call("never")}]}}]
  - {call("after")}
""",
        "inputs: {n: {type: integer}}",
    )
    progress = progress_of(plan, {"n": 2})
    assert started(progress.begin(NOW)) == ["yes"]
    assert states(progress)["never"] == "skipped" and states(progress)["choice"] == "running"
    assert started(progress.finish("yes", Completed(1), NOW)) == ["after"]
    assert progress.branches == {"choice": "then"} and states(progress)["choice"] == "completed"


@pytest.mark.parametrize(
    ("join", "successes", "goes_on"),
    [("any", 1, True), ("{count: 2}", 1, False), ("{count: 2}", 2, True)],
)
def test_a_race_goes_on_after_enough_successes(join: str, successes: int, goes_on: bool) -> None:
    """The first successes count; the losers are cancelled once, and nothing waits for them."""
    members = ", ".join(call(f"m{number}") for number in range(3))
    plan = plan_of(f"  - parallel: [{members}]\n    join: {join}\n  - {call('after')}")
    progress = progress_of(plan)
    progress.begin(NOW)
    actions: list[Action] = []
    for number in range(successes):
        actions += progress.finish(f"m{number}", Completed(1), NOW)
    assert ("after" in started(actions)) is goes_on
    cancelled = [action.step for action in actions if isinstance(action, Cancel)]
    assert cancelled == ([f"m{number}" for number in range(successes, 3)] if goes_on else [])


def test_a_race_nobody_wins_fails_the_run() -> None:
    """Members of a race may fail until too few are left."""
    plan = plan_of(f"  - parallel: [{call('a')}, {call('b')}]\n    join: any\n    id: race")
    progress = progress_of(plan)
    progress.begin(NOW)
    assert progress.finish("a", failed(), NOW) == []
    ends = progress.finish("b", failed(), NOW)
    assert [type(action) for action in ends] == [End] and progress.ended is not None
    assert progress.ended.failure is not None and progress.ended.failure.code is FailureCode.STEP_JOIN


def test_failure_lets_others_finish_then_undoes_in_reverse_then_falls_back() -> None:
    """Nothing new starts; what runs is let finish; each completed step is undone once, the last first."""
    undo = ", compensate: {type: api, config: {service: s, method: undo}}"
    plan = plan_of(
        f"""
  - {call("first", undo)}
  - parallel: [{call("second", undo)}, {call("third")}, {call("fourth", undo)}]
  - {call("never")}
""",
        "error_handling: {fallback: [{type: notification, target: ops}, {type: queue, queue: q}]}",
    )
    progress = progress_of(plan)
    progress.begin(NOW)
    progress.finish("first", Completed(1), NOW)
    assert progress.finish("third", failed(), NOW) == []
    assert progress.finish("second", Completed(1), NOW) == []
    order: list[object] = []
    actions = progress.finish("fourth", failed(FailureCode.STEP_TIMEOUT, unknown=True), NOW)
    while actions:
        action = actions.pop(0)
        if isinstance(action, UndoStep):
            order.append((action.step, action.unknown))
            actions += progress.undone(action.step, NOW)
        elif isinstance(action, FallBack):
            order.append(action.index)
            actions += progress.fell_back(NOW)
        elif isinstance(action, End):
            order.append(action.status)
    assert order == [("fourth", True), ("second", False), ("first", False), 0, 1, "failed"]
    assert states(progress)["never"] == "pending"


def test_paused_nothing_starts_and_resumed_it_goes_on() -> None:
    """What was ready while paused starts at resume, once."""
    progress = progress_of(plan_of(f"  - {call('a')}\n  - {call('b')}"))
    progress.begin(NOW)
    progress.pause()
    assert progress.finish("a", Completed(1), NOW) == []
    assert started(progress.resume(NOW)) == ["b"]
    assert progress.resume(NOW) == []


def test_seeded_steps_are_kept() -> None:
    """A redrive does not start what the run before completed, and reads its outputs."""
    plan = plan_of(f"  - {call('a')}\n  - {{id: b, type: set, config: {{v: '{{{{ steps.a.n }}}}'}}}}\n  - {call('c')}")
    progress = progress_of(plan, seed={"a": {"n": 7}})
    assert started(progress.begin(NOW)) == ["c"]
    assert progress.outputs["b"] == {"v": 7} and progress.run_of("a").attempts == 0


def test_told_twice_counts_once() -> None:
    """An outcome reported again changes nothing."""
    progress = progress_of(plan_of(f"  - {call('a')}\n  - {call('b')}"))
    progress.begin(NOW)
    assert started(progress.finish("a", Completed(1), NOW)) == ["b"]
    assert progress.finish("a", failed(), NOW) == []


# --- laws, over graphs that nobody wrote ---


@st.composite
def graphs(draw: st.DrawFn) -> str:
    """Steps that may catch, groups with joins, and conditions, with policies, undos and needs among earlier steps."""
    counter = [0]
    known: list[str] = []

    def step(depth: int) -> str:
        name = f"s{counter[0]}"
        counter[0] += 1
        more = draw(st.sampled_from(["", "", ", on_error: continue", ", on_error: {default: {d: 1}}"]))
        more += draw(st.sampled_from(["", ", compensate: {type: api, config: {service: s, method: u}}"]))
        if known and draw(st.integers(0, 4)) == 0:
            more += f", needs: [{', '.join(draw(st.lists(st.sampled_from(known), max_size=2, unique=True)))}]"
        if depth < 3 and draw(st.integers(0, 3)) == 0:
            handlers = ", ".join(entry(depth + 1) for _ in range(draw(st.integers(0, 2))))
            code = draw(st.sampled_from(["service.refused", "service.timeout"]))
            more += f", catch: [{{on: {{code: {code}}}, do: [{handlers}]}}]"
        known.append(name)
        return call(name, more)

    def entry(depth: int) -> str:
        kind = draw(st.integers(0, 5)) if depth < 3 else 0
        if kind == 4:
            members = ", ".join(entry(depth + 1) for _ in range(draw(st.integers(1, 3))))
            join = draw(st.sampled_from(["all", "all", "any"]))
            return f"{{parallel: [{members}], join: {join}, losers: {draw(st.sampled_from(['cancel', 'let-run']))}}}"
        if kind == 5:
            name = f"c{counter[0]}"
            counter[0] += 1
            then, other = (", ".join(entry(depth + 1) for _ in range(draw(st.integers(0, 2)))) for _ in range(2))
            truth = draw(st.sampled_from(["true", "false"]))
            return f"{{id: {name}, type: condition, config: {{if: '{truth}', then: [{then}], else: [{other}]}}}}"
        return step(depth)

    return "".join(f"  - {entry(0)}\n" for _ in range(draw(st.integers(1, 5))))


def play(plan: Plan, outcomes: dict[str, Outcome], order: Random, *, reload: bool = False) -> Progress:
    """Drive a run to its end, steps ending in the order that `order` draws. Checks the laws on the way."""
    progress = progress_of(plan)
    running: list[str] = []
    begun: list[str] = []
    undone: list[str] = []
    moment = NOW
    waiting = progress.begin(moment)
    for _ in range(10_000):
        while waiting:
            action = waiting.pop(0)
            if isinstance(action, Start):
                assert action.step not in begun or reload, "nothing starts twice"
                assert progress.stopping is None, "nothing starts once the run fails"
                begun.append(action.step)
                running.append(action.step)
            elif isinstance(action, Cancel):
                if action.step in running:
                    running.remove(action.step)
                    waiting += progress.finish(action.step, Cancelled(), moment)
            elif isinstance(action, UndoStep):
                undone.append(action.step)
                waiting += progress.undone(action.step, moment)
            elif isinstance(action, FallBack):
                waiting += progress.fell_back(moment)
        if progress.ended is not None:
            break
        assert running, f"deadlock: {states(progress)}"
        if reload and progress.stopping is None and order.random() < 0.3:
            progress = reloaded(progress)
            running, waiting = [], progress.resume(moment)
            continue
        step = running.pop(order.randrange(len(running)))
        moment += timedelta(seconds=1)
        waiting = progress.finish(step, outcomes[step], moment)
    assert progress.ended is not None, "every run ends"
    assert len(undone) == len(set(undone)), "undone at most once"
    finished = [plan.nodes[index].id for index in progress.done if isinstance(index, int)]
    assert undone == [step for step in reversed(finished) if step in undone], "undone in reverse"
    return progress


def outcome_of(step: str, failing: set[str]) -> Outcome:
    return failed() if step in failing else Completed({"of": step})


def is_ordered(plan: Plan) -> bool:
    """Whether the end depends on the outcomes alone: races and failures make it depend on who is first."""
    return all(node.wanted is None for node in plan.nodes)


UNHURRIED = [HealthCheck.too_slow, HealthCheck.large_base_example]


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=UNHURRIED,
)
@given(text=graphs(), order=st.randoms(), data=st.data())
def test_every_graph_comes_to_an_end(text: str, order: Random, data: st.DataObject) -> None:
    """Any graph, any failures, any order: it ends, nothing starts twice or after a failure, undoing is in reverse."""
    plan = plan_of(text)
    if len(plan.order) < len(plan.nodes):
        return
    steps = [node.id for node in plan.steps() if node.kind == "step"]
    failing = set(data.draw(st.lists(st.sampled_from(steps), max_size=2))) if steps else set[str]()
    outcomes = {step: outcome_of(step, failing) for step in steps}
    progress = play(plan, outcomes, order)
    if progress.ended is not None and progress.ended.status == "completed":
        assert all(run.state in SETTLED for run in progress.runs)


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=UNHURRIED,
)
@given(text=graphs(), orders=st.tuples(st.randoms(), st.randoms()))
def test_order_of_completions_does_not_matter(text: str, orders: tuple[Random, Random]) -> None:
    """The same outcomes in any order give the same states and outputs."""
    plan = plan_of(text)
    if len(plan.order) < len(plan.nodes) or not is_ordered(plan):
        return
    outcomes = {node.id: outcome_of(node.id, set()) for node in plan.steps() if node.kind == "step"}
    first, second = (play(plan, outcomes, order) for order in orders)
    assert states(first) == states(second) and first.outputs == second.outputs
    assert first.ended is not None and first.ended.status == "completed"


@settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=UNHURRIED,
)
@given(text=graphs(), orders=st.tuples(st.randoms(), st.randoms()))
def test_a_run_taken_over_ends_the_same(text: str, orders: tuple[Random, Random]) -> None:
    """State dumped and loaded at any moment goes on to the same end."""
    plan = plan_of(text)
    if len(plan.order) < len(plan.nodes) or not is_ordered(plan):
        return
    outcomes = {node.id: outcome_of(node.id, set()) for node in plan.steps() if node.kind == "step"}
    straight = play(plan, outcomes, orders[0])
    taken_over = play(plan, outcomes, orders[1], reload=True)
    assert states(straight) == states(taken_over) and straight.outputs == taken_over.outputs


def test_a_decision_stays_small_in_a_large_plan() -> None:
    """A chain of 1,000 steps touches only what each step sets free: actions stay one at a time."""
    chain = "".join(f"  - {call(f's{number}')}\n" for number in range(1000))
    progress = progress_of(plan_of(chain))
    progress.begin(NOW)
    for number in range(999):
        assert started(progress.finish(f"s{number}", Completed(number), NOW)) == [f"s{number + 1}"]
    assert [type(action) for action in progress.finish("s999", Completed(1), NOW)] == [End]
    assert progress.run_of("s500").state is State.COMPLETED


@pytest.mark.parametrize("at", ["while it is handled", "after it was handled"])
def test_what_was_caught_is_known_after_a_reload(at: str) -> None:
    """Dumped while an error is handled or after, a run goes on as without: handler first, the error readable."""
    handler = "{id: told, type: set, config: {code: '{{ e.code }}'}}"
    plan = plan_of(
        f"""
  - {call("a", f", catch: [{{on: {{code: service.refused}}, as: e, do: [{call('b')}, {handler}]}}]")}
  - {call("c")}
"""
    )
    progress = progress_of(plan)
    progress.begin(NOW)
    assert started(progress.finish("a", failed(), NOW)) == ["b"]
    if at == "after it was handled":
        assert started(progress.finish("b", Completed(), NOW)) == ["c"]
    loaded = reloaded(progress)
    if at == "while it is handled":
        assert started(loaded.resume(NOW)) == ["b"]
        assert started(loaded.finish("b", Completed(), NOW)) == ["c"]
    else:
        assert started(loaded.resume(NOW)) == ["c"]
    loaded.finish("c", Completed(), NOW)
    assert loaded.ended is not None and loaded.ended.outputs["told"] == {"code": "service.refused"}
    assert states(loaded) == {"a": "failed", "b": "completed", "told": "completed", "c": "completed"}
