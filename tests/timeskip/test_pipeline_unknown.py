"""Loads whose answers are lost: the letter names them, and a redrive asks the ledger instead of loading twice."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError

from tests.timeskip.pipeline import Pipelines, failure_of, step_of
from tests.waiting import WAIT_SECONDS
from towpath.contracts.core.failure import FailureCode, PipelineError
from towpath.contracts.pipeline.pipeline import PipelineOutcome

COLUMNS = "id price updated_at"
ROWS = (("1", "1.00", "2026-11-01 00:00:00"), ("2", "2.00", "2026-11-01 00:00:00"))
LOST = PipelineError(FailureCode.PIPELINE_DESTINATION_UNAVAILABLE, "the connection was lost", final=True)
REFUSED = PipelineError(FailureCode.PIPELINE_DESTINATION_REFUSED, "no such table")


@pytest.mark.parametrize(
    ("error", "lost", "stays"), [(LOST, True, ("load/lake",)), (REFUSED, False, ())], ids=["lost", "refused"]
)
async def test_load_in_doubt_is_told_and_not_done_twice(
    pipelines: Pipelines, error: PipelineError, lost: bool, stays: tuple[str, ...]
) -> None:
    """The rows are in and the answer is lost: the letter says that they may be; redriven, they are not loaded again."""
    pipelines.write(COLUMNS, *ROWS)
    pipelines.world.house.faults["load_part"] = [error]
    pipelines.world.lost = {"load_part"} if lost else set()
    config = pipelines.config()
    letter, again = await failure_of(await pipelines.start(config))
    assert letter.not_undone == stays and len(pipelines.loaded()) == (len(ROWS) if lost else 0)
    (text,) = [notice.text for notice in pipelines.world.house.asked("notify_team")]
    assert ("Rows are in, or may be: load/lake" in text) is lost
    result = await (await pipelines.begin(again)).result()
    assert result.outcome is PipelineOutcome.LOADED and len(pipelines.loaded()) == len(ROWS)
    assert result.loads[0].state == ("skipped" if lost else "loaded")


async def test_cancelled_load_is_told(pipelines: Pipelines) -> None:
    """A run that is cancelled while it loads shows no step as running, and says that rows may be in."""
    pipelines.write(COLUMNS, *ROWS)
    pipelines.world.hold("load_part")
    handle = await pipelines.start(pipelines.config(), skipping=False)
    await asyncio.wait_for(pipelines.world.entered["load_part"].wait(), WAIT_SECONDS)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    found = await step_of(handle, "load/lake")
    assert found.state == "cancelled" and found.note.startswith("perhaps loaded")
