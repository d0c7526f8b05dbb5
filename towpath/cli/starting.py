"""`starter.py start`: a run of any process that has no command of its own for that."""

from typing import Annotated

import typer
from pydantic import ValidationError

from towpath.cli.as_json import JsonFlag, json_argument
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.endings import follow
from towpath.cli.terminal import Exit, fail
from towpath.contracts.core.wire import JsonObject, Wire
from towpath.control.temporal import start
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.mistakes import mistakes
from towpath.registry import AnyProcess, processes


def register(app: typer.Typer) -> None:
    app.command("start")(start_process)


def start_process(
    name: Annotated[str, typer.Argument(help="The process, as in refund.", metavar="PROCESS")],
    given: Annotated[
        str,
        typer.Option(
            "--input", help="The request: a JSON object, a JSON file, or `-` for stdin.", metavar="JSON|FILE|-"
        ),
    ] = "{}",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result, and exit by it.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Start a run of a process. Starting twice for one key is one run.

    Example: starter.py start refund --input '{"reference": "r-17"}' --wait
    """
    process = _startable(name)
    run(_start(process, _request(process, json_argument(given)), wait=wait, as_json=as_json))


def _startable(name: str) -> AnyProcess:
    process = processes().get(name)
    if process is None:
        known = [each.name for each in processes().values() if not each.command]
        fail(Exit.WRONG_INPUT, f"there is no process {name!r}{did_you_mean(name, known)}")
    if process.command:
        fail(Exit.WRONG_INPUT, f"{name} has a command of its own: python starter.py {process.command} --help")
    return process


def _request(process: AnyProcess, document: JsonObject) -> Wire:
    """The request, or all that is wrong with it at once."""
    try:
        request: Wire = process.request.model_validate(document, extra="forbid")
    except ValidationError as error:
        fail(Exit.WRONG_INPUT, *(f"--input: {line}" for line in mistakes(error, process.request.model_fields)))
    return request


async def _start(process: AnyProcess, request: Wire, *, wait: bool, as_json: bool) -> None:
    temporal = await client()
    workflow_id = process.workflow_id(request, settings().customer_salt.get_secret_value().encode())
    starting = start(temporal, process, request, workflow_id=workflow_id)
    await follow(process, temporal, starting, wait=wait, as_json=as_json)
