"""What the store keeps: nothing that is older than the retention, but for what waits, failed, or may be replayed."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from tests.timeskip.pipeline import Pipelines, decide, failure_of, task_of
from tests.waiting import WAIT_SECONDS
from towpath.contracts.pipeline.pipeline import PipelineOutcome
from towpath.contracts.pipeline.retention import ForgetTask, Forgotten
from towpath.dataplane.core.errors import LoadError
from workflows.pipeline.workflow import EtlPipelineWorkflow

COLUMNS = "id price updated_at"
ROWS = (("1", "1.00", "2026-11-01 00:00:00"), ("2", "n/a", "2026-11-01 00:00:00"))
ASK: dict[str, Any] = {"propose": True, "approval": "required"}
OLD = timedelta(days=30)
RETENTION = timedelta(days=14)


def age(pipelines: Pipelines, at: datetime | None = None) -> list[Path]:
    """The parts in the store, all made as old as a month, or as if they were kept at a moment."""
    moment = (at or datetime.now(UTC) - OLD).timestamp()
    files = list((pipelines.folder.parent / "store").glob("??/*"))
    for file in files:
        os.utime(file, (moment, moment))
    return files


async def clean(pipelines: Pipelines, later: timedelta = timedelta()) -> int:
    """What the end of another run does to the store, some time from now: files removed."""
    return await clean_at(pipelines, datetime.now(UTC) + later)


async def clean_at(pipelines: Pipelines, now: datetime) -> int:
    task = ForgetTask(before=now - RETENTION, at=now)
    return (await pipelines.world.run("forget_datasets", task, Forgotten, lambda _: None)).files


def under_way(pipelines: Pipelines) -> int:
    """Runs that hold whatever is kept while they go on."""
    return len(list((pipelines.folder.parent / "store" / "holds").glob("run-*.json")))


async def test_a_run_removes_what_is_too_old(pipelines: Pipelines) -> None:
    """Parts of runs before are gone, quarantine within its retention and what is new are not."""
    pipelines.write(COLUMNS, *ROWS)
    first = await pipelines.ended(pipelines.config())
    old = age(pipelines)
    pipelines.write(COLUMNS, ("3", "3.00", "2026-11-01 00:00:00"))
    await pipelines.ended(pipelines.config())

    kept = {rows.part.uri for rows in first.quarantine}
    assert {file.relative_to(pipelines.folder.parent / "store").as_posix() for file in old if file.exists()} == kept
    assert [row["rule"] for row in pipelines.rows(first)] == ["operations.3.cast"]
    age(pipelines)
    assert await clean(pipelines, RETENTION * 2) > 0
    assert list((pipelines.folder.parent / "store").glob("??/*")) == []


@pytest.mark.parametrize("fails", [False, True], ids=["loaded", "failed"])
async def test_a_run_under_way_outlasts_the_retention_of_others(pipelines: Pipelines, fails: bool) -> None:
    """A run has its own retention, whoever cleans up while it goes on; of one that ended what is not needed goes."""
    pipelines.write(COLUMNS, ROWS[0])
    released = pipelines.world.hold("load_part")
    handle = await pipelines.start(pipelines.config(retention="30d"), skipping=False)
    await pipelines.world.entered["load_part"].wait()
    begun = (await handle.describe()).start_time
    files = len(age(pipelines, begun + timedelta(seconds=1)))
    later = begun + RETENTION + timedelta(days=1)

    assert (await clean_at(pipelines, later), under_way(pipelines)) == (0, 1)
    if fails:
        pipelines.world.house.faults["load_part"].append(LoadError("no"))
    released.set()
    if fails:
        await failure_of(handle)
    else:
        assert (await handle.result()).outcome is PipelineOutcome.LOADED
    assert under_way(pipelines) == 0
    age(pipelines, begun + timedelta(seconds=1))
    assert (await clean_at(pipelines, later) == files) is not fails


async def test_a_run_keeps_nothing_beyond_its_own_retention(pipelines: Pipelines) -> None:
    """One that was killed, or lasts for longer, holds nothing up."""
    pipelines.write(COLUMNS, ROWS[0])
    pipelines.world.hold("load_part")
    handle = await pipelines.start(pipelines.config(retention="15d"), skipping=False)
    await pipelines.world.entered["load_part"].wait()
    begun = (await handle.describe()).start_time
    files = len(age(pipelines, begun + timedelta(seconds=1)))
    await handle.terminate()

    assert (await clean_at(pipelines, begun + timedelta(days=16)), under_way(pipelines)) == (files, 0)
    pipelines.world.held["load_part"].set()


async def test_a_failed_run_can_be_redriven(pipelines: Pipelines) -> None:
    """What it had made is there for its retention after it failed, however old it is: nothing is read again."""
    pipelines.write(COLUMNS, *ROWS)
    strict: dict[str, Any] = {"rule": "range", "column": "price", "maximum": 0, "severity": "warning"}
    keep: dict[str, Any] = {"source": "items", "operations": []}
    quality: dict[str, Any] = {
        "threshold": 1,
        "rules": [strict],
        "otherwise": "fail",
        "remediation": "repair",
        "repair": keep,
    }
    _, again = await pipelines.failed(pipelines.config(quality=quality))
    files = len(age(pipelines))
    assert await clean(pipelines) < files
    eased = again.config.model_copy(update={"quality": again.config.quality.model_copy(update={"threshold": 0})})
    result = await (await pipelines.begin(again.model_copy(update={"config": eased, "redrive_of": "x"}))).result()

    assert result.outcome is PipelineOutcome.LOADED
    assert len(pipelines.world.done("extract_partition")) == 1
    assert pipelines.loaded("id") == [(1,)]


async def test_a_run_that_waits_goes_on(pipelines: Pipelines) -> None:
    """A person may take longer than the retention of others."""
    pipelines.write(COLUMNS, ROWS[0])
    config = pipelines.config(transformation=ASK)
    handle = await pipelines.start(config, skipping=False)
    await task_of(handle)
    age(pipelines)
    await clean(pipelines)
    waiting = under_way(pipelines)
    released = pipelines.world.hold("load_part")
    await decide(handle)
    await pipelines.world.entered["load_part"].wait()

    assert (waiting, under_way(pipelines)) == (0, 1)
    released.set()
    assert (await handle.result()).outcome is PipelineOutcome.LOADED


async def test_a_run_that_is_cancelled_does_not_wait(pipelines: Pipelines) -> None:
    """The cancellation comes while it holds what it has made, just before it asks a person."""
    pipelines.write(COLUMNS, ROWS[0])
    tried = pipelines.world.hold("back_test")
    handle = await pipelines.start(pipelines.config(transformation=ASK), skipping=False)
    await pipelines.world.entered["back_test"].wait()
    released = pipelines.world.hold("hold_datasets")
    pipelines.world.entered["hold_datasets"].clear()
    tried.set()
    await pipelines.world.entered["hold_datasets"].wait()
    await handle.cancel()
    released.set()

    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), WAIT_SECONDS)
    assert await handle.query(EtlPipelineWorkflow.review) is None
