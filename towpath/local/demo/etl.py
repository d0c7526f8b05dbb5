"""The demo of pipelines: real data with planted dirt, into a file of DuckDB and into PostgreSQL, each row once."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.table import Table
from temporalio.client import WorkflowHandle

from towpath.contracts.core.run import RunRecord
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.control.pipelines import find_file, request_of, start_run, usable
from towpath.local.demo.airports import write_airports
from towpath.local.demo.scene import POLL_SECONDS, Scene, Told
from towpath.local.postgresql import postgresql_process
from towpath.local.state import StateFolder
from towpath.views.live import RunView, Watched

ETL = "etl"
SOURCE = "airports"
FOLDER = Path(".towpath/airports")
DATABASE, LINEAGE, REPORT = FOLDER / "airports.duckdb", FOLDER / "lineage.ndjson", FOLDER / "report.html"
STORY_SECONDS = 300
CONNECTION = "warehouse"
Settings = Coroutine[Any, Any, Mapping[str, str]]


class _Sample(BaseModel):
    position: str
    reason: str


class _Reason(BaseModel):
    rows: int
    samples: tuple[_Sample, ...]


class _Origin(BaseModel):
    target: str
    source: str
    column: str
    direct: bool


class _Facts(BaseModel):
    """What the demo reads of a report's document."""

    quarantine: tuple[_Reason, ...] = ()
    lineage: tuple[_Origin, ...] = ()


@asynccontextmanager
async def database(wanted: Sequence[str], state: StateFolder) -> AsyncGenerator[Callable[[], Settings]]:
    """Begins a PostgreSQL server, which lives for the demo, when pipelines are shown. Yields what waits for it, and
    gives the settings of a worker that knows it.
    """
    if ETL not in wanted:
        yield _no_settings
        return
    async with postgresql_process(state.path, state.logs / "postgresql.log") as server:

        async def settings() -> Mapping[str, str]:
            connections = {CONNECTION: {"type": "postgresql", "url": await server.url()}}
            return {"TOWPATH_PIPELINE_CONNECTIONS": json.dumps(connections)}

        yield settings


async def _no_settings() -> Mapping[str, str]:
    return {}


async def show(scene: Scene) -> Told:
    """The pipeline twice: the second run finds everything loaded, and changes nothing."""
    planted = await asyncio.to_thread(write_airports, FOLDER)
    for left in (DATABASE, LINEAGE):
        left.unlink(missing_ok=True)
    config = usable(find_file("airports"))
    first = await _run(scene, config, "1 first run")
    again = await _run(scene, config, "2 run again")
    facts = await _keep_report(scene, first[1])
    return Told(
        report=_report(scene, planted, facts, first, again),
        runs=[_summary(result) for _, result in (first, again)],
        well=all(result.outcome is PipelineOutcome.LOADED and result.report for _, result in (first, again)),
    )


async def _keep_report(scene: Scene, result: PipelineResult) -> _Facts:
    """Puts the page of the run where it can be opened; what the document beside it tells."""
    if result.report is None or result.document is None:
        return _Facts()
    page = await scene.artefacts.read(result.report)
    await asyncio.to_thread(REPORT.write_bytes, page)
    return _Facts.model_validate_json(await scene.artefacts.read(result.document))


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


def _report(scene: Scene, planted: Mapping[str, int], facts: _Facts, first: Ended, again: Ended) -> list[Any]:
    _, result = first
    loaded = Table("destination", "inserted", "updated", "as it was", box=None)
    for name, (_, ended) in (("", first), (", second run", again)):
        for load in ended.loads:
            loaded.add_row(f"{load.destination}{name}", f"{load.inserted:,}", f"{load.updated:,}", f"{load.stale:,}")
    score = result.quality[-1]
    lines: list[Any] = [
        "",
        f"Planted in {FOLDER}: {', '.join(f'{number:,} {what}' for what, number in planted.items())}.",
        "",
        loaded,
        "",
        "Set aside, and why:",
        *_set_aside(facts),
        f"Quality: score {score.score:.4f}, threshold {score.threshold}.",
        f"Lineage: {_made_of(facts)}.",
        f"  as events of OpenLineage: {LINEAGE}",
        "",
        f"Open the report: {REPORT.resolve().as_uri()}",
        f"The rows: {DATABASE} (DuckDB, table airports)",
        "The runs in the Temporal UI (open while the stack is up: `make up`):",
        *(f"  {scene.page(handle.id, handle.result_run_id or '')}" for handle, _ in (first, again)),
        "Data: airportsdata (MIT), the airports of the world.",
    ]
    return lines


def _set_aside(facts: _Facts) -> Iterator[str]:
    """Each reason with its rows, and the place of one of them."""
    for one in facts.quarantine:
        sample = one.samples[0]
        yield f"  {one.rows:,} rows: {sample.reason}, as in {sample.position}"


def _made_of(facts: _Facts) -> str:
    """What the target's columns are made of, where that is not the column of the same name."""
    return ", ".join(
        f"{one.target} comes of {one.source}.{one.column}"
        for one in facts.lineage
        if one.direct and (one.target, SOURCE) != (one.column, one.source)
    )


def _summary(result: PipelineResult) -> dict[str, Any]:
    return {"process": ETL, "report": str(REPORT), "result": result.model_dump(mode="json", exclude={"metrics"})}
