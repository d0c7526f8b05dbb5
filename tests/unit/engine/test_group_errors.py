"""`catch` of a group as a value: an error anywhere in it, that nobody inside handled, over all orders of ending."""

from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.timeskip.trial_samples import KINDS, sample_of
from tests.unit.definitions.test_diagnostics import check
from tests.unit.engine.test_progress import NOW, call, failed, plan_of, progress_of, reloaded, started, states
from towpath.contracts.core.failure import FailureCode
from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.language.graph import text_graph
from towpath.engine.language.plan import Plan
from towpath.engine.run.actions import SETTLED, Action, Cancel, Cancelled, Completed, Outcome

TELL = "{id: tell, type: set, config: {of: '{{ why.code }}', a: \"{{ steps.a ?? 'none' }}\"}}"


def group(members: str, more: str = "", do: str = TELL, on: str = "") -> Plan:
    catch = f"[{{{on}as: why, do: [{do}]}}]"
    return plan_of(f"  - {{id: group, parallel: [{members}], catch: {catch}{more}}}\n  - {call('after')}")


def test_what_runs_is_let_finish_and_then_the_error_is_handled() -> None:
    """Nothing new starts in the group; once all of it has settled its handler runs, and then what follows."""
    members = f"{call('a')}, {call('bad')}, {call('next', ', needs: [a]')}"
    progress = progress_of(group(members, do=call("tell")))
    assert started(progress.begin(NOW)) == ["a", "bad"]
    assert progress.finish("bad", failed(), NOW) == []
    assert states(progress) | {"next": "cancelled", "group": "pending"} == states(progress)
    assert started(progress.finish("a", Completed(1), NOW)) == ["tell"]
    assert states(progress) | {"group": "failed", "a": "completed"} == states(progress)
    assert started(progress.finish("tell", Completed(1), NOW)) == ["after"]
    progress.finish("after", Completed(1), NOW)
    assert progress.ended is not None and progress.ended.status == "completed"
    assert "group" not in progress.outputs


def test_on_error_cancel_ends_the_siblings() -> None:
    """With `on_error: cancel` what runs is cancelled; who waits for people or time is in either case."""
    members = f"{call('a')}, {call('bad')}, {{id: nap, type: wait, config: {{for: 1h}}}}"
    for more, cancelled in (("", ["nap"]), (", on_error: cancel", ["nap", "a"])):
        progress = progress_of(group(members, more))
        progress.begin(NOW)
        actions = progress.finish("bad", failed(), NOW)
        assert sorted({action.step for action in actions if isinstance(action, Cancel)}) == sorted(cancelled)
        progress.finish("nap", Cancelled(), NOW)
        assert started(progress.finish("a", Cancelled(), NOW)) == ["after"]
        assert progress.outputs["tell"] == {"of": "service.refused", "a": "none"}


@pytest.mark.parametrize("outer", [False, True])
def test_what_each_done_gave_is_told_once(outer: bool) -> None:
    """A group that cancels its members and handles the error closes once, with what was done for each of them."""
    inner = f"parallel: [{call('a')}, {call('b')}], each_done: [{call('probe')}], on_error: cancel"
    catch = f"catch: [{{as: why, do: [{TELL}]}}]"
    given = (
        f"{{id: outer, parallel: [{{id: group, {inner}}}], {catch}}}" if outer else f"{{id: group, {inner}, {catch}}}"
    )
    progress = progress_of(plan_of(f"  - {given}\n  - {call('after')}"))
    progress.begin(NOW)
    assert started(progress.finish("a", Completed(1), NOW)) == ["probe[0]"]
    progress.finish("probe[0]", failed(), NOW)
    assert started(progress.finish("b", Cancelled(), NOW)) == ["after"] and progress.ended is None
    assert progress.outputs["probe"] == {"runs": [None, None]}
    progress.finish("after", Completed(1), NOW)
    assert progress.ended is not None and progress.ended.status == "completed"


DEEP = f"""{call("a")}, {{parallel: [{call("b")}, {{id: c, type: condition, config: {{if: "1 > 0", then: [
  {call("bad")}, {call("never")}]}}}}]}}"""


@pytest.mark.parametrize("order", list(permutations(["a", "b", "bad"])), ids="-".join)
def test_an_error_deep_inside_in_any_order(order: tuple[str, ...]) -> None:
    """What is around the step fails with it, and the handler runs once, whoever ends when."""
    progress, actions = progress_of(group(DEEP, do=call("tell"))), list[Action]()
    progress.begin(NOW)
    for step in order:
        actions = progress.finish(step, failed() if step == "bad" else Completed(1), NOW)
    assert started(actions) == ["tell"]
    found = states(progress)
    assert found | {"a": "completed", "b": "completed", "bad": "failed", "never": "cancelled", "c": "failed"} == found
    assert started(progress.finish("tell", Completed(1), NOW)) == ["after"]


def test_who_is_nearest_handles_it() -> None:
    """A catch of the step comes first, then the innermost group whose `on` fits; a handler's own error is not its
    group's.
    """
    inner = f"{{id: inner, parallel: [{call('bad')}], catch: [{{on: {{code: step.timeout}}, do: [{call('timed')}]}}]}}"
    progress = progress_of(group(inner, do=call("tell")))
    progress.begin(NOW)
    assert started(progress.finish("bad", failed(FailureCode.STEP_TIMEOUT), NOW)) == ["timed"]
    assert started(progress.finish("timed", failed(), NOW)) == ["tell"]
    progress.finish("tell", failed(), NOW)
    assert progress.ended is not None and (progress.ended.status, progress.ended.step) == ("failed", "tell")
    progress = progress_of(group(inner, do=call("tell")))
    progress.begin(NOW)
    assert started(progress.finish("bad", failed(), NOW)) == ["tell"]
    assert states(progress) | {"inner": "failed", "timed": "skipped"} == states(progress)


def test_what_does_not_fit_fails_the_run() -> None:
    """An error that no entry wants is the run's; without one the handlers are skipped."""
    progress = progress_of(group(call("a"), on="on: {status: 404}, "))
    progress.begin(NOW)
    progress.finish("a", failed(), NOW)
    assert progress.ended is not None and progress.ended.status == "failed"
    progress = progress_of(group(call("a")))
    progress.begin(NOW)
    assert started(progress.finish("a", Completed(), NOW)) == ["after"]
    assert states(progress)["tell"] == "skipped" and progress.outputs["group"] == {"completed": ["a"]}


def test_a_race_that_nobody_wins_is_an_error_of_the_group() -> None:
    """A member of a race loses as ever; that too few are left is what the group catches."""
    progress = progress_of(group(f"{call('a')}, {call('b')}", ", join: any"))
    progress.begin(NOW)
    assert progress.finish("a", failed(), NOW) == []
    assert started(progress.finish("b", failed(), NOW)) == ["after"]
    assert progress.outputs["tell"] == {"of": "step.join", "a": "none"}


def test_in_a_copy_the_error_is_the_copys() -> None:
    """A group inside each_done catches for each member by itself."""
    tell = TELL.replace("steps.a ??", "branch.id ??")
    risky = f"{{id: g, parallel: [{call('bad')}], catch: [{{as: why, do: [{tell}]}}]}}"
    progress = progress_of(plan_of(f"  - {{parallel: [{call('x')}, {call('y')}], each_done: [{risky}]}}"))
    progress.begin(NOW)
    for step in ("x", "y"):
        progress.finish(step, Completed(1), NOW)
    progress.finish("bad[1]", failed(FailureCode.STEP_TIMEOUT), NOW)
    progress.finish("bad[0]", failed(), NOW)
    told = [{"of": "service.refused", "a": "x"}, {"of": "step.timeout", "a": "y"}]
    assert progress.outputs["tell"] == {"runs": told}
    assert progress.ended is not None and progress.ended.status == "completed"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if sample_of(kind).refused or kind == "raise"])
def test_an_error_of_every_type_is_caught(kind: str) -> None:
    """Every step type of the registry that can fail may fail inside."""
    bad = {"id": "bad", "type": kind, "config": sample_of(kind).config}
    tell = {"id": "tell", "type": "set", "config": {"code": "{{ why.code }}"}}
    steps = [{"id": "g", "parallel": [bad, {"id": "b", "type": "set"}], "catch": [{"as": "why", "do": [tell]}]}]
    document: dict[str, Any] = {"id": "tried", "version": "1.0.0", "steps": steps}
    progress = progress_of(load_plan(digest(document), document))
    for step in started(progress.begin(NOW)):
        progress.finish(step, failed(), NOW)
    code = "step.raised" if kind == "raise" else "service.refused"
    assert progress.outputs["tell"] == {"code": code}
    assert progress.ended is not None and progress.ended.status == "completed"


@st.composite
def catching(draw: st.DrawFn) -> str:
    """Groups with and without catch in one another, in branches, in handlers, in what follows members, and races."""
    names = iter(range(1_000))

    def entry(depth: int) -> str:
        kind, name = draw(st.integers(0, 5)) if depth < 3 else 0, f"s{next(names)}"
        if kind == 5:
            return f"{{id: {name}, type: condition, config: {{if: '1 > 0', then: [{listed(depth)}]}}}}"
        if kind >= 3:
            extras = [
                "",
                ", join: any",
                ", on_error: cancel",
                ", max_concurrency: 1",
                f", each_done: [{listed(depth)}]",
            ]
            catch = f", catch: [{{do: [{listed(depth)}]}}]" if draw(st.booleans()) else ""
            return f"{{id: {name}, parallel: [{listed(depth)}]{catch}{draw(st.sampled_from(extras))}}}"
        if kind == 2:
            return f"{{id: {name}, type: wait, config: {{for: 1h}}}}"
        catch = f", catch: [{{do: [{listed(depth)}]}}]" if kind == 1 else ""
        return call(name, draw(st.sampled_from(["", "", ", on_error: continue", catch])))

    def listed(depth: int) -> str:
        return ", ".join(entry(depth + 1) for _ in range(draw(st.integers(1, 3))))

    return f"  - {{id: top, parallel: [{listed(1)}], catch: [{{do: [{call('handled')}]}}]}}\n  - {call('after')}\n"


@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=catching(), order=st.randoms(), reload=st.booleans())
def test_every_run_goes_on_after_the_group(text: str, order: Random, reload: bool) -> None:
    """Any groups, any outcomes in any order, dumped and loaded between: the outermost catches whatever is left."""
    plan = plan_of(text)
    progress, running = progress_of(plan), list[str]()
    actions: list[Action] = progress.begin(NOW)
    while progress.ended is None:
        running += started(actions)
        assert running, states(progress)
        if "after" in running:
            assert {progress.run_of("top").state} <= SETTLED and progress.run_of("handled").state in SETTLED
        if reload and order.random() < 0.2:
            progress = reloaded(progress)
            running, actions = [], progress.resume(NOW)
            continue
        outcomes: list[Outcome] = [Completed(), failed(), failed(), Cancelled()]
        step = running.pop(order.randrange(len(running)))
        actions = progress.finish(step, Completed() if step in {"after", "handled"} else order.choice(outcomes), NOW)
    assert progress.ended.status == "completed", progress.ended
    assert {run.state for run in progress.runs} <= SETTLED


def test_the_plan_and_the_checks_know_handlers() -> None:
    """The picture shows what is done; outside, a member of the group may lack its output, and `check` says so."""
    assert text_graph(group(call("a")))[1:6] == [
        "  group",
        "    a (api)",
        "    catch-1:",
        "      tell (set) after group",
        "  after (api) after group",
    ]
    head = 'id: tried\nversion: "1.0.0"\nsteps:\n'
    members = "[{id: a, type: set, config: {v: 1}}, {id: b, type: set, needs: [a], config: {v: '{{ steps.a.v }}'}}]"
    tell = "{id: t, type: set, config: {v: '%s'}}"
    good = f"{head}  - {{id: g, parallel: {members}, catch: [{{as: why, do: [{tell}]}}]}}\n"
    assert check(good % "{{ why.code }} {{ steps.a?.v ?? 0 }}").diagnostics == ()
    read = "  - {id: c, type: set, config: {v: '{{ steps.a.v }} {{ why.code }}'}}"
    codes = {problem.code for problem in check(good % "{{ steps.a.v }}" + read).diagnostics}
    assert codes == {"read.maybe-skipped", "read.unknown"}
    twice = good % "x" + "  - {id: r, type: raise, catch: [{as: why}]}"
    assert [problem.code for problem in check(twice).diagnostics] == ["catch.name"]
