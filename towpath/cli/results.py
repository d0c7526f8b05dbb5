"""`starter.py runs result`: how a run of any process ended."""

from typing import Annotated

import typer

from towpath.cli.as_json import JsonFlag
from towpath.cli.connection import client, run
from towpath.cli.endings import finish
from towpath.cli.run_ids import RunId, full_id
from towpath.cli.terminal import Exit, fail
from towpath.registry import processes


def register(app: typer.Typer) -> None:
    app.command("result")(result)


def result(
    workflow_id: RunId,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait; without it, as long as it takes.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Wait for a run's result. Exits 0 for success: a customer onboarded, a campaign published, rows loaded, …"""
    run(_result(full_id(workflow_id), timeout, as_json=as_json))


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
