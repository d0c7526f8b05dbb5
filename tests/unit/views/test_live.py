"""The live view of runs where there is no terminal."""

import io
from datetime import UTC, datetime

from rich.console import Console

from towpath.contracts.core.run import RunRecord, StepRecord, StepState
from towpath.views.live import SHOWN, RunView, WatchedRun, explain, legend, panel


def record(**states: StepState) -> RunRecord:
    steps = tuple(StepRecord(step=name, title=name.capitalize(), state=state) for name, state in states.items())
    return RunRecord(
        process="p",
        workflow_id="p/1",
        run_id="r",
        status="running",
        started_at=datetime(2027, 1, 1, tzinfo=UTC),
        steps=steps,
    )


def lines_of(*records: RunRecord, brief: bool) -> list[str]:
    """What is printed for these looks, with a remark after the first."""
    console = Console(file=io.StringIO(), width=40)
    watched = WatchedRun("1 run")
    with RunView(console, [watched], brief=brief) as view:
        for number, seen in enumerate(records):
            watched.record = seen
            view.refresh()
            if number == 0:
                view.remark(watched, "somebody looks")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


FIRST = record(one=StepState.COMPLETED, two=StepState.RUNNING, three=StepState.PENDING, four=StepState.PENDING)
SECOND = record(one=StepState.UNDONE, two=StepState.COMPLETED, three=StepState.FAILED, four=StepState.SKIPPED)


def test_a_brief_view_has_a_line_for_what_ended() -> None:
    """Before a remark comes what was done until then; what failed comes before what was undone for it."""
    assert lines_of(FIRST, SECOND, brief=True) == [
        "[1 run] ✓ One",
        "[1 run] somebody looks",
        "[1 run] ✓ Two",
        "[1 run] ✗ Three",
        "[1 run] ↩ One",
    ]


def test_completed_steps_share_a_line() -> None:
    """All that ended since the last line, in the order of the run."""
    done = record(one=StepState.COMPLETED, two=StepState.COMPLETED, three=StepState.COMPLETED)
    assert lines_of(record(), done, brief=True) == ["[1 run] somebody looks", "[1 run] ✓ One; Two; Three"]


def test_a_full_view_has_a_line_for_each_change() -> None:
    """Whoever watches one run sees what is under way, too."""
    assert lines_of(FIRST, SECOND, brief=False) == [
        "[1 run] ✓ One",
        "[1 run] ▶ Two",
        "[1 run] somebody looks",
        "[1 run] ↩ One",
        "[1 run] ✓ Two",
        "[1 run] ✗ Three",
        "[1 run] – Four",
    ]


def test_signs_are_explained_where_they_are_used() -> None:
    """Every state has a sign and a meaning; a panel explains those that it shows."""
    assert set(SHOWN) == set(StepState)
    assert legend({StepState.FAILED, StepState.COMPLETED}) == "✓ done  ✗ failed"
    console = Console(file=io.StringIO(), width=60)
    console.print(panel(WatchedRun("1 run", FIRST)))
    assert isinstance(console.file, io.StringIO)
    assert "· to come  ▶ under way  ✓ done" in console.file.getvalue()


def test_a_step_in_a_cycle_says_which_visit_it_is_in() -> None:
    """Beside its note; in its first visit a step looks like any other."""
    told = [explain(StepRecord(step="draft", title="Draft", note="kept", visit=visit)) for visit in (1, 3)]
    assert told == ["kept", "visit 3, kept"]
