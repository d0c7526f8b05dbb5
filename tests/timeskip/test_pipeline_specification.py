"""The specification of a run: proposed, tried, approved, frozen by both schemas, and used until one of them drifts."""

from typing import Any

from tests.fakes.pipeline import proposed
from tests.integration.pipelines import OPERATIONS, TARGET
from tests.timeskip.pipeline import Pipelines, decide, failure_of, step_of, task_of, view_of
from towpath.contracts.core.failure import ClaudeError, FailureCode
from towpath.contracts.core.review import Verdict
from towpath.contracts.core.run import StepState
from towpath.contracts.pipeline.pipeline import PipelineOutcome

PROPOSE: dict[str, Any] = {"propose": True, "approval": "none"}
ASK: dict[str, Any] = {"propose": True, "approval": "required"}
COLUMNS = "id price updated_at"
ROWS = (("1", "1.50", "2026-11-01 00:00:00"), ("2", "2.50", "2026-11-01 00:00:00"))
PRICES = [(1, "1.50"), (2, "2.50")]
SHOWN = "id, CAST(price AS VARCHAR)"
DOTTED = {**OPERATIONS[1], "formats": ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y"]}
GOOD = proposed(*OPERATIONS)
UNCAST = proposed(*OPERATIONS[:3])
"""It leaves the price a text."""
COLOUR = {"name": "colour", "type": "text"}


def given(pipelines: Pipelines) -> list[dict[str, Any]]:
    """What Claude was asked from, question by question."""
    return [request.input for request in pipelines.world.asked()]


async def test_problems_go_back_until_it_is_right(pipelines: Pipelines) -> None:
    """What is wrong with arguments, schemas or rows comes back with its place: a rare second format of dates, too."""
    days = [(str(number), "1.00", "2026-11-01 00:00:00") for number in range(38)]
    pipelines.write(COLUMNS, *days, ("38", "1.00", "02.11.2026"), ("39", "1.00", "03.11.2026"))
    broken = proposed({"op": "cast", "column": "id"})
    mended = proposed(OPERATIONS[0], DOTTED, *OPERATIONS[2:])
    pipelines.world.house.answers["propose-transformation"] = [broken, UNCAST, GOOD, mended]
    result = await pipelines.ended(pipelines.config(transformation=PROPOSE))

    found = [[(problem["place"], problem["code"]) for problem in one["problems"]] for one in given(pipelines)]
    assert found[:2] == [[], [("operations.0.to", "argument")]]
    assert found[2:] == [[("target.price", "type")], [("operations.1", "unread_format")]]
    assert [one["previous"] for one in given(pipelines)] == ["", broken, UNCAST, GOOD]
    assert result.quarantine == ()
    assert len(pipelines.loaded()) == 40


async def test_what_stays_wrong_fails_the_run(pipelines: Pipelines) -> None:
    """One proposal and three repairs; then the run waits in the queue with the problems, and nothing is loaded."""
    pipelines.write(COLUMNS, *ROWS)
    pipelines.world.house.answers["propose-transformation"] = [UNCAST] * 5
    letter, _ = await pipelines.failed(pipelines.config(transformation=PROPOSE))

    assert (letter.step, letter.failure.code) == ("specification", FailureCode.PIPELINE_SPECIFICATION)
    assert "target.price: price is text" in letter.failure.message
    assert len(pipelines.world.asked()) == 4
    assert pipelines.loaded() == []


async def test_it_is_used_until_a_schema_drifts(pipelines: Pipelines) -> None:
    """Claude is asked once for the same schemas, again for another source or target, and not for one it had before."""
    pipelines.write(COLUMNS, *ROWS)
    config = pipelines.config(transformation=PROPOSE)
    first, second = await pipelines.ended(config), await pipelines.ended(config)
    assert len(pipelines.world.asked()) == 1
    assert first.specification == second.specification

    pipelines.write(f"{COLUMNS} colour", *((*row[:2], "2026-11-02 00:00:00", "red") for row in ROWS))
    drifted = await pipelines.ended(config)
    assert len(pipelines.world.asked()) == 2
    pipelines.write(f"{COLUMNS} colour", *((*row[:2], "2026-11-03 00:00:00", "red") for row in ROWS))
    wider = pipelines.config(transformation=PROPOSE, target={**TARGET, "columns": [*TARGET["columns"], COLOUR]})
    widened = await pipelines.ended(wider)
    assert len(pipelines.world.asked()) == 3
    assert pipelines.loaded("id, colour") == [(1, "red"), (2, "red")]

    pipelines.write(COLUMNS, *ROWS)
    assert (await pipelines.ended(config)).specification == first.specification
    assert len(pipelines.world.asked()) == 3
    digests = {one.specification.digest for one in (first, drifted, widened) if one.specification is not None}
    assert len(digests) == 3


async def test_a_person_approves_it_once(pipelines: Pipelines) -> None:
    """The task says who proposed it, and the run shows what it does to rows; later runs ask nobody."""
    pipelines.write(COLUMNS, *ROWS)
    config = pipelines.config(transformation=ASK)
    handle = await pipelines.start(config, skipping=False)
    task = await task_of(handle)
    tried = (await view_of(handle)).back_test
    assert pipelines.loaded() == []
    await decide(handle)
    result = await handle.result()
    again = await pipelines.ended(config)

    assert "offline-stand-in, which is no model of Claude's" in task.reasons[0]
    assert tried is not None
    assert tried.sample[0].before == {"id": "1", "price": "1.50", "updated_at": "2026-11-01 00:00:00"}
    assert tried.sample[0].after == {"id": 1, "price": 1.5, "updated_at": "2026-11-01 00:00:00"}
    assert result.specification is not None
    assert result.specification.approved_by == "dana"
    assert result.specification == again.specification
    assert len(pipelines.world.asked()) == 1
    assert pipelines.loaded(SHOWN) == PRICES


async def test_an_answer_that_is_not_claudes_is_labelled(pipelines: Pipelines) -> None:
    """Result and report name the stand-in, also in the run that uses a frozen one again. Claude's has no label."""
    pipelines.write(COLUMNS, *ROWS)
    results = [await pipelines.ended(pipelines.config(transformation=PROPOSE)) for _ in range(2)]
    pipelines.world.house.answers["propose-transformation"] = [GOOD]
    claudes = await pipelines.ended(pipelines.config(transformation=PROPOSE, id=f"{pipelines.id}-claude"))

    for result in results:
        assert result.specification is not None
        assert result.specification.provenance is not None
        assert result.specification.provenance.model == "offline-stand-in"
        assert [note for note in result.notes if "no model of Claude's" in note]
        assert "no model of Claude&#39;s" in pipelines.page(result)
    assert claudes.notes == ()


async def test_a_rejected_one_is_not_frozen(pipelines: Pipelines) -> None:
    """Nothing is loaded, and the next run asks Claude and people anew."""
    pipelines.write(COLUMNS, *ROWS)
    config = pipelines.config(transformation=ASK)
    handle = await pipelines.start(config, skipping=False)
    await decide(handle, Verdict.REJECT)
    result = await handle.result()
    again = await pipelines.start(config, skipping=False)
    await decide(again)

    assert (result.outcome, result.specification) == (PipelineOutcome.REJECTED, None)
    assert (await again.result()).outcome is PipelineOutcome.LOADED
    assert len(pipelines.world.asked()) == 2


async def test_nobody_approves(pipelines: Pipelines) -> None:
    """The team is reminded, the leads are told, and at the deadline the run expires with nothing loaded."""
    pipelines.write(COLUMNS, *ROWS)
    result = await pipelines.ended(pipelines.config(transformation=ASK))

    assert result.outcome is PipelineOutcome.EXPIRED
    assert pipelines.loaded() == []
    assert pipelines.world.notices() == [
        "Decision needed",
        "Reminder",
        "Escalated",
        "Decided",
    ]
    assert {notice.team for notice in pipelines.world.house.asked("notify_team")} == {"data-team", "data-leads"}


async def test_a_spent_budget_ends_the_asking(pipelines: Pipelines) -> None:
    """The repair that the budget does not cover is not asked for."""
    pipelines.write(COLUMNS, *ROWS)
    pipelines.world.house.answers["propose-transformation"] = [UNCAST, GOOD]
    letter, _ = await pipelines.failed(pipelines.config(transformation=PROPOSE, budget={"usd": "1", "tokens": 1200}))

    assert (letter.step, letter.failure.code) == ("specification", FailureCode.BUDGET_EXCEEDED)
    assert len(pipelines.world.asked()) == 1
    assert letter.cost.calls == 1


async def test_claude_is_down(pipelines: Pipelines) -> None:
    """The run waits in the queue; the redrive asks Claude and reads no source again."""
    pipelines.write(COLUMNS, *ROWS)
    pipelines.world.house.faults["ask"] = [ClaudeError(FailureCode.CLAUDE_OVERLOADED, "no") for _ in range(8)]
    letter, again = await pipelines.failed(pipelines.config(transformation=PROPOSE))
    result = await (await pipelines.begin(again.model_copy(update={"redrive_of": "before"}))).result()

    assert (letter.step, letter.failure.code) == ("specification", FailureCode.CLAUDE_OVERLOADED)
    assert result.outcome is PipelineOutcome.LOADED
    assert len(pipelines.world.done("extract_partition")) == 1


async def test_a_written_one_that_does_not_fit_fails(pipelines: Pipelines) -> None:
    """Its problems are told with their places; Claude is not asked, and no row is transformed."""
    pipelines.write(COLUMNS, *ROWS)
    written = {"source": "items", "operations": OPERATIONS[:3]}
    handle = await pipelines.start(pipelines.config(transformation=written))
    letter, _ = await failure_of(handle)

    assert (letter.step, letter.failure.code) == ("specification", FailureCode.PIPELINE_SPECIFICATION)
    assert "target.price: price is text" in letter.failure.message
    assert pipelines.world.asked() == []
    assert (await step_of(handle, "transform")).state is StepState.PENDING


async def test_of_two_at_once_the_first_stays(pipelines: Pipelines) -> None:
    """A run whose proposal is approved after another was frozen for the same schemas uses that one, and says so."""
    pipelines.write(COLUMNS, *ROWS)
    pipelines.world.house.answers["propose-transformation"] = [proposed(*OPERATIONS, unresolved=("a",)), GOOD]
    slow = await pipelines.start(pipelines.config(transformation=ASK), skipping=False)
    await task_of(slow)
    trimmed = {"op": "normalise", "column": "price", "steps": ["trim"]}
    pipelines.world.house.answers["propose-transformation"] = [proposed(*OPERATIONS[:3], trimmed, OPERATIONS[3])]
    quick = await (await pipelines.start(pipelines.config(transformation=PROPOSE), name=f"{pipelines.id}-b")).result()
    await decide(slow)
    result = await slow.result()

    assert result.specification == quick.specification
    assert result.specification is not None
    assert len(result.specification.specification.operations) == 5
    assert [note for note in result.notes if "another run froze" in note]
