"""The demo of pipelines: real data with planted dirt, into a file of DuckDB and into PostgreSQL, each row once."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.table import Table

from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.control.pipelines import find_file, request_of, start_run, usable
from towpath.local.demo.airports import write_airports
from towpath.local.demo.scene import Scene, Stage, Story, Told
from towpath.local.postgresql import postgresql_process
from towpath.local.processes import ROOT
from towpath.local.state import StateFolder
from towpath.views.wording import count

ETL = "etl"
SOURCE = "airports"
FOLDER = Path(".towpath/airports")
DATABASE, LINEAGE, REPORT = FOLDER / "airports.duckdb", FOLDER / "lineage.ndjson", FOLDER / "report.html"
CONNECTION = "warehouse"
Settings = Coroutine[Any, Any, Mapping[str, str]]


PipelineStory = Story[PipelineResult]


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
    config = usable(find_file("airports", ROOT / "definitions" / "pipelines"))
    stories = [PipelineStory(title="1 first run"), PipelineStory(title="2 run again")]
    for story in stories:
        await Stage(scene, [story]).play(_run(scene, config, story))
    results = [story.result for story in stories if story.result is not None]
    facts = await _keep_report(scene, results[0])
    return Told(
        report=_report(scene, planted, facts, stories),
        runs=[_summary(result) for result in results],
        well=all(result.outcome is PipelineOutcome.LOADED and result.report for result in results),
    )


async def _keep_report(scene: Scene, result: PipelineResult) -> _Facts:
    """Puts the page of the run where it can be opened; what the document beside it tells."""
    if result.report is None or result.document is None:
        return _Facts()
    page = await scene.artefacts.read(result.report)
    await asyncio.to_thread(REPORT.write_bytes, page)
    return _Facts.model_validate_json(await scene.artefacts.read(result.document))


async def _run(scene: Scene, config: PipelineConfig, story: PipelineStory) -> None:
    started = await start_run(scene.client, request_of(config))
    story.handle = started.handle
    story.result = await started.handle.result()


def _report(scene: Scene, planted: Mapping[str, int], facts: _Facts, stories: Sequence[PipelineStory]) -> list[Any]:
    table = Table("run", "destination", "inserted", "updated", "as it was", box=None)
    for story in stories:
        for load in () if story.result is None else story.result.loads:
            table.add_row(story.title, load.destination, f"{load.inserted:,}", f"{load.updated:,}", f"{load.stale:,}")
    lines: list[Any] = [
        "",
        f"Planted in {FOLDER}: {', '.join(f'{number:,} {what}' for what, number in planted.items())}.",
        table,
        "Set aside, and why:",
        *_set_aside(facts),
        f"Lineage: {_made_of(facts)}; as events of OpenLineage: {LINEAGE}",
        f"Open the report: {REPORT.resolve().as_uri()}",
        f"The rows: {DATABASE} (DuckDB, table airports). Data: airportsdata (MIT), the airports of the world.",
        *(f"  {story.title}: {story.page(scene)}" for story in stories),
    ]
    return lines


def _set_aside(facts: _Facts) -> Iterator[str]:
    """Each reason with its rows, and the place of one of them."""
    for one in facts.quarantine:
        sample = one.samples[0]
        yield f"  {count(one.rows, 'row')}: {sample.reason}, as in {sample.position}"


def _made_of(facts: _Facts) -> str:
    """What the target's columns are made of, where that is not the column of the same name."""
    return ", ".join(
        f"{one.target} comes of {one.source}.{one.column}"
        for one in facts.lineage
        if one.direct and (one.target, SOURCE) != (one.column, one.source)
    )


def _summary(result: PipelineResult) -> dict[str, Any]:
    return {"process": ETL, "report": str(REPORT), "result": result.model_dump(mode="json", exclude={"metrics"})}
