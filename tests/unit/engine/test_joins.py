"""What a step with `needs` does once they have settled: for all ends of them, ways to survive these, and joins."""

from itertools import permutations, product

import pytest

from tests.unit.engine.test_progress import NOW, call, failed, plan_of, progress_of, reloaded, started, states
from towpath.engine.language.plan import Plan
from towpath.engine.run.actions import Action, Cancelled, Completed, Outcome
from towpath.engine.run.evaluation import RunFacts
from towpath.engine.scheduling.progress import Progress

ENDS: dict[str, Outcome] = {"completed": Completed({"v": 1}), "failed": failed(), "cancelled": Cancelled()}
HANDLED = {"goes on": call("NEED", ", on_error: continue"), "caught": call("NEED", ", catch: [{do: []}]")}
"""Ways to survive the failure of a need after which it is as good as completed: the step itself says what follows."""
RIVAL = f"{call('NEED-rival')}], join: any, losers: let-run"
LOST = {
    "lost in a race": f"{{parallel: [{call('NEED')}, {RIVAL}}}",
    "lost deep inside": f"{{parallel: [{{parallel: [{call('NEED')}]}}, {RIVAL}}}",
    "caught by its group": f"{{parallel: [{call('NEED')}], catch: [{{do: []}}]}}",
    "caught further out": f"{{parallel: [{{parallel: [{call('NEED')}]}}], catch: [{{do: []}}]}}",
}
PLACES = HANDLED | LOST


def plan_with(places: tuple[str, ...], join: str) -> Plan:
    needs = [f"n{number}" for number in range(len(places))]
    members = [PLACES[place].replace("NEED", need) for place, need in zip(places, needs, strict=True)]
    following = call("next", f", needs: [{', '.join(needs)}], join: {join}")
    return plan_of(f"  - parallel: [{', '.join([*members, following])}]\n  - {call('after')}")


def begun(progress: Progress) -> list[Action]:
    """All rivals win their race at once, so that what is lost in it is lost and the run goes on."""
    actions = progress.begin(NOW)
    for rival in [step for step in started(actions) if step.endswith("-rival")]:
        actions += progress.finish(rival, Completed(), NOW)
    return actions


def starts(places: tuple[str, ...], ends: tuple[str, ...], join: str) -> bool:
    """As docs/definitions.md has it."""
    good = [end == "completed" or (end == "failed" and at in HANDLED) for at, end in zip(places, ends, strict=True)]
    if join != "all":
        return sum(good) >= (1 if join == "any" else 2)
    return any(good) and not any(end == "failed" and at in LOST for at, end in zip(places, ends, strict=True))


@pytest.mark.parametrize("join", ["all", "any", "{count: 2}"])
@pytest.mark.parametrize("places", list(product(PLACES, repeat=2)), ids=" and ".join)
def test_no_step_runs_on_a_failure_that_nobody_handled_for_it(places: tuple[str, ...], join: str) -> None:
    """With `join: all` none of the needs failed and one at least was completed; else enough were. In any order."""
    for ends, order, is_reloaded in product(product(ENDS, repeat=2), permutations(range(2)), (False, True)):
        progress = progress_of(plan_with(places, join))
        actions = begun(progress)
        for number in order:
            actions += progress.finish(f"n{number}", ENDS[ends[number]], NOW)
            if is_reloaded:
                progress = reloaded(progress)
                actions += progress.resume(NOW)
        expected = starts(places, ends, join)
        assert ("next" in started(actions)) is expected, (ends, order, states(progress))
        if not expected:
            assert states(progress)["next"] == "skipped" and "after" in started(actions)


def test_the_note_names_what_failed() -> None:
    """A step that is skipped says why: which need failed, or that none was completed."""
    for ends, note in (
        (("failed", "completed"), "n0 failed"),
        (("cancelled",) * 2, "nothing that it needs was completed"),
    ):
        progress = progress_of(plan_with(("caught by its group",) * 2, "all"))
        begun(progress)
        for number, end in enumerate(ends):
            progress.finish(f"n{number}", ENDS[end], NOW)
        assert progress.run_of("next").note == note


def test_a_run_from_before_starts_as_it_did() -> None:
    """A run that began with version 3 of the language starts a step once any of its needs was completed."""
    progress = Progress(
        plan_with(("caught by its group",) * 2, "all"), RunFacts("tried/1", NOW, language=3), {}, {}, str
    )
    begun(progress)
    progress.finish("n0", failed(), NOW)
    assert "next" in started(progress.finish("n1", Completed(), NOW))
