"""The demo of pipelines: real data with planted dirt, into a file of DuckDB and into PostgreSQL, each row once."""

import asyncio
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table
from temporalio.client import WorkflowHandle

from towpath.clients.pipelines import find_file, request_of, start_run, usable
from towpath.contracts.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.contracts.run import RunRecord
from towpath.local.demo.airports import write_airports
from towpath.local.demo.scene import POLL_SECONDS, Scene, Told
from towpath.local.postgresql import postgresql_server
from towpath.local.view import RunView, Watched

ETL = "etl"
FOLDER = Path(".towpath/airports")
STORY_SECONDS = 300
CONNECTION = "warehouse"


@contextmanager
def database(wanted: Sequence[str]) -> Generator[Mapping[str, str]]:
    """Settings of a worker that knows a PostgreSQL server, which lives for the demo; none when it is not shown."""
    if ETL not in wanted:
        yield {}
        return
    with postgresql_server() as url:
        yield {"TOWPATH_PIPELINE_CONNECTIONS": json.dumps({CONNECTION: {"type": "postgresql", "url": url}})}


async def show(scene: Scene) -> Told:
    """The pipeline twice: the second run finds everything loaded, and changes nothing."""
    planted = await asyncio.to_thread(write_airports, FOLDER)
    (FOLDER / "airports.duckdb").unlink(missing_ok=True)
    config = usable(find_file("airports"))
    first = await _run(scene, config, "1 first run")
    again = await _run(scene, config, "2 run again")
    return Told(
        report=_report(scene, planted, first, again),
        runs=[_summary(result) for _, result in (first, again)],
        well=all(result.outcome is PipelineOutcome.LOADED for _, result in (first, again)),
    )


Ended = tuple[WorkflowHandle[Any, PipelineResult], PipelineResult]


async def _run(scene: Scene, config: PipelineConfig, title: str) -> Ended:
    """Raises TimeoutError when it does not come to its end."""
    started = await start_run(scene.client, request_of(config))
    watched = Watched(title)
    with RunView(scene.console, [watched]) as view:
        async with asyncio.timeout(STORY_SECONDS):
            ending = asyncio.ensure_future(started.handle.result())
            while not ending.done():
                watched.record = await started.handle.query("status", result_type=RunRecord)
                view.refresh()
                await asyncio.wait([ending], timeout=POLL_SECONDS)
            watched.record = await started.handle.query("status", result_type=RunRecord)
    return started.handle, ending.result()


def _report(scene: Scene, planted: Mapping[str, int], first: Ended, again: Ended) -> list[Any]:
    _, result = first
    table = Table(
        "destination", "inserted", "updated", "stale", box=None, title="What was loaded", title_justify="left"
    )
    for name, (_, ended) in (("", first), (" (again)", again)):
        for load in ended.loads:
            table.add_row(f"{load.destination}{name}", f"{load.inserted:,}", f"{load.updated:,}", f"{load.stale:,}")
    dirt = ", ".join(f"{count:,} {what}" for what, count in planted.items())
    rules: dict[str, int] = {}
    for rows in result.quarantine:
        for rule, count in rows.by_rule.items():
            rules[rule] = rules.get(rule, 0) + count
    quality = ", ".join(f"{one.score:.4f}" for one in result.quality)
    lines: list[Any] = [
        table,
        "",
        f"In the files: {dirt}.",
        f"Quarantined, with reason and source position: {', '.join(f'{k}: {v:,}' for k, v in sorted(rules.items()))}.",
        f"Quality score: {quality}, threshold {result.quality[-1].threshold if result.quality else 0}.",
        "Data: airportsdata (MIT), the airports of the world.",
        "The runs in the Temporal UI (open while the stack is up: `make up`):",
    ]
    for handle, _ in (first, again):
        lines.append(f"  {scene.page(handle.id, handle.result_run_id or '')}")
    return lines


def _summary(result: PipelineResult) -> dict[str, Any]:
    return {"process": ETL, "result": result.model_dump(mode="json", exclude={"metrics"})}
