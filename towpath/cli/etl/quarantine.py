"""`starter.py etl quarantine`: rows that were set aside, looked at, exported, and loaded after a mend."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.connection import client, run
from towpath.cli.endings import tell_failure
from towpath.cli.etl.files import Pipeline, checked_config_of, personal_columns, run_of
from towpath.cli.etl.following import finish
from towpath.cli.etl.plane import local_plane, silent
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.core.wire import clip
from towpath.contracts.pipeline.dataset import QuarantinedRows
from towpath.contracts.pipeline.inspection import QuarantineRead, ReadQuarantine
from towpath.contracts.pipeline.pipeline import PipelineFailure, PipelineOutcome, PipelineResult
from towpath.contracts.pipeline.process import PIPELINE
from towpath.control.deadletters import NotInQueueError, find_letter
from towpath.control.pipelines import request_of, run_handle, start_run
from towpath.views.tables import show_table
from towpath.views.wording import count

REPLAYABLE = frozenset({"extract", "transform"})
"""Stages that quarantine rows as they came from the source."""
LONGEST_ROW = 1_000
"""Characters of a row on a terminal; a file gets all of it, and so does JSON."""
THROUGH = frozenset({PipelineOutcome.LOADED, PipelineOutcome.NOTHING, PipelineOutcome.QUARANTINED})
"""Outcomes of runs that loaded all rows that were not set aside."""
EXPORTS = frozenset({".csv", ".ndjson", ".jsonl"})
MOST_REPLAYS = 100


@dataclass(frozen=True, slots=True)
class SetAside:
    """What is in quarantine of a run, less what its replays have loaded since."""

    run_key: str
    rows: tuple[QuarantinedRows, ...]
    replays: int = 0
    failed: bool = False
    """The run loaded nothing, or not everywhere: it has to end before anything is replayed."""


def register(app: typer.Typer) -> None:
    app.command("quarantine")(quarantine)


def quarantine(
    pipeline: Pipeline,
    show: Annotated[int, typer.Option(min=0, help="Show so many of the rows, with reason and position.")] = 0,
    export: Annotated[Path | None, typer.Option(help="Write all of them to a file: .csv or .ndjson.")] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Load the rows again, as the pipeline is now.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """What the latest run set aside and no replay has loaded since, by stage and rule.

    After a mend of the pipeline's file, --replay loads rows again that came from the source: each once, however often
    it is given. What is bad again stays in quarantine. --show and --export bring rows to this machine from the dataset
    store; of columns that the file calls personal, --show shows shapes and --export has the values.
    """
    if export is not None and export.suffix not in EXPORTS:
        fail(Exit.WRONG_INPUT, f"--export: {export} must end in one of {', '.join(sorted(EXPORTS))}")
    if replay and (show or export is not None):
        fail(Exit.WRONG_INPUT, "Give --replay by itself.")
    run(_quarantine(pipeline, show, export, replay=replay, as_json=as_json))


async def _quarantine(pipeline: str, show: int, export: Path | None, *, replay: bool, as_json: bool) -> None:
    temporal = await client()
    aside = await _latest(temporal, pipeline)
    if replay:
        await _replay(temporal, pipeline, aside, as_json=as_json)
        return
    if export is not None:
        task = ReadQuarantine(quarantine=aside.rows, file=str(export))
        rows = (await _read(task)).rows
        show_json({"file": str(export), "rows": rows}) if as_json else console.print(
            f"{count(rows, 'row')} written: {export}"
        )
        return
    shown = None
    if show:
        personal = tuple(sorted(personal_columns(pipeline)))
        shown = await _read(ReadQuarantine(quarantine=aside.rows, most=show, personal=personal))
    if as_json:
        listed = [one.model_dump(mode="json") for one in aside.rows]
        show_json(listed if shown is None else [one.model_dump(mode="json") for one in shown.shown])
        return
    _tell(aside)
    if shown is not None:
        _tell_rows(shown)


async def _latest(temporal: Client, pipeline: str) -> SetAside:
    """Of the latest run, whether it failed or not."""
    handle = await run_of(temporal, pipeline)
    try:
        first = await handle.result()
    except WorkflowFailureError as error:
        return await _until_failure(temporal, handle, error)
    if first.outcome not in THROUGH:
        return SetAside(first.run_key, first.quarantine, failed=True)
    name, left, replays = handle.id.split("/")[1], first.quarantine, 0
    while replays < MOST_REPLAYS:
        again = await _ended(temporal, f"{PIPELINE.name}/{name}/replay/{_replay_key(first.run_key, replays + 1)}")
        if again is None:
            break
        kept = tuple(rows for rows in left if rows.stage not in REPLAYABLE)
        left, replays = (*kept, *again.quarantine), replays + 1
    return SetAside(first.run_key, left, replays)


async def _until_failure(
    temporal: Client, handle: WorkflowHandle[Any, PipelineResult], error: WorkflowFailureError
) -> SetAside:
    """Ends the command for a run that failed before it had set anything aside."""
    known = None
    with suppress(NotInQueueError):
        failure = (await find_letter(temporal, handle.id)).failure
        known = failure.pipeline.resume if isinstance(failure, PipelineFailure) else None
    if known is None or not known.quarantine:
        tell_failure(PIPELINE, handle.id, error)
    return SetAside(known.run_key, known.quarantine, failed=True)


async def _ended(temporal: Client, workflow_id: str) -> PipelineResult | None:
    """How a replay ended; None when there was none, or it came to nothing. Ends the command for one under way."""
    handle = run_handle(temporal, workflow_id)
    try:
        status = (await handle.describe()).status
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    if status is WorkflowExecutionStatus.RUNNING:
        fail(Exit.REFUSED, f"{workflow_id} replays these rows now: follow it with `etl watch {workflow_id}`")
    if status is not WorkflowExecutionStatus.COMPLETED:
        await _nothing_loaded(temporal, workflow_id)
        return None
    result = await handle.result()
    return result if result.outcome in THROUGH else None


async def _nothing_loaded(temporal: Client, workflow_id: str) -> None:
    """Ends the command for a replay that failed halfway: a part that it loaded would be left out of another."""
    try:
        letter = await find_letter(temporal, workflow_id)
    except NotInQueueError:
        return
    failure = letter.failure
    if isinstance(failure, PipelineFailure) and failure.pipeline.resume is not None and failure.pipeline.resume.loads:
        mend = f"go on with it: starter.py queue redrive {workflow_id}"
        fail(Exit.REFUSED, f"{workflow_id} failed when some of its rows were loaded: {mend}")


async def _replay(temporal: Client, pipeline: str, aside: SetAside, *, as_json: bool) -> None:
    if aside.failed:
        fail(Exit.REFUSED, "the run did not load everywhere: run the pipeline again, which reads these rows too")
    rows = tuple(rows for rows in aside.rows if rows.stage in REPLAYABLE)
    if not rows:
        what = "everything that came from the source is loaded" if aside.replays else "nothing came from the source"
        if as_json:
            show_json({"outcome": "nothing-left", "replays": aside.replays})
        else:
            console.print(f"nothing to replay: {what}", markup=False)
        return
    config = await checked_config_of(pipeline)
    request = request_of(config, replay=rows, run_key=_replay_key(aside.run_key, aside.replays + 1))
    await finish(temporal, await start_run(temporal, request), as_json=as_json)


async def _read(task: ReadQuarantine) -> QuarantineRead:
    async with local_plane(reads_store=True) as plane:
        return await plane.run("read_quarantine", task, QuarantineRead, silent)


def _replay_key(run_key: str, number: int) -> str:
    """Names the load of a replay in the ledgers, so that each is done once."""
    return f"replay-{run_key}-{number}"


def _tell(aside: SetAside) -> None:
    after = f" after {aside.replays} replay{'s' if aside.replays > 1 else ''}" if aside.replays else ""
    if not aside.rows:
        console.print(f"nothing is in quarantine{after}")
        return
    table = Table("stage", "partition", "rows", "rules", box=None)
    for rows in aside.rows:
        rules = ", ".join(f"{rule}: {count}" for rule, count in rows.by_rule.items())
        table.add_row(rows.stage, rows.part.partition, f"{rows.part.rows:,}", rules)
    show_table(console, table)
    total = sum(rows.part.rows for rows in aside.rows)
    again = sum(rows.part.rows for rows in aside.rows if rows.stage in REPLAYABLE)
    note = "until the run ended without a load" if aside.failed else f"of which --replay can load {again:,} again"
    console.print(f"{count(total, 'row')}{after}, {note}", markup=False)


def _tell_rows(shown: QuarantineRead) -> None:
    for row in shown.shown:
        console.print(f"{row.position}: {row.reason} ({row.stage}, {row.rule})", markup=False, soft_wrap=True)
        console.print(f"  {clip(json.dumps(row.row, ensure_ascii=False), LONGEST_ROW)}", markup=False, soft_wrap=True)
