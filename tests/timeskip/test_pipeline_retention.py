"""What the store keeps: nothing that is older than the retention, but for what waits, failed, or may be replayed."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.timeskip.pipeline import Pipelines, decide, task_of
from towpath.contracts.keeping import ForgetTask, Forgotten
from towpath.contracts.pipeline import PipelineOutcome

COLUMNS = "id price updated_at"
ROWS = (("1", "1.00", "2026-11-01 00:00:00"), ("2", "n/a", "2026-11-01 00:00:00"))
OLD = timedelta(days=30)
RETENTION = timedelta(days=14)


def age(pipelines: Pipelines) -> list[Path]:
    """The parts in the store, all made as old as a month."""
    moment = (datetime.now(UTC) - OLD).timestamp()
    files = list((pipelines.folder.parent / "store").glob("??/*"))
    for file in files:
        os.utime(file, (moment, moment))
    return files


async def clean(pipelines: Pipelines, later: timedelta = timedelta()) -> int:
    """What the end of another run does to the store, some time from now: files removed."""
    now = datetime.now(UTC) + later
    task = ForgetTask(before=now - RETENTION, at=now)
    return (await pipelines.world.run("forget_datasets", task, Forgotten, lambda _: None)).files


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
    config = pipelines.config(transformation={"propose": True, "approval": "required"})
    handle = await pipelines.start(config, skipping=False)
    await task_of(handle)
    age(pipelines)
    await clean(pipelines)
    await decide(handle)

    assert (await handle.result()).outcome is PipelineOutcome.LOADED
