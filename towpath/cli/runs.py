"""`starter.py runs list | watch | explain | result`: runs of any process and definition."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Column, Table
from temporalio.client import Client

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.connection import client, run
from towpath.cli.endings import finish
from towpath.cli.run_ids import RunId, full_id
from towpath.cli.status import read_record, show_status
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.core.run import DeadLetter
from towpath.control.deadletters import NotInQueueError, find_letter
from towpath.control.runs import RunFound, find_runs, has_open_task
from towpath.registry import processes
from towpath.views.explaining import explain as in_words

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

app = typer.Typer()


@app.command("list")
def list_runs(
    process: Annotated[str | None, typer.Option(help="Only of this process, or of this definition.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only with this status, as in waiting-for-review, running, failed.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only begun since: 30m, 6h, 2d, or a time as in 2027-03-28T09:00.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Runs of all processes and definitions, the newest first."""
    run(_list(process, status, None if since is None else _moment(since), limit, as_json=as_json))


@app.command("watch")
def watch(workflow_id: RunId, as_json: JsonFlag = False) -> None:
    """Follow a run until it ends.

    With --json each change of its record is an object on a line of its own.
    """
    run(show_status(full_id(workflow_id), watch=True, as_json=as_json))


@app.command("explain")
def explain(workflow_id: RunId, as_json: JsonFlag = False) -> None:
    """In words: what a run waits for, what failed, and what to do next."""
    run(_explain(full_id(workflow_id), as_json=as_json))


@app.command("result")
def result(
    workflow_id: RunId,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait; without it, as long as it takes.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Wait for a run's result. Exits 0 for success: a customer onboarded, a campaign published, rows loaded, …"""
    run(_result(full_id(workflow_id), timeout, as_json=as_json))


async def _list(process: str | None, status: str | None, since: datetime | None, limit: int, *, as_json: bool) -> None:
    found: list[RunFound] = []
    async for one in find_runs(await client(), process, status, since):
        found.append(one)
        if len(found) == limit:
            break
    if as_json:
        show_json([asdict(one) for one in found])
        return
    if not found:
        console.print("No run.")
        return
    table = Table("begun (UTC)", "process", "status", "state", Column("run", overflow="fold"), box=None)
    for one in found:
        table.add_row(f"{one.started_at:%Y-%m-%d %H:%M}", one.process, one.status, one.state, one.workflow_id)
    console.print(table)


async def _explain(workflow_id: str, *, as_json: bool) -> None:
    temporal = await client()
    record = await read_record(temporal.get_workflow_handle(workflow_id))
    letter = await _letter(temporal, workflow_id)
    told = in_words(record, letter, has_task=await has_open_task(temporal, workflow_id))
    if as_json:
        show_json(asdict(told))
        return
    console.print(*told.lines, *(f"  next: {one}" for one in told.next), sep="\n", markup=False, soft_wrap=True)


async def _result(workflow_id: str, seconds: float | None, *, as_json: bool) -> None:
    temporal = await client()
    kind = (await temporal.get_workflow_handle(workflow_id).describe()).workflow_type
    process = processes().get(kind)
    if process is None:
        fail(
            Exit.WRONG_INPUT, f"{workflow_id} is a run of {kind}, which is part of a process: ask for that of the whole"
        )
    handle = temporal.get_workflow_handle(workflow_id, result_type=process.result)
    await finish(process, handle, seconds, as_json=as_json)


async def _letter(temporal: Client, workflow_id: str) -> DeadLetter | None:
    try:
        return (await find_letter(temporal, workflow_id)).letter
    except NotInQueueError:
        return None


def _moment(text: str) -> datetime:
    """A length of time before now, or a moment; without an offset, in UTC."""
    length = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    try:
        if length is not None:
            return datetime.now(UTC) - int(length[1]) * UNITS[length[2]]
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        fail(Exit.WRONG_INPUT, f"--since: {text!r} is no time: give it as in 6h, 2d or 2027-03-28T09:00")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
