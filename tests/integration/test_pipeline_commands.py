"""Pipelines by starter.py, as a user handles them: scheduled, run, looked at, mended, replayed, back-filled."""

import json
from pathlib import Path
from typing import Any

from temporalio.client import ScheduleActionExecutionStartWorkflow

from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House, until
from tests.integration.pipelines import items_pipeline, read_duckdb, write_items
from towpath.contracts.process import TRIGGER

PLACE = "definitions/pipelines"


def write_pipeline(folder: Path, name: str, **fields: Any) -> Path:
    """A pipeline of items in the folder of pipelines below `folder`; what commands find by its id when given there."""
    config = items_pipeline(folder / "items", id=name, **fields)
    file = folder / PLACE / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(config.model_dump(mode="json", exclude_defaults=True)))
    return file


async def test_pipeline_is_scheduled(house: House, tmp_path: Path) -> None:
    """Made, unchanged, changed, paused, resumed, fired, removed; a firing starts the run that `etl run` starts."""
    truth = write_items(tmp_path / "items", 1, 200)
    schedule = {"cron": "0 6 1 1 *", "timezone": "Asia/Seoul"}
    write_pipeline(tmp_path, "timed", schedule=schedule)

    async def told(*arguments: str) -> Any:
        return await starter_json(house, "etl", "schedule", *arguments, folder=tmp_path)

    made, same = await told("timed"), await told("--all")
    await told("timed", "--pause")
    write_pipeline(tmp_path, "timed", schedule=schedule, version="1.0.1")
    (paused,) = await starter_json(house, "etl", "list", folder=tmp_path)
    changed = await told("timed")
    await told("timed", "--resume")
    (listed,) = await told("timed", "--list")
    handle = house.client.get_schedule_handle("etl-pipeline/timed")
    await handle.trigger()
    described = await until(handle.describe, lambda found: len(found.info.recent_actions) == 1)
    fired = described.info.recent_actions[0].action
    assert isinstance(fired, ScheduleActionExecutionStartWorkflow)
    ended = await house.client.get_workflow_handle(fired.workflow_id).result()
    run = await house.client.get_workflow_handle("etl-pipeline/timed").describe()
    (removed,) = await told("timed", "--remove")
    gone, _, problems = await starter(house, "etl", "schedule", "timed", "--remove", folder=tmp_path)

    assert [one["done"] for one in (*made, *same, *changed, removed)] == ["made", "unchanged", "changed", "removed"]
    assert paused["next_run"] is None
    assert listed["next"][0].endswith("-12-31T21:00:00+00:00")
    assert (listed["version"], listed["paused"], listed["as_the_file"]) == ("1.0.1", False, None)
    assert ended == {"workflow_id": "etl-pipeline/timed", "outcome": "loaded"}
    assert run.typed_search_attributes[TRIGGER] == "schedule"
    assert read_duckdb(tmp_path / "items") == truth
    assert gone == 3 and "timed" in problems


async def test_schedule_that_is_not_there(house: House, tmp_path: Path) -> None:
    """A pipeline without a schedule, one that there is not, and a command that says too little or too much."""
    write_pipeline(tmp_path, "untimed")

    async def problem(*arguments: str) -> tuple[int, str]:
        code, _, problems = await starter(house, "etl", "schedule", *arguments, folder=tmp_path)
        return code, problems

    assert [await problem(), await problem("a", "--all")] == [(2, "Give one pipeline, or --all.\n")] * 2
    code, told = await problem("untimed")
    assert code == 2 and "add schedule: {cron:" in told
    code, told = await problem("untimd")
    assert code == 3 and "did you mean 'untimed'?" in told
