"""Pipelines on the real stack: loaded exactly once, whatever is killed in the middle."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.integration.conftest import House, until
from tests.integration.pipelines import items_pipeline, read_duckdb, write_items
from towpath.clients.pipelines import request_of, start_run
from towpath.contracts.pipeline import PipelineOutcome, PipelineResult
from towpath.contracts.run import RunRecord, StepState

STAGES = ("plan", "extract/items", "duplicates", "transform", "quality", "load/lake")
FILES, ROWS = 6, 2_000


@pytest_asyncio.fixture(loop_scope="session")
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    yield tmp_path / "items"


async def test_rows_are_loaded(house: House, folder: Path) -> None:
    """Every good row is in the destination once, in its newest version; the bad ones are quarantined with a reason."""
    truth = write_items(folder, FILES, ROWS)

    started = await start_run(house.client, request_of(items_pipeline(folder)))
    result: PipelineResult = await started.handle.result()

    assert result.outcome is PipelineOutcome.LOADED
    assert read_duckdb(folder) == truth
    assert sum(rows.part.rows for rows in result.quarantine) == FILES


async def test_run_again_changes_nothing(house: House, folder: Path) -> None:
    """The same files loaded by another run: nothing is new, nothing is twice."""
    truth = write_items(folder, 2, ROWS)
    config = items_pipeline(folder, id="items-again")

    await (await start_run(house.client, request_of(config))).handle.result()
    result: PipelineResult = await (await start_run(house.client, request_of(config))).handle.result()

    assert result.loads[0].inserted == result.loads[0].updated == 0
    assert read_duckdb(folder) == truth


@pytest.mark.parametrize("stage", STAGES)
async def test_worker_killed_in_each_stage(bare_house: House, folder: Path, stage: str) -> None:
    """kill -9 of worker and data-plane processes while a stage goes on: another worker ends the run, truth exact."""
    truth = write_items(folder, FILES, ROWS)
    async with bare_house.worker() as worker:
        started = await start_run(bare_house.client, request_of(items_pipeline(folder)))

        async def record() -> RunRecord:
            return await started.handle.query("status", result_type=RunRecord)

        await until(record, lambda record: _has_begun(record, stage))
        children = psutil.Process(worker.pid).children(recursive=True)
        await worker.kill()
        gone, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert len(gone) == len(children), alive
    async with bare_house.worker():
        result: PipelineResult = await asyncio.wait_for(started.handle.result(), 120)

    assert result.outcome is PipelineOutcome.LOADED
    assert read_duckdb(folder) == truth


async def test_dataplane_process_killed(bare_house: House, folder: Path) -> None:
    """A data-plane process killed with -9 costs its task one more attempt."""
    truth = write_items(folder, FILES, ROWS)
    async with bare_house.worker() as worker:
        started = await start_run(bare_house.client, request_of(items_pipeline(folder)))

        async def children() -> list[psutil.Process]:
            return psutil.Process(worker.pid).children()

        for child in await until(children, lambda found: len(found) == 2):
            child.kill()
        result: PipelineResult = await asyncio.wait_for(started.handle.result(), 120)

    assert result.outcome is PipelineOutcome.LOADED
    assert read_duckdb(folder) == truth


def _has_begun(record: RunRecord, stage: str) -> bool:
    states = {step.step: step.state for step in record.steps}
    return states[stage] is not StepState.PENDING
