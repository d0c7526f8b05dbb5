"""Pipelines by starter.py, as a user handles them: scheduled, run, looked at, mended, replayed, back-filled."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import (
    ScheduleActionExecution,
    ScheduleActionExecutionStartWorkflow,
    ScheduleDescription,
    WorkflowHandle,
)
from temporalio.service import RPCError

from tests.integration.commands import begin_starter, starter, starter_json
from tests.integration.conftest import House
from tests.integration.pipelines import COLUMNS, OPERATIONS, duckdb, items_pipeline, read_duckdb, write_items
from tests.waiting import WAIT_SECONDS, until
from towpath.contracts.core.process import ROLE, TRIGGER
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.control import reviews
from towpath.control.pipeline_schedules import PipelineSchedules
from towpath.temporal.attributes import search_key

PLACE = "definitions/pipelines"
APPROVED: dict[str, Any] = {
    "transformation": {"propose": True, "approval": "required"},
    "review": {"team": "operations", "escalate_to": "operations-leads"},
}


def write_pipeline(folder: Path, name: str, **fields: Any) -> Path:
    """A pipeline of items in the folder of pipelines below `folder`; what commands find by its id when given there."""
    config = items_pipeline(folder / "items", id=name, **fields)
    file = folder / PLACE / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(config.model_dump(mode="json", exclude_defaults=True)))
    return file


def fired(house: House, action: ScheduleActionExecution) -> WorkflowHandle[Any, Any]:
    """The run that a firing started. Its id alone does not tell it: firings of one second share an id."""
    assert isinstance(action, ScheduleActionExecutionStartWorkflow)
    return house.client.get_workflow_handle(action.workflow_id, run_id=action.first_execution_run_id)


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
    handle = house.client.get_schedule_handle("etl-pipeline/timed")
    await handle.trigger()
    described = await until(handle.describe, lambda found: len(found.info.recent_actions) == 1)
    firing = fired(house, described.info.recent_actions[0].action)
    ended = await firing.result()
    by_schedule = await firing.describe()
    run = await house.client.get_workflow_handle("etl-pipeline/timed").describe()
    (removed,) = await told("timed", "--remove")

    assert [one["done"] for one in (*made, *same, *changed, removed)] == ["made", "unchanged", "changed", "removed"]
    assert paused["next_run"] is None
    assert made[0]["next"][0].endswith("-12-31T21:00:00+00:00")
    assert (changed[0]["version"], changed[0]["paused"], changed[0]["as_the_file"]) == ("1.0.1", True, True)
    assert ended == {"workflow_id": "etl-pipeline/timed", "outcome": "loaded"}
    assert run.typed_search_attributes[search_key(TRIGGER)] == "schedule"
    assert search_key(ROLE) not in run.typed_search_attributes
    assert by_schedule.typed_search_attributes[search_key(ROLE)] == "helper"
    assert read_duckdb(tmp_path / "items") == truth
    assert not described.schedule.state.paused


@pytest.mark.parametrize(("overlap", "runs"), [("skip", 1), ("buffer-one", 2)])
async def test_firings_while_a_run_goes_on(house: House, tmp_path: Path, overlap: str, runs: int) -> None:
    """More firings: all are left out, or one waits for the end of the run and starts another."""
    write_items(tmp_path / "items", 1, 20)
    schedule = {"cron": "0 6 1 1 *", "overlap": overlap}
    config = items_pipeline(tmp_path / "items", id=f"fired-{overlap}", schedule=schedule, **APPROVED)
    await PipelineSchedules(house.client).put(config)
    name = f"etl-pipeline/{config.id}"
    handle, run = house.client.get_schedule_handle(name), house.client.get_workflow_handle(name)

    async def waits() -> ReviewTask | None:
        try:
            return await run.query("review", result_type=ReviewTask)
        except RPCError:
            return None

    async def triggered() -> ScheduleDescription:
        await handle.trigger()
        return await handle.describe()

    await handle.trigger()
    await until(waits, lambda task: task is not None)
    # The server takes two triggers of one moment for one, now and then.
    await until(triggered, lambda found: found.info.num_actions_skipped_overlap >= 3 - runs)
    decision = Decision(verdict=Verdict.APPROVE, reviewer="sora", reason="read")
    await reviews.decide(house.client, run.id, decision)
    described = await until(handle.describe, lambda found: len(found.info.recent_actions) == runs)
    made = [fired(house, one.action) for one in described.info.recent_actions]
    ends = [await one.result() for one in made]
    closed = [(await one.describe()).close_time for one in made]
    began = [(await one.describe()).start_time for one in made]

    assert [end["outcome"] for end in ends] == ["loaded"] * runs
    assert all(end is not None and end <= begin for end, begin in zip(closed, began[1:], strict=False))


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


async def test_unhappy_ways_are_told(house: House, tmp_path: Path) -> None:
    """A pipeline that there is not, one without a run, and one whose expression is wrong: what, where, and the mend."""
    wrong = [*OPERATIONS, {"op": "filter", "expression": "prize > 0"}]
    file = write_pipeline(tmp_path, "unrun", transformation={"source": "items", "operations": wrong})
    write_items(tmp_path / "items", 1, 20)

    code, _, told = await starter(house, "etl", "report", "unrum", folder=tmp_path)
    assert code == 3 and "did you mean 'unrun'?" in told
    code, _, told = await starter(house, "etl", "result", "unrun", folder=tmp_path)
    assert code == 3 and "unrun has no run yet: starter.py etl run unrun" in told
    code, _, told = await starter(house, "etl", "run", "unrun", folder=tmp_path)
    assert code == 2 and f"{PLACE}/{file.name}:1:" in told and "did you mean 'price'?" in told


async def test_quarantine_is_mended_and_replayed(house: House, tmp_path: Path) -> None:
    """Run, report, rows with reason and place, export; mend some rows, replay, then the rest; more changes nothing."""
    truth = dict(write_items(tmp_path / "items", 2, 100))
    second = tmp_path / "items" / "items-0001.csv"
    second.write_text(second.read_text().replace("n/a", "tbd"))
    write_pipeline(tmp_path, "mended")

    async def told(*arguments: str) -> Any:
        return await starter_json(house, "etl", *arguments, folder=tmp_path)

    result = await told("run", "mended")
    await starter(house, "etl", "report", "mended", "--out", "report.html", folder=tmp_path)
    shown = await told("quarantine", "mended", "--show", "5")
    exported = await told("quarantine", "mended", "--export", "bad.csv")
    loaded, replayed = [read_duckdb(tmp_path / "items")], list[Any]()
    for values in ({"n/a": "0.00"}, {"tbd": "1.00"}):
        mend = {"op": "map_values", "column": "price", "values": values}
        write_pipeline(tmp_path, "mended", transformation={"source": "items", "operations": [mend, *OPERATIONS]})
        replayed.append(await told("quarantine", "mended", "--replay"))
        loaded.append(read_duckdb(tmp_path / "items"))
    again = await told("quarantine", "mended", "--replay")
    _, left, _ = await starter(house, "etl", "quarantine", "mended", folder=tmp_path)

    assert result["outcome"] == "loaded"
    assert loaded == [truth, truth | {5: "0.00"}, truth | {5: "0.00", 105: "1.00"}]
    assert "<h1>mended</h1>" in (tmp_path / "report.html").read_text()
    assert len(shown) == 2 and shown[0]["row"]["price"] == "n/a"
    assert shown[0]["position"].rpartition("/")[2].startswith("items-0000.csv:")
    assert exported["rows"] == 2 and len((tmp_path / "bad.csv").read_text().splitlines()) == 3
    assert (tmp_path / "bad.csv").stat().st_mode & 0o077 == 0
    assert [(one["outcome"], one["loads"][0]["inserted"]) for one in replayed] == [("loaded", 1)] * 2
    assert again == {"outcome": "nothing-left", "replays": 2}
    assert "nothing is in quarantine after 2 replays" in left


async def test_run_is_watched_as_json(house: House, tmp_path: Path) -> None:
    """Each change is a line while the run goes on, the last has the result; of one that has ended, the result alone."""
    write_items(tmp_path / "items", 1, 20)
    write_pipeline(tmp_path, "watched", **APPROVED)
    started = await starter_json(house, "etl", "run", "watched", "--no-wait", folder=tmp_path)

    watching = await begin_starter(house, "etl", "watch", "watched", "--json", folder=tmp_path)
    assert watching.stdout is not None
    lines: list[Any] = []
    async with asyncio.timeout(WAIT_SECONDS):
        async for line in watching.stdout:
            lines.append(json.loads(line))
            if lines[-1].get("status") == "waiting-for-review":
                break
        await starter_json(house, "review", "approve", started["workflow_id"], "--as", "sora", folder=tmp_path)
        lines += [json.loads(line) async for line in watching.stdout]
        assert await watching.wait() == 0
    _, ended, _ = await starter(house, "etl", "watch", "watched", "--json", folder=tmp_path)

    *progress, last = lines
    extract = progress[-1]["stages"][0]
    steps = {step["step"]: step["state"] for step in progress[-1]["steps"]}
    assert all(one != two for one, two in itertools.pairwise(progress))
    assert (extract["stage"], extract["done"], extract["rows"], extract["under_way"]) == ("extract/items", 1, 22, 0)
    assert (progress[-1]["status"], steps["approval"], steps["load/lake"]) == ("loaded", "completed", "completed")
    assert (last["workflow_id"], last["result"]["outcome"]) == (started["workflow_id"], "loaded")
    assert json.loads(ended) == last


async def test_failed_run_is_explained(house: House, tmp_path: Path) -> None:
    """What failed and the next step; it has a report, and what was set aside can be looked at, and is not replayed."""
    write_items(tmp_path / "items", 1, 100)
    rules = [{"rule": "range", "column": "price", "maximum": 20, "severity": "warning"}]
    repair: dict[str, object] = {"source": "items", "operations": []}
    quality = {"threshold": 1.0, "rules": rules, "otherwise": "fail", "remediation": "repair", "repair": repair}
    write_pipeline(tmp_path, "poor", quality=quality)

    code, _, problems = await starter(house, "etl", "run", "poor", folder=tmp_path)
    _, output, _ = await starter(house, "etl", "quarantine", "poor", "--show", "1", folder=tmp_path)
    reported, _, _ = await starter(house, "etl", "report", "poor", "--out", "report.json", folder=tmp_path)
    refused, _, why = await starter(house, "etl", "quarantine", "poor", "--replay", folder=tmp_path)

    assert code == 1 and "(pipeline.quality)" in problems
    assert "etl quarantine poor --show 20" in problems and "starter.py etl run poor" in problems
    report = json.loads((tmp_path / "report.json").read_text())
    assert (reported, report["result"]["outcome"]) == (0, "failed")
    assert report["failure"].startswith("remediation: ") and report["failure"].endswith("(pipeline.quality)")
    assert "operations.3.cast" in {one["rule"] for one in report["quarantine"]}
    assert "until the run ended without a load" in output and '"price": "n/a"' in output
    assert refused == 1 and "run the pipeline again" in why


async def test_days_are_back_filled(house: House, tmp_path: Path) -> None:
    """Ranges, so many at once; one that fails stops no other and is told; the command given again mends the rest."""
    folder = tmp_path / "items"
    folder.mkdir()
    for day in (1, 2, 3):
        (folder / f"items-2026-11-0{day}.csv").write_text(f"id,price,updated_at\n{day},1.50,2026-11-0{day} 00:00:00\n")
    (folder / "items-2026-11-02.csv").write_text("id;price\n2;2.50\n")
    sources = [
        {
            "name": "items",
            "type": "csv",
            "path": str(folder / "items-%Y-%m-%d.csv"),
            "columns": [{"name": name, "type": "text"} for name in COLUMNS],
            "contract": {"columns": "freeze"},
        }
    ]
    write_pipeline(tmp_path, "days", sources=sources)
    arguments = ("etl", "backfill", "days", "--from", "2026-11-01", "--to", "2026-11-03", "--days", "1")

    dry = await starter_json(house, *arguments, "--dry-run", folder=tmp_path)
    code, output, problems = await starter(house, *arguments, folder=tmp_path)
    (folder / "items-2026-11-02.csv").write_text("id,price,updated_at\n2,2.50,2026-11-02 00:00:00\n")
    again = await starter_json(house, *arguments, folder=tmp_path)

    assert dry == ["2026-11-01..2026-11-01", "2026-11-02..2026-11-02", "2026-11-03..2026-11-03"]
    assert code == 1 and "2 of 3 ranges done, 2 rows" in output
    assert "queue redrive etl-pipeline/days/2026-11-02..2026-11-02" in problems
    assert [one["outcome"] for one in again] == ["loaded"] * 3
    assert read_duckdb(folder) == {1: "1.50", 2: "2.50", 3: "1.50"}


async def test_what_appends_is_warned_of(house: House, tmp_path: Path) -> None:
    """A range is appended once, and refused when it changed; other ranges and a whole reading double it, as is told."""
    folder = tmp_path / "items"
    folder.mkdir()
    for day in (1, 2):
        (folder / f"items-2026-11-0{day}.csv").write_text(f"id,price,updated_at\n{day},1.50,2026-11-0{day} 00:00:00\n")
    sources = [{"name": "items", "type": "csv", "path": str(folder / "items-%Y-%m-%d.csv")}]
    lake = {"name": "lake", "type": "duckdb", "path": str(folder / "items.duckdb"), "strategy": "append"}
    write_pipeline(tmp_path, "appended", sources=sources, destinations=[lake | {"table": "items"}])
    arguments = ("etl", "backfill", "appended", "--from", "2026-11-01", "--to", "2026-11-02", "--days")

    def loaded() -> list[int]:
        with duckdb.connect(str(folder / "items.duckdb"), read_only=True) as opened:
            return [key for (key,) in opened.execute("SELECT id FROM items ORDER BY id").fetchall()]

    first = await starter_json(house, *arguments, "1", folder=tmp_path)
    (folder / "items-2026-11-02.csv").write_text("id,price,updated_at\n3,1.50,2026-11-02 00:00:00\n")
    code, output, problems = await starter(house, *arguments, "1", folder=tmp_path)
    once = loaded()
    await starter_json(house, *arguments, "2", folder=tmp_path)
    twice = loaded()
    full = await starter_json(house, "etl", "run", "appended", "--full", folder=tmp_path)

    assert (once, twice, loaded()) == ([1, 2], [1, 1, 2, 3], [1, 1, 1, 2, 3, 3])
    assert code == 1 and "1 of 2 ranges done, 1 row" in output
    assert problems.startswith("warning: lake appends: what a range holds and is there already")
    assert "2026-11-02..2026-11-02 is in lake with other content" in problems
    for one in (*first, full):
        assert one["outcome"] == "loaded"
        assert "give it upsert or delete_insert" in one["warnings"][0]


async def test_run_without_a_worker_is_told(bare_house: House, tmp_path: Path) -> None:
    """The run is there and waits; the command says for whom, and ends."""
    write_items(tmp_path / "items", 1, 20)
    write_pipeline(tmp_path, "alone")

    code, output, problems = await starter(bare_house, "etl", "run", "alone", folder=tmp_path)

    assert code == 4 and "started etl-pipeline/alone" in output
    assert "no worker listens on etl-pipeline and data-plane" in problems
    assert "starter.py etl watch etl-pipeline/alone" in problems
