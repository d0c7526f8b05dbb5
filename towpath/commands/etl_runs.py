"""`starter.py etl report | quarantine | backfill`: what runs left behind, and runs over dates that have passed."""

import asyncio
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from temporalio.client import Client, WorkflowFailureError

from towpath.clients.artefacts import ArtefactStore, StoreError
from towpath.clients.pipelines import request_of, run_handle, start_run
from towpath.commands.endings import ended_run
from towpath.commands.etl import app, finish
from towpath.commands.etl_files import Pipeline, config_of, id_of
from towpath.commands.terminal import Exit, JsonFlag, client, console, fail, run, settings, show_json
from towpath.contracts.artefact import Artefact
from towpath.contracts.pipeline import DateRange, PipelineConfig, PipelineResult

FORMAT = "%Y-%m-%d"
MOST_RANGES = 1_000
REPLAYABLE = frozenset({"extract", "transform"})
"""Stages that quarantine rows as they came from the source."""


@app.command("report")
def report(
    pipeline: Pipeline,
    out: Annotated[Path, typer.Option(help="File to write; one that ends in .json gets the facts as JSON.")] = Path(
        "report.html"
    ),
) -> None:
    """Write the report of the latest run: one HTML page that needs no other file."""
    run(_report(pipeline, out))


@app.command("quarantine")
def quarantine(
    pipeline: Pipeline,
    replay: Annotated[bool, typer.Option("--replay", help="Load the rows again, as the pipeline is now.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """What the latest run set aside, by stage and rule; after a fix, --replay loads rows again."""
    run(_quarantine(pipeline, replay=replay, as_json=as_json))


@app.command("backfill")
def backfill(
    pipeline: Pipeline,
    first: Annotated[datetime, typer.Option("--from", help="First day.", formats=[FORMAT])],
    last: Annotated[datetime, typer.Option("--to", help="Last day.", formats=[FORMAT])],
    days: Annotated[int, typer.Option(min=1, help="Days of one run.")] = 7,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Runs at once.")] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the ranges.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run a pipeline over days that have passed, in ranges. The watermark stays where it is."""
    config = config_of(pipeline)
    if config.main.cursor is None:
        fail(Exit.WRONG_INPUT, f"{config.id}: its main source has no cursor, so it cannot be read by days")
    ranges = list(_ranges(first.date(), last.date(), days))
    if not ranges or len(ranges) > MOST_RANGES:
        fail(Exit.WRONG_INPUT, f"{len(ranges)} ranges: give --from before --to, and at most {MOST_RANGES:,} ranges")
    if dry_run:
        told = [f"{one.first}..{one.last}" for one in ranges]
        show_json(told) if as_json else console.print(*told, sep="\n")
        return
    run(_backfill(config, ranges, concurrency, as_json=as_json))


async def _report(pipeline: str, out: Path) -> None:
    result = await _latest(await client(), pipeline)
    artefact = result.document if out.suffix == ".json" else result.report
    if artefact is None:
        fail(Exit.NOT_FOUND, f"the latest run of {pipeline} has no report ({result.degraded.get('report', 'none')})")
    await asyncio.to_thread(out.write_bytes, await _read(artefact))
    console.print(f"written: {out}", markup=False)


async def _read(artefact: Artefact) -> bytes:
    try:
        return await ArtefactStore(settings().artefact_store).read(artefact)
    except StoreError as error:
        fail(Exit.NOT_FOUND, str(error))


async def _quarantine(pipeline: str, *, replay: bool, as_json: bool) -> None:
    temporal = await client()
    result = await _latest(temporal, pipeline)
    if replay:
        await _replay(temporal, pipeline, result, as_json=as_json)
        return
    if as_json:
        show_json(result.quarantine)
        return
    table = Table("stage", "partition", "rows", "rules", "file in the dataset store", box=None)
    for rows in result.quarantine:
        rules = ", ".join(f"{rule}: {count}" for rule, count in rows.by_rule.items())
        table.add_row(rows.stage, rows.part.partition, f"{rows.part.rows:,}", rules, rows.part.uri)
    console.print(table)


async def _replay(temporal: Client, pipeline: str, result: PipelineResult, *, as_json: bool) -> None:
    rows = tuple(rows for rows in result.quarantine if rows.stage in REPLAYABLE)
    if not rows:
        fail(Exit.REFUSED, "nothing was quarantined as it came from the source: there is nothing to replay")
    request = request_of(config_of(pipeline), replay=rows, run_key=f"replay-{result.run_key}")
    await finish((await start_run(temporal, request)).handle, as_json=as_json)


async def _backfill(config: PipelineConfig, ranges: list[DateRange], concurrency: int, *, as_json: bool) -> None:
    temporal = await client()
    turns = asyncio.Semaphore(concurrency)
    ended: list[dict[str, Any]] = []

    async def one(dates: DateRange) -> None:
        name = f"{dates.first}..{dates.last}"
        async with turns:
            started = await start_run(temporal, request_of(config, dates=dates))
            try:
                result: PipelineResult = await started.handle.result()
            except WorkflowFailureError as error:
                ended.append({"dates": name, "outcome": "failed", "failure": str(error.cause)})
            else:
                ended.append({"dates": name, "outcome": result.outcome, "rows": sum(one.rows for one in result.loads)})
        if not as_json:
            console.print(f"{name}: {ended[-1]['outcome']}, {ended[-1].get('rows', 0):,} rows", markup=False)

    await asyncio.gather(*(one(dates) for dates in ranges))
    if as_json:
        show_json(sorted(ended, key=lambda told: str(told["dates"])))
    if any(told["outcome"] == "failed" for told in ended):
        raise typer.Exit(Exit.REFUSED)


async def _latest(temporal: Client, pipeline: str) -> PipelineResult:
    return await ended_run(run_handle(temporal, id_of(pipeline)), None)


def _ranges(first: date, last: date, days: int) -> Iterator[DateRange]:
    """Ranges of so many days, in order; the last may be shorter."""
    while first <= last:
        end = min(last, first + timedelta(days=days - 1))
        yield DateRange(first=first, last=end)
        first = end + timedelta(days=1)
