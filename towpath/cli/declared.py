"""`starter.py run`, `pause`, `resume`, `skip`, `set-output`, `emit`: runs of definitions."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import uuid4

import typer
from pydantic import ValidationError
from temporalio.client import Client

from towpath.cli.as_json import JsonFlag, json_argument, parsed_json, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.definition.reading import check_fetched, is_file, without_errors
from towpath.cli.endings import answered, follow, open_run
from towpath.cli.files import read_bytes
from towpath.cli.run_ids import By, Why
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.core.run import RunRecord
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.run import (
    CloudEvent,
    DeclaredRequest,
    Edit,
    PauseRequest,
)
from towpath.control.definitions import DefinitionError, Definitions, UnknownDefinitionError, make_request
from towpath.control.emitting import emit as emit_event
from towpath.control.reviews import edit_step
from towpath.engine.checks.loading import digest
from towpath.engine.language.mistakes import mistakes

RunOf = Annotated[str, typer.Argument(help="The run: DEFINITION/KEY.", metavar="RUN")]
Step = Annotated[str, typer.Argument(help="The step's id.", metavar="STEP")]
ANSWER_SECONDS = 10
SHOWN = 10


def register(app: typer.Typer) -> None:
    app.command("run")(run_definition)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("skip")(skip)
    app.command("set-output")(set_output)
    app.command("emit")(emit)


def run_definition(
    target: Annotated[
        str, typer.Argument(help="A published ID or ID@VERSION, or a file.", metavar="ID[@VERSION]|FILE")
    ],
    given: Annotated[
        str,
        typer.Option("--input", help="Inputs: a JSON object, a JSON file, or `-` for stdin.", metavar="JSON|FILE|-"),
    ] = "{}",
    key: Annotated[str | None, typer.Option(help="Names the run: the same key twice is one run.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result, and exit by it.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run a definition. Inputs are checked before anything starts.

    Example: starter.py run definitions/order-saga.yaml --input order.json --wait
    """
    run(_run(target, json_argument(given), key, wait=wait, as_json=as_json))


def pause(workflow_id: RunOf, by: By, reason: Why = "", as_json: JsonFlag = False) -> None:
    """Start no further step; what runs goes on."""
    run(_update(workflow_id, "pause", PauseRequest(by=by, reason=reason), as_json=as_json))


def resume(workflow_id: RunOf, by: By, reason: Why = "", as_json: JsonFlag = False) -> None:
    """Go on after a pause."""
    run(_update(workflow_id, "resume", PauseRequest(by=by, reason=reason), as_json=as_json))


def skip(workflow_id: RunOf, step: Step, by: By, reason: Why, as_json: JsonFlag = False) -> None:
    """Skip a step that has not ended."""
    run(_edit(workflow_id, "skip", Edit(step=step, by=by, reason=reason), as_json=as_json))


def set_output(
    workflow_id: RunOf,
    step: Step,
    value: Annotated[str, typer.Option(help="The output, as JSON.")],
    by: By,
    reason: Why,
    as_json: JsonFlag = False,
) -> None:
    """Supply the output of a step that has not ended."""
    edit = Edit(step=step, by=by, reason=reason, value=parsed_json(value, "--value"))
    run(_edit(workflow_id, "set_output", edit, as_json=as_json))


def emit(
    file: Annotated[
        Path | None, typer.Argument(help="A CloudEvents JSON file; `-` reads stdin.", metavar="[FILE]")
    ] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Instead of a file: the event's type.")] = None,
    subject: Annotated[str, typer.Option(help="What runs correlate with.")] = "",
    data: Annotated[str, typer.Option(help="The event's data, as JSON.")] = "null",
    event_id: Annotated[str | None, typer.Option("--id", help="Its id: delivered twice, it counts once.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Deliver an event to the runs that wait for it, and start those that its triggers start.

    Example: starter.py emit --type order.shipped --subject order-17 --data '{"carrier": "post"}'
    """
    run(_emit(_event(file, kind, subject, data, event_id), as_json=as_json))


async def _run(target: str, inputs: JsonObject, key: str | None, *, wait: bool, as_json: bool) -> None:
    temporal = await client()
    definitions = Definitions(temporal)
    request = await request_of(definitions, target, inputs)
    starting, mend = definitions.start(request, key), "; another --key is another run"
    await follow(DECLARED_RUN, temporal, starting, wait=wait, as_json=as_json, mend=mend)


async def request_of(definitions: Definitions, target: str, inputs: JsonObject | None) -> DeclaredRequest:
    """What starts a run. Ends the command for a definition that is not there, and for inputs that it does not take."""
    try:
        return await _found(definitions, target, inputs)
    except UnknownDefinitionError as error:
        fail(Exit.NOT_FOUND, str(error))
    except DefinitionError as error:
        fail(Exit.WRONG_INPUT, *str(error).split("; "))


async def _found(definitions: Definitions, target: str, inputs: JsonObject | None) -> DeclaredRequest:
    """Raises DefinitionError."""
    if is_file(target):
        checked = await check_fetched(Path(target), read_bytes(Path(target)))
        without_errors(target, checked.found)
        document: JsonObject = checked.document()
        request = make_request(document, digest(document), inputs)
    else:
        name, _, version = target.partition("@")
        request = await definitions.request(name, version or None, inputs)
    return request.model_copy(update={"sinks": tuple(settings().event_sinks)})


async def _update(workflow_id: str, name: str, request: PauseRequest, *, as_json: bool) -> None:
    async def send(temporal: Client) -> RunRecord:
        return await temporal.get_workflow_handle(workflow_id).execute_update(name, request, result_type=RunRecord)

    await _change(workflow_id, send, as_json=as_json)


async def _edit(workflow_id: str, verb: Literal["skip", "set_output"], edit: Edit, *, as_json: bool) -> None:
    await _change(workflow_id, lambda temporal: edit_step(temporal, workflow_id, verb, edit), as_json=as_json)


async def _change(workflow_id: str, send: Callable[[Client], Awaitable[RunRecord]], *, as_json: bool) -> None:
    temporal: Client = await client()
    await open_run(temporal, workflow_id)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            record = await answered(workflow_id, send(temporal))
    except TimeoutError:
        fail(Exit.UNREACHABLE, "No worker answered in time. Is one running? `python worker.py`")
    if as_json:
        show_json(record)
    else:
        console.print(record.edits[-1] if record.edits else f"{workflow_id}: nothing to do", markup=False)


async def _emit(event: CloudEvent, *, as_json: bool) -> None:
    emitted = await emit_event(await client(), event)
    if as_json:
        show_json({"id": event.id, **asdict(emitted)})
    else:
        console.print(f"{event.type} ({event.id})", markup=False)
        console.print(f"  told {len(emitted.told)} waiting runs", *(f"    {name}" for name in emitted.told), sep="\n")
        for name in emitted.started:
            console.print(f"  started {name}", markup=False)
        for problem in emitted.problems:
            console.print(f"  not started: {problem}", markup=False, soft_wrap=True)
        if emitted.unlisted:
            names = ", ".join(emitted.unlisted[:SHOWN]) + (", …" if len(emitted.unlisted) > SHOWN else "")
            told = f"{len(emitted.unlisted)} definitions are not in the index and were read one by one: {names}"
            console.print(f"  {told}; publish them once more", markup=False, soft_wrap=True)


def _event(file: Path | None, kind: str | None, subject: str, data: str, event_id: str | None) -> CloudEvent:
    if (file is None) == (kind is None):
        fail(Exit.WRONG_INPUT, "Give a CloudEvents JSON file, or --type.")
    if file is None:
        return CloudEvent(
            id=event_id or uuid4().hex,
            type=kind or "",
            subject=subject,
            time=datetime.now(UTC),
            data=parsed_json(data, "--data"),
        )
    try:
        event = CloudEvent.model_validate_json(read_bytes(file))
    except ValidationError as error:
        fail(Exit.WRONG_INPUT, f"{file}: is not a CloudEvent", *(f"  {line}" for line in mistakes(error)))
    return event
