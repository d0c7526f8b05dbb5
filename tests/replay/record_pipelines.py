"""Records histories of pipelines on a stack: `python -m tests.replay.record_pipelines`. A file that exists is kept."""

import json
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

from temporalio.client import ScheduleActionExecutionStartWorkflow, WorkflowFailureError, WorkflowHandle

from tests.integration.conftest import House, open_house
from tests.integration.pipelines import TARGET, items_pipeline, write_items
from tests.waiting import until
from towpath.cli.history import without_hosts
from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask, Verdict
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineResult
from towpath.control.deadletters import find_letter, redrive
from towpath.control.pipeline_schedules import PipelineSchedules
from towpath.control.pipelines import request_of, start_run
from towpath.control.temporal import run_to_end

FOLDER = Path(__file__).with_name("histories")
Recorded = AsyncGenerator[tuple[str, WorkflowHandle[Any, Any]]]
REVIEW = {"team": "compliance-team", "escalate_to": "compliance-leads"}
REPAIR: dict[str, Any] = {"source": "items", "operations": []}
STRICT = [{"rule": "range", "column": "price", "maximum": 20, "severity": "warning"}]


async def loaded(house: House, folder: Path) -> Recorded:
    """Straight through."""
    write_items(folder, 2, 50)
    handle = (await start_run(house.client, request_of(items_pipeline(folder, id="loaded")))).handle
    await handle.result()
    yield "loaded", handle


async def windows(house: House, folder: Path) -> Recorded:
    """More partitions than a run does itself, and one of the child runs."""
    write_items(folder, 34, 8)
    handle = (await start_run(house.client, request_of(items_pipeline(folder, id="windows")))).handle
    await handle.result()
    yield "windows", handle
    yield "window", house.client.get_workflow_handle("etl-pipeline/windows/transform/1-8")


async def failed(house: House, folder: Path) -> Recorded:
    """A destination that cannot be reached; mended and redriven."""
    write_items(folder, 2, 50)
    place = folder / "later"
    lake = {"name": "lake", "type": "duckdb", "path": str(place / "items.duckdb"), "table": "items"}
    place.write_text("no folder yet")
    handle = (
        await start_run(house.client, request_of(items_pipeline(folder, id="failed", destinations=[lake])))
    ).handle
    with suppress(WorkflowFailureError):
        await handle.result()
    yield "failed", house.client.get_workflow_handle(handle.id, run_id=handle.result_run_id)
    place.unlink()
    place.mkdir()
    again = (await redrive(house.client, await find_letter(house.client, handle.id))).handle
    await again.result()
    yield "redriven", again


async def reviewed(house: House, folder: Path) -> Recorded:
    """Quality below the threshold, remedied twice in vain; a person lets it through."""
    handle = await _waiting(house, folder, "reviewed")
    await _approve(handle)
    yield "reviewed", handle


async def _approve(handle: WorkflowHandle[Any, PipelineResult]) -> None:
    decision = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="recorded")
    await handle.execute_update("decide", decision, result_type=DecidedReview)
    await handle.result()


async def _waiting(house: House, folder: Path, name: str) -> WorkflowHandle[Any, PipelineResult]:
    """A run of low quality that waits for a person."""
    write_items(folder, 2, 50)
    quality: dict[str, Any] = {
        "threshold": 1.0,
        "rules": STRICT,
        "otherwise": "human",
        "remediation": "repair",
        "repair": REPAIR,
    }
    config = items_pipeline(folder, id=name, quality=quality, review=REVIEW)
    handle = (await start_run(house.client, request_of(config))).handle
    await until(lambda: handle.query("review", result_type=ReviewTask), lambda task: task is not None)
    return handle


async def approved(house: House, folder: Path) -> Recorded:
    """A specification is proposed, and a person lets it through."""
    write_items(folder, 1, 20)
    proposed = {"propose": True, "approval": "required"}
    config = items_pipeline(folder, id="approved", transformation=proposed, review=REVIEW)
    handle = (await start_run(house.client, request_of(config))).handle
    await until(lambda: handle.query("review", result_type=ReviewTask), lambda task: task is not None)
    await _approve(handle)
    yield "approved", handle


async def frozen(house: House, folder: Path) -> Recorded:
    """A destination without a table, and a contract that makes none."""
    write_items(folder, 1, 20)
    source = {"name": "items", "type": "csv", "path": str(folder / "items-*.csv"), "contract": {"tables": "freeze"}}
    handle = (await start_run(house.client, request_of(items_pipeline(folder, id="frozen", sources=[source])))).handle
    with suppress(WorkflowFailureError):
        await handle.result()
    yield "frozen", handle


async def scheduled(house: House, folder: Path) -> Recorded:
    """What a schedule starts: it starts the run."""
    write_items(folder, 2, 50)
    schedule = {"cron": "0 3 1 1 *"}
    schedules = PipelineSchedules(house.client)
    await schedules.put(items_pipeline(folder, id="scheduled", schedule=schedule))
    await house.client.get_schedule_handle("etl-pipeline/scheduled").trigger()
    described = house.client.get_schedule_handle("etl-pipeline/scheduled").describe
    fired = (await until(described, lambda found: bool(found.info.recent_actions))).info.recent_actions[0].action
    if not isinstance(fired, ScheduleActionExecutionStartWorkflow):
        raise TypeError(fired)
    handle = house.client.get_workflow_handle(fired.workflow_id)
    await handle.result()
    yield "scheduled", handle


async def missing(house: House, folder: Path) -> Recorded:
    """No file to read: the run fails before its lineage has begun."""
    nowhere = [{"name": "items", "type": "csv", "path": str(folder / "none.csv")}]
    handle = (await start_run(house.client, request_of(items_pipeline(folder, id="missing", sources=nowhere)))).handle
    with suppress(WorkflowFailureError):
        await handle.result()
    yield "missing", handle


async def refused(house: House, folder: Path) -> Recorded:
    """Started by plain JSON that the starter refuses: ended by the first step that met it, refused at once since."""
    config = items_pipeline(folder, id="refused").model_dump(mode="json")
    config["sources"][0]["path"] = "../items-*.csv"
    given = {"config": config, "digest": "0"}
    name = "etl-pipeline"
    handle = await house.client.start_workflow(name, given, id=f"{name}/refused", task_queue=name)
    with suppress(WorkflowFailureError):
        await handle.result()
    yield "refused", handle


def _by_time(folder: Path, **fields: Any) -> PipelineConfig:
    """Only what is new since the last run."""
    columns = [{"name": "id", "type": "text"}, {"name": "price", "type": "text"}, TARGET["columns"][-1]]
    source = {"name": "items", "type": "csv", "path": str(folder / "items-*.csv"), "columns": columns}
    return items_pipeline(folder, sources=[{**source, "cursor": {"field": "updated_at"}}], **fields)


def _write_bad(folder: Path) -> None:
    folder.mkdir()
    (folder / "items-0.csv").write_text("id,price,updated_at\n1,n/a,2026-11-01 00:00:00\n", encoding="utf-8")


async def bad(house: House, folder: Path) -> Recorded:
    """All rows are quarantined, and the watermark moves past them."""
    _write_bad(folder)
    handle = (await start_run(house.client, request_of(_by_time(folder, id="bad")))).handle
    await handle.result()
    yield "bad", handle


async def behind(house: House, folder: Path) -> Recorded:
    """A destination that is new is loaded alone, up to where the other one is, which appends."""
    write_items(folder, 2, 50)
    lakes = [
        {"name": name, "type": "duckdb", "path": str(folder / f"{name}.duckdb"), "table": "items", "strategy": "append"}
        for name in ("first", "second")
    ]
    before = _by_time(folder, id="behind", destinations=lakes[:1])
    await (await start_run(house.client, request_of(before))).handle.result()
    handle = (await start_run(house.client, request_of(_by_time(folder, id="behind", destinations=lakes)))).handle
    await handle.result()
    yield "behind", handle


async def cancelled(house: House, folder: Path) -> Recorded:
    """Cancelled while it waits for a person."""
    handle = await _waiting(house, folder, "cancelled")
    await handle.cancel()
    with suppress(WorkflowFailureError):
        await handle.result()
    yield "cancelled", handle


SCENARIOS = (loaded, windows, failed, reviewed, approved, frozen, scheduled, missing, refused, cancelled, bad, behind)


async def main(version: str, *names: str) -> None:
    """All scenarios, or those of these names."""
    wanted = [scenario for scenario in SCENARIOS if not names or scenario.__name__ in names]
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder)) as house, house.worker(log=Path(folder) / "worker.log"):
            for scenario in wanted:
                async for name, handle in scenario(house, Path(folder) / scenario.__name__):
                    history = await handle.fetch_history()
                    file = FOLDER / f"pipeline-{name}-{version}.json"
                    if not file.exists():
                        written = {"workflow_id": history.workflow_id, "history": without_hosts(history.to_json_dict())}
                        text = json.dumps(written, indent=1, ensure_ascii=False) + "\n"
                        file.write_text(text, encoding="utf-8")
                    sys.stdout.write(f"{file.name}: {len(history.events)} events\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    run_to_end(main(*(sys.argv[1:] or ["v1"])))
