"""`starter.py etl backfill`: a pipeline over days that have passed, in ranges, so many at once."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table
from temporalio.client import Client, WorkflowFailureError

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.connection import client, run
from towpath.cli.etl.files import Pipeline, checked_config_of
from towpath.cli.terminal import Exit, console, fail, problems, warn
from towpath.contracts.pipeline.pipeline import DateRange, PipelineConfig, PipelineResult
from towpath.contracts.pipeline.process import SUCCESS
from towpath.control.pipelines import request_of, start_run
from towpath.policy.pipeline.bounds import has_days
from towpath.policy.pipeline.watermarks import appending, doubled
from towpath.views.pipeline import explained
from towpath.views.wording import count

FORMAT = "%Y-%m-%d"
MOST_RANGES = 1_000


@dataclass(slots=True)
class Range:
    """One run of a backfill."""

    dates: DateRange
    workflow_id: str = ""
    outcome: str = "waits"
    rows: int = 0
    seconds: float = 0
    failure: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.dates.first}..{self.dates.last}"

    def as_json(self) -> dict[str, object]:
        told: dict[str, object] = {"dates": self.name, "workflow_id": self.workflow_id, "outcome": self.outcome}
        told |= {"rows": self.rows, "seconds": self.seconds, "failure": self.failure}
        return told | {"warnings": self.warnings}


def register(app: typer.Typer) -> None:
    app.command("backfill")(backfill)


def backfill(
    pipeline: Pipeline,
    first: Annotated[datetime, typer.Option("--from", help="First day.", formats=[FORMAT])],
    last: Annotated[datetime, typer.Option("--to", help="Last day.", formats=[FORMAT])],
    days: Annotated[int, typer.Option(min=1, help="Days of one run.")] = 7,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Runs at once.")] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the ranges.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run a pipeline over days that have passed, in ranges. The watermark stays where it is.

    A range that fails stops no other. The command can be given again: a range under way is joined, and rows that are
    loaded stay as they are. A destination that appends takes each range once, and refuses one that holds other rows
    the second time; rows that it has by another run or other ranges are there twice then.
    """
    ranges = [Range(one) for one in _ranges(first.date(), last.date(), days)]
    if not ranges or len(ranges) > MOST_RANGES:
        fail(
            Exit.WRONG_INPUT,
            f"{count(len(ranges), 'range')}: give --from before --to, and at most {MOST_RANGES:,} ranges",
        )
    run(_backfill(pipeline, ranges, concurrency, dry_run=dry_run, as_json=as_json))


async def _backfill(pipeline: str, ranges: list[Range], concurrency: int, *, dry_run: bool, as_json: bool) -> None:
    config = await checked_config_of(pipeline)
    if not has_days(config.main):
        mend = "give it a cursor, a partition by date, or a path with %Y, %m and %d"
        fail(Exit.WRONG_INPUT, f"{config.id}: its main source cannot be read by days: {mend}")
    warnings = doubled(config, "what a range holds")
    warn(*warnings)
    if dry_run:
        told = [one.name for one in ranges]
        show_json(told) if as_json else console.print(*told, sep="\n")
        return
    for one in ranges:
        one.warnings = warnings
    temporal = await client()
    try:
        await _carry_out(temporal, config, ranges, concurrency, quiet=as_json)
    except asyncio.CancelledError:
        _interrupted(ranges)
    if as_json:
        show_json([one.as_json() for one in ranges])
    _conclude(ranges, quiet=as_json)


async def _carry_out(
    temporal: Client, config: PipelineConfig, ranges: Sequence[Range], concurrency: int, *, quiet: bool
) -> None:
    turns = asyncio.Semaphore(concurrency)
    is_live = console.is_terminal and not quiet
    live = Live(console=console, refresh_per_second=4, get_renderable=lambda: _table(ranges)) if is_live else None

    async def one(wanted: Range) -> None:
        async with turns:
            await _run(temporal, config, wanted)
        if not (quiet or is_live):
            console.print(f"{wanted.name}: {wanted.outcome}, {count(wanted.rows, 'row')}", markup=False)

    with live or nullcontext():
        await asyncio.gather(*(one(wanted) for wanted in ranges))


async def _run(temporal: Client, config: PipelineConfig, wanted: Range) -> None:
    key = f"backfill-{wanted.name}" if appending(config) else ""
    started = await start_run(temporal, request_of(config, dates=wanted.dates, run_key=key))
    wanted.workflow_id, wanted.outcome = started.handle.id, "joined" if started.existing else "runs"
    try:
        result: PipelineResult = await started.handle.result()
    except WorkflowFailureError as error:
        wanted.outcome, wanted.failure = "failed", explained(error)[0]
        return
    wanted.outcome, wanted.seconds = result.outcome, result.seconds
    wanted.rows = max((load.rows for load in result.loads), default=0)


def _table(ranges: Sequence[Range]) -> Table:
    table = Table("days", "state", "rows", "seconds", "", box=None)
    done = [one for one in ranges if one.outcome not in {"waits", "runs", "joined"}]
    for one in ranges if len(ranges) <= console.height - 6 else [one for one in ranges if one not in done]:
        seconds = f"{one.seconds:.1f}" if one.seconds else ""
        table.add_row(one.name, one.outcome, f"{one.rows:,}" if one in done else "", seconds, one.failure)
    table.caption = f"{len(done)} of {len(ranges)} ranges, {count(sum(one.rows for one in done), 'row')}"
    return table


def _interrupted(ranges: Sequence[Range]) -> None:
    """Says what Ctrl-C leaves, and ends the command."""
    going = [one.workflow_id for one in ranges if one.outcome in {"runs", "joined"}]
    waiting = sum(one.outcome == "waits" for one in ranges)
    told = [f"{workflow_id} goes on: starter.py etl watch {workflow_id}" for workflow_id in going]
    fail(Exit.REFUSED, *told, f"{waiting} ranges were not started; the same command does what is left")


def _conclude(ranges: Sequence[Range], *, quiet: bool) -> None:
    bad = [one for one in ranges if one.outcome not in SUCCESS]
    if not quiet:
        good = len(ranges) - len(bad)
        console.print(
            f"{good} of {len(ranges)} ranges done, {count(sum(one.rows for one in ranges), 'row')}", markup=False
        )
    for one in bad:
        mend = f"starter.py queue redrive {one.workflow_id}" if one.failure else f"etl result {one.workflow_id}"
        problems.print(f"{one.name}: {one.failure or one.outcome}: {mend}", markup=False, soft_wrap=True)
    if bad:
        raise typer.Exit(Exit.REFUSED)


def _ranges(first: date, last: date, days: int) -> Iterator[DateRange]:
    """Ranges of so many days, in order; the last may be shorter."""
    while first <= last:
        end = min(last, first + timedelta(days=days - 1))
        yield DateRange(first=first, last=end)
        first = end + timedelta(days=1)
