"""Groups with `join` as a value: over all outcomes in all orders, exactly as many members win as the group asks for."""

from itertools import permutations, product

import pytest

from tests.unit.engine.test_progress import NOW, call, failed, plan_of, progress_of, started, states
from towpath.engine.run.actions import Action, Cancel, Cancelled, Completed, Outcome
from towpath.engine.run.evaluation import RunFacts
from towpath.engine.scheduling.progress import Progress

OUTCOMES: dict[str, tuple[str, Outcome]] = {
    "completed": ("", Completed({"v": 1})),
    "failed": ("", failed()),
    "failed, goes on": (", on_error: continue", failed()),
    "cancelled": ("", Cancelled()),
}


def won(progress: Progress) -> object:
    return progress.outputs.get("race")


@pytest.mark.parametrize("losers", ["cancel", "let-run"])
@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_exactly_as_many_win_as_are_asked_for(wanted: int, losers: str) -> None:
    """Whatever becomes of three members, in whatever order it is told: the first successes win, and nobody else."""
    for kinds in product(OUTCOMES, repeat=3):
        members = ", ".join(call(f"m{number}", OUTCOMES[kind][0]) for number, kind in enumerate(kinds))
        head = f"  - {{id: race, parallel: [{members}], join: {{count: {wanted}}}, losers: {losers}}}\n"
        plan = plan_of(head + f"  - {call('after')}")
        for order in permutations(range(3)):
            progress, actions = progress_of(plan), list[Action]()
            progress.begin(NOW)
            for number in order:
                # Also what was to be cancelled has ended by itself: all is told at one moment.
                actions += progress.finish(f"m{number}", OUTCOMES[kinds[number]][1], NOW)
            best = [number for number in order if kinds[number] == "completed"][:wanted]
            is_won = len(best) == wanted
            assert won(progress) == ({"completed": [f"m{number}" for number in sorted(best)]} if is_won else None)
            # Short of winners without a failure, the group is skipped, and the list goes on.
            goes_on = is_won or not any(kind.startswith("failed") for kind in kinds)
            assert started(actions).count("after") == int(goes_on)
            assert any(isinstance(action, Cancel) for action in actions) <= (is_won and losers == "cancel")


def test_members_that_take_no_time_do_not_all_win() -> None:
    """Of three sets only the first wins; the others never begin."""
    members = ", ".join(f"{{id: m{number}, type: set, config: {{v: {number}}}}}" for number in range(3))
    plan = plan_of(f"  - {{id: race, parallel: [{members}, {call('slow')}], join: any}}\n  - {call('after')}")
    progress = progress_of(plan)
    assert started(progress.begin(NOW)) == ["after"]
    assert won(progress) == {"completed": ["m0"]}
    assert states(progress) | {"m0": "completed", "m1": "cancelled", "slow": "cancelled"} == states(progress)


INSIDE = """
  - id: race
    join: any
    parallel:
      - id: choice
        type: condition
        config: {if: "1 > 0", then: [%s, {parallel: [%s, %s]}, %s]}
      - %s
  - %s
"""


@pytest.mark.parametrize("first", ["other", "deep"])
def test_a_failure_deep_inside_a_member_is_the_members(first: str) -> None:
    """The member fails with all that is in it, and the other one wins, whichever of the two is told first."""
    plan = plan_of(INSIDE % tuple(map(call, ("begins", "deep", "beside", "never", "other", "after"))))
    progress = progress_of(plan)
    progress.begin(NOW)
    progress.finish("begins", Completed(), NOW)
    outcomes: dict[str, Outcome] = {"deep": failed(), "other": Completed()}
    actions = [*progress.finish(first, outcomes.pop(first), NOW)]
    for step, outcome in outcomes.items():
        actions += progress.finish(step, outcome, NOW)
    assert [action.step for action in actions if isinstance(action, Cancel) and action.step == "beside"] == ["beside"]
    assert started(actions) == ["after"] and won(progress) == {"completed": ["other"]}
    progress.finish("beside", Cancelled(), NOW)
    assert progress.stopping is None
    ended = {"deep": "failed", "choice": "failed" if first == "deep" else "completed", "never": "cancelled"}
    assert states(progress) | ended == states(progress)
    progress.finish("after", Completed(), NOW)
    assert progress.ended is not None and progress.ended.status == "completed"


def test_a_run_from_before_keeps_its_meaning() -> None:
    """A run that was started with version 2 of the language counts as it did then."""
    plan = plan_of("  - {id: race, parallel: [{id: a, type: set}, {id: b, type: set}], join: any}")
    progress = Progress(plan, RunFacts("tried/1", NOW, language=2), {}, {}, lambda: "u")
    progress.begin(NOW)
    assert won(progress) == {"completed": ["a", "b"]}
