"""Very many steps at one moment are done over several workflow tasks: Temporal takes a long task for a deadlock."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Handle, Runs, serve, states
from tests.waiting import until
from towpath.contracts.core.run import Cancellation

STEPS, VISITS = 4, 600
CYCLE = "".join(f"  - {{id: s{number}, type: set, config: {{v: {number}}}}}\n" for number in range(STEPS))
AGAIN = f"  - {{id: again, type: set, when: run.steps.s0.visits < {VISITS}, back_to: s0, max: 1000}}\n"
COUNTS = "outputs: {visits: '{{ run.steps.s3.visits }}'}"


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env) as serving:
        yield serving


async def kinds(handle: Handle) -> list[EventType.ValueType]:
    return [event.event_type for event in (await handle.fetch_history()).events]


async def test_a_cycle_that_takes_no_time(runs: Runs) -> None:
    """Its visits are all done, a bounded number of steps in each task."""
    handle = await runs.start(CYCLE + AGAIN, more=COUNTS)
    assert (await handle.result()).outputs == {"visits": VISITS}
    found = await kinds(handle)
    assert EventType.EVENT_TYPE_TIMER_STARTED in found
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in found


async def test_what_comes_meanwhile_is_heard(runs: Runs) -> None:
    """A run that is cancelled in the middle ends, and what runs beside the cycle is finished."""
    beside = "  - {id: nap, type: wait, needs: [], config: {for: 9d}}\n"
    handle = await runs.start(CYCLE + AGAIN + beside, skipping=False)
    await until(lambda: states(handle), lambda found: found["nap"] == "running")
    await handle.cancel(reason=Cancellation.of("kim", "enough").in_words)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await states(handle))["nap"] == "cancelled"


async def test_a_short_run_takes_one_task(runs: Runs) -> None:
    """Without very many steps there is no timer: histories are what they were."""
    handle = await runs.start(CYCLE)
    await handle.result()
    assert EventType.EVENT_TYPE_TIMER_STARTED not in await kinds(handle)
