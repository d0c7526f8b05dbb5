"""A thousand partitions of a stage: short histories, busy slots, and a prompt end."""

import asyncio

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.partitions import STAGES, FakePlane, Handle, many_partitions, serve
from tests.waiting import WAIT_SECONDS
from towpath.contracts.core.process import ROLE
from towpath.contracts.pipeline.pipeline import PipelineOutcome
from towpath.contracts.pipeline.windows import WINDOW
from towpath.control.deadletters import find_letter, redrive
from workflows.pipeline.windows import share

CONCURRENCY, PARTITIONS = 4, 40
ONCE = {stage: list(range(1, PARTITIONS + 1)) for stage in STAGES.values()}
MOST_EVENTS, MOST_BYTES = 1_500, 512 * 1024
WARNING_EVENTS, EVENTS_OF_WINDOW = 10_240, 9
"""Temporal warns of a history of so many events, or of 10 MiB, and ends it at five times that."""


async def sizes(client: Client, handle: Handle) -> tuple[int, int]:
    """Events and bytes of the longest history among a run and its windows."""
    ids = [handle.id]
    ids += [found.id async for found in client.list_workflows(f"WorkflowId STARTS_WITH '{handle.id}/'")]
    infos = [await client.get_workflow_handle(one).describe() for one in ids]
    raw = [info.raw_description.workflow_execution_info for info in infos]
    return max(info.history_length for info in raw), max(info.history_size_bytes for info in raw)


async def test_thousand_partitions_stay_within_limits(env: WorkflowEnvironment) -> None:
    """Every partition is done once, as many at a time as the pipeline says, and no history grows long."""
    plane = FakePlane(1_000, empty=40, together=CONCURRENCY)
    async with serve(env.client, plane) as canal:
        handle = await canal.start(many_partitions(CONCURRENCY))
        result = await handle.result()
        events, size = await sizes(env.client, handle)
        parts = await env.client.count_workflows(f"WorkflowType = '{WINDOW}' AND WorkflowId STARTS_WITH '{handle.id}/'")
        helpers = await env.client.count_workflows(f"{ROLE.name} = 'helper' AND WorkflowId STARTS_WITH '{handle.id}/'")

    assert helpers.count == parts.count > 0
    assert result.outcome is PipelineOutcome.LOADED
    assert sorted(plane.done["extract"]) == list(range(1, 1_001))
    assert sorted(plane.done["load"]) == list(range(1, 40))
    assert plane.most == dict.fromkeys(STAGES.values(), CONCURRENCY)
    assert events < MOST_EVENTS and size < MOST_BYTES


@pytest.mark.parametrize("lanes", [1, 2, 8, 64])
def test_ten_thousand_partitions_make_few_windows(lanes: int) -> None:
    """Windows get smaller towards the end, so that lanes end together, and stay few."""
    left, windows = 10_000, 0
    while left:
        left, windows = left - share(left, lanes), windows + 1

    assert windows * EVENTS_OF_WINDOW < WARNING_EVENTS


@pytest.mark.parametrize(("stage", "after"), [("extract", 0), ("load", 1)])
async def test_straggler_keeps_no_slot_idle(env: WorkflowEnvironment, stage: str, after: int) -> None:
    """While one partition takes its time, all others are done but for the few that its own window has left.

    And but for the last part of a load, which comes after all others.
    """
    plane = FakePlane(PARTITIONS)
    straggler = plane.waits[stage, 1] = asyncio.Event()
    async with serve(env.client, plane) as canal:
        handle = await canal.start(many_partitions(CONCURRENCY))
        await plane.until(lambda: len(plane.done[stage]) == PARTITIONS - share(PARTITIONS, CONCURRENCY) - after)
        straggler.set()
        result = await handle.result()

    assert result.outcome is PipelineOutcome.LOADED
    assert len(plane.done[stage]) == PARTITIONS


async def test_failure_ends_the_other_windows(env: WorkflowEnvironment) -> None:
    """One partition fails for good: those that go on are cancelled and no other begins. A redrive does the rest."""
    plane = FakePlane(PARTITIONS, fails={("transform", 8)})
    plane.waits = {("transform", number): asyncio.Event() for number in range(8, PARTITIONS + 1)}
    async with serve(env.client, plane) as canal:
        handle = await canal.start(many_partitions(CONCURRENCY))
        await plane.until(lambda: len(plane.done["transform"]) == 7 and plane.running["transform"] == CONCURRENCY)
        plane.waits["transform", 8].set()
        with pytest.raises(WorkflowFailureError) as failed:
            await asyncio.wait_for(handle.result(), WAIT_SECONDS)
        assert sorted(plane.done["transform"]) == list(range(1, 8))
        assert plane.running["transform"] == 0

        plane.waits, plane.fails = {}, set()
        again = await redrive(env.client, await find_letter(env.client, handle.id))
        result = await again.handle.result()

    assert "partition 8 is wrong" in str(failed.value.cause)
    assert len(plane.cancelled) == CONCURRENCY - 1
    assert {stage: sorted(done) for stage, done in plane.done.items()} == ONCE
    assert result.outcome is PipelineOutcome.LOADED
    assert [part.partition for part in result.metrics if part.stage == "transform"] == [
        f"items-{number}" for number in range(1, PARTITIONS + 1)
    ]


@pytest.mark.parametrize("stage", ["extract", "transform", "load"])
async def test_cancellation_ends_all_windows(env: WorkflowEnvironment, stage: str) -> None:
    """A cancelled run ends cancelled, with every partition that was under way, and begins no other."""
    plane = FakePlane(PARTITIONS)
    plane.waits = {(stage, number): asyncio.Event() for number in range(2, PARTITIONS + 1)}
    async with serve(env.client, plane) as canal:
        handle = await canal.start(many_partitions(CONCURRENCY))
        await plane.until(lambda: plane.running[stage] == CONCURRENCY)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as ended:
            await asyncio.wait_for(handle.result(), WAIT_SECONDS)
        windows = [run async for run in env.client.list_workflows(f"WorkflowId STARTS_WITH '{handle.id}/'")]

    assert isinstance(ended.value.cause, CancelledError)
    assert plane.running[stage] == 0
    assert len(plane.cancelled) == CONCURRENCY
    assert plane.done[stage] == [1]
    assert all(run.status is not WorkflowExecutionStatus.RUNNING for run in windows)
