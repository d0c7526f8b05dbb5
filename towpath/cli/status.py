"""`starter.py runs status | cancel`: any run as it stands, and its end before its time."""

import asyncio
import getpass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.live import Live
from temporalio.client import Client, WorkflowHandle

from towpath.cli.as_json import JsonFlag, show_json, show_json_line
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.endings import open_run
from towpath.cli.run_ids import RunId, Why, full_id
from towpath.cli.terminal import console
from towpath.contracts.core.run import Cancellation, RunRecord, StepState
from towpath.views.live import WatchedRun, panel


def register(app: typer.Typer) -> None:
    app.command("status")(status)
    app.command("run-status")(status)
    app.command("cancel")(cancel)


POLL_SECONDS = 0.5


def status(
    workflow_id: RunId,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the run until it ends.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Every step with state, attempts, times and cost, and what the run waits for until when."""
    run(show_status(full_id(workflow_id), watch=watch, as_json=as_json))


def cancel(
    workflow_id: RunId,
    by: Annotated[
        str,
        typer.Option("--as", "--by", help="Who does it. [TOWPATH_PERSON, else your login name]", metavar="NAME"),
    ] = "",
    reason: Why = "",
    as_json: JsonFlag = False,
) -> None:
    """Cancel a run. What it did is undone."""
    why = Cancellation.of(by or settings().person or _login(), reason)
    run(_cancel(full_id(workflow_id), why, as_json=as_json))


def _login() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "somebody"


async def show_status(workflow_id: str, *, watch: bool, as_json: bool) -> None:
    """The record of a run of any process."""
    handle = (await client()).get_workflow_handle(workflow_id)
    record = await read_record(handle)
    if as_json and watch:
        await _follow_as_json(handle, record)
        return
    if as_json:
        show_json(record)
        return
    watched = WatchedRun(workflow_id, record)
    if not watch:
        console.print(panel(watched), f"cost: {record.cost.in_words}")
        return
    with Live(panel(watched), console=console) as live:
        while watched.record is not None and watched.record.ended_at is None:
            await asyncio.sleep(POLL_SECONDS)
            watched.record = await read_record(handle)
            live.update(panel(watched))


async def _follow_as_json(handle: WorkflowHandle[Any, Any], record: RunRecord) -> None:
    show_json_line(record.model_dump(mode="json"))
    while record.ended_at is None:
        await asyncio.sleep(POLL_SECONDS)
        before, record = record, await read_record(handle)
        if record != before:
            show_json_line(record.model_dump(mode="json"))


async def read_record(handle: WorkflowHandle[Any, Any]) -> RunRecord:
    """The run's own record, with the attempts that Temporal has counted for steps under way."""
    record: RunRecord = await handle.query("status", result_type=RunRecord)
    if record.ended_at is not None:
        return record
    pending = (await handle.describe()).raw_description.pending_activities
    attempts = {activity.activity_id.partition("/")[0]: activity for activity in pending if activity.attempt > 1}
    steps = tuple(
        step.model_copy(
            update={
                "attempts": attempts[step.step].attempt,
                "note": f"last failure: {attempts[step.step].last_failure.application_failure_info.type}",
            }
        )
        if step.step in attempts and step.state is StepState.RUNNING
        else step
        for step in record.steps
    )
    return record.model_copy(update={"steps": steps})


async def _cancel(workflow_id: str, why: Cancellation, *, as_json: bool) -> None:
    temporal: Client = await client()
    await open_run(temporal, workflow_id)
    await temporal.get_workflow_handle(workflow_id).cancel(reason=why.in_words)
    if as_json:
        show_json({"workflow_id": workflow_id, "cancel_requested_at": datetime.now(UTC), "by": why.by})
    else:
        console.print(f"{workflow_id}: cancellation requested; what it did will be undone", markup=False)
