"""`starter.py queue list | show | discard`."""

from typing import Annotated

import typer
from rich.table import Column, Table
from temporalio.client import Client

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.connection import client, run
from towpath.cli.run_ids import By, RunId, Why, full_id
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.run import Discard
from towpath.control import deadletters
from towpath.control.deadletters import Letter, NotInQueueError
from towpath.views.tables import show_table
from towpath.views.wording import count

app = typer.Typer()


@app.command("list")
def list_letters(
    queue: Annotated[str | None, typer.Argument(help="One queue, e.g. failed-onboarding; without it, all.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Failed runs that nobody has redriven or discarded yet."""
    run(_list(queue, as_json=as_json))


@app.command("show")
def show(workflow_id: RunId, as_json: JsonFlag = False) -> None:
    """Why a run failed, what was undone, and what a redrive would keep."""
    run(_show(full_id(workflow_id), as_json=as_json))


@app.command("discard")
def discard(
    workflow_id: RunId,
    by: By,
    reason: Why,
    as_json: JsonFlag = False,
) -> None:
    """Take a failed run out of its queue for good. Its history stays."""
    run(_discard(full_id(workflow_id), Discard(by=by, reason=reason), as_json=as_json))


async def _list(queue: str | None, *, as_json: bool) -> None:
    letters = await deadletters.list_letters(await client(), queue)
    if as_json:
        show_json([_as_json(letter) for letter in letters])
        return
    if not letters:
        console.print("The queue is empty.")
        return
    table = Table("failed (UTC)", "queue", "step", "failure", Column("run", overflow="fold"), box=None)
    for letter in letters:
        what = letter.letter
        table.add_row(f"{what.at:%Y-%m-%d %H:%M}", what.queue, what.step, what.failure.code, letter.workflow_id)
    show_table(console, table)


async def _show(workflow_id: str, *, as_json: bool) -> None:
    letter = await find(await client(), workflow_id)
    if as_json:
        show_json(_as_json(letter))
        return
    what = letter.letter
    console.print(
        f"{workflow_id} in {what.queue or 'no queue'}, failed at {in_utc(what.at)}",
        f"  step {what.step}: {what.failure.message} ({what.failure.code}, {count(what.failure.attempts, 'attempt')})",
        f"  undone: {', '.join(what.undone) or 'nothing'}",
        *([f"  STILL IN PLACE, or nobody knows: {', '.join(what.not_undone)}"] if what.not_undone else []),
        f"  a redrive keeps: {', '.join(letter.keeps) or 'nothing'}",
        f"redrive: python starter.py queue redrive {workflow_id}",
        f"discard: python starter.py queue discard {workflow_id} --as NAME --reason WHY",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )


async def _discard(workflow_id: str, wanted: Discard, *, as_json: bool) -> None:
    temporal = await client()
    letter = await find(temporal, workflow_id)
    started = await deadletters.discard(temporal, letter, wanted)
    if as_json:
        show_json({"workflow_id": workflow_id, "run_id": started.handle.result_run_id})
    else:
        console.print(f"discarded: {workflow_id}", markup=False)


async def find(temporal: Client, workflow_id: str) -> Letter:
    """Ends the command for a run that lies in no queue."""
    try:
        return await deadletters.find_letter(temporal, workflow_id)
    except NotInQueueError as error:
        fail(Exit.NOT_FOUND, str(error))


def _as_json(letter: Letter) -> dict[str, object]:
    """Without the request: a list is for scripts and logs, and the request holds the customer's data."""
    return {
        "workflow_id": letter.workflow_id,
        "run_id": letter.run_id,
        **letter.letter.model_dump(mode="json"),
        "redrive_keeps": letter.keeps,
    }
