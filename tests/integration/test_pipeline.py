"""Pipelines on the real stack: loaded exactly once, however often."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.integration.conftest import House
from tests.integration.pipelines import items_pipeline, read_duckdb, write_items
from towpath.contracts.pipeline.pipeline import PipelineOutcome, PipelineResult
from towpath.control.pipelines import request_of, start_run

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
