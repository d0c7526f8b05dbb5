"""`starter.py run`, `run-status`, `pause`, `resume`, `skip`, `set-output`, `redrive`, `emit`: runs of definitions."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import JsonValue, ValidationError
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.definition.reading import catalogue_of_this_place, is_file, tell_problems
from towpath.cli.endings import follow, open_run
from towpath.cli.files import STDIN, read_bytes, read_text
from towpath.cli.status import show_status
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.core.run import RunRecord
from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.run import (
    CloudEvent,
    DeclaredFailure,
    DeclaredRequest,
    Edit,
    PauseRequest,
)
from towpath.control import deadletters
from towpath.control.deadletters import NotInQueueError
from towpath.control.definitions import DefinitionError, Definitions, UnknownDefinitionError, make_request
from towpath.control.emitting import emit as emit_event
from towpath.engine.checks.check import check_text
from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.run.redriving import kept_outputs, sent_again

RunOf = Annotated[str, typer.Argument(help="The run: DEFINITION/KEY.", metavar="RUN")]
By = Annotated[str, typer.Option("--as", "--by", help="Who does it.", metavar="NAME")]
Why = Annotated[str, typer.Option(help="Why; kept in the run's record.")]
Step = Annotated[str, typer.Argument(help="The step's id.", metavar="STEP")]
ANSWER_SECONDS = 10


def register(app: typer.Typer) -> None:
    app.command("run")(run_definition)
    app.command("run-status")(run_status)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("skip")(skip)
    app.command("set-output")(set_output)
    app.command("redrive")(redrive)
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
    run(_run(target, _object(given), key, wait=wait, as_json=as_json))


def run_status(
    workflow_id: RunOf,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the run until it ends.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Every step: state, attempts, times, cost, what it waits for until when, and what people changed by hand."""
    run(show_status(workflow_id, watch=watch, as_json=as_json))


def pause(workflow_id: RunOf, by: By, reason: Why = "", as_json: JsonFlag = False) -> None:
    """Start no further step; what runs goes on."""
    run(_update(workflow_id, "pause", PauseRequest(by=by, reason=reason), as_json=as_json))


def resume(workflow_id: RunOf, by: By, reason: Why = "", as_json: JsonFlag = False) -> None:
    """Go on after a pause."""
    run(_update(workflow_id, "resume", PauseRequest(by=by, reason=reason), as_json=as_json))


def skip(workflow_id: RunOf, step: Step, by: By, reason: Why, as_json: JsonFlag = False) -> None:
    """Skip a step that has not ended."""
    run(_update(workflow_id, "skip", Edit(step=step, by=by, reason=reason), as_json=as_json))


def set_output(
    workflow_id: RunOf,
    step: Step,
    value: Annotated[str, typer.Option(help="The output, as JSON.")],
    by: By,
    reason: Why,
    as_json: JsonFlag = False,
) -> None:
    """Supply the output of a step that has not ended."""
    edit = Edit(step=step, by=by, reason=reason, value=_json(value, "--value"))
    run(_update(workflow_id, "set_output", edit, as_json=as_json))


def redrive(
    workflow_id: RunOf,
    with_definition: Annotated[
        str | None, typer.Option("--with", help="Another version: ID@VERSION or a file.", metavar="ID[@VERSION]|FILE")
    ] = None,
    outputs: Annotated[
        list[str] | None, typer.Option("--set", help="STEP=JSON: use this output instead of doing the step again.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be kept and done again.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Continue a failed run where it failed: completed steps are kept, and effects keep their keys."""
    given = dict(_assignment(text) for text in outputs or [])
    run(_redrive(workflow_id, with_definition, given, dry_run=dry_run, as_json=as_json))


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
    request = await _request(definitions, target, inputs)
    try:
        started = await definitions.start(request, key)
    except WorkflowAlreadyStartedError as error:
        fail(
            Exit.REFUSED,
            f"{error.workflow_id}: this run has ended already; another --key is another run.",
            f"See how: python starter.py run-status {error.workflow_id}",
        )
    await follow(DECLARED_RUN, temporal, started, wait=wait, as_json=as_json)


async def _request(definitions: Definitions, target: str, inputs: JsonObject | None) -> DeclaredRequest:
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
        found = check_text(read_bytes(Path(target)), catalogue_of_this_place())
        if not found.ok:
            tell_problems(target, found)
            raise typer.Exit(Exit.REFUSED)
        document: JsonObject = found.source.value
        request = make_request(document, digest(document), inputs)
    else:
        name, _, version = target.partition("@")
        request = await definitions.request(name, version or None, inputs)
    return request.model_copy(update={"sinks": tuple(settings().event_sinks)})


async def _update(workflow_id: str, name: str, request: Edit | PauseRequest, *, as_json: bool) -> None:
    temporal: Client = await client()
    await open_run(temporal, workflow_id)
    handle = temporal.get_workflow_handle(workflow_id)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            record: RunRecord = await handle.execute_update(name, request, result_type=RunRecord)
    except TimeoutError:
        fail(Exit.UNREACHABLE, "No worker answered in time. Is one running? `python worker.py`")
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        fail(Exit.REFUSED, f"{workflow_id}: refused: {cause.message if isinstance(cause, ApplicationError) else cause}")
    if as_json:
        show_json(record)
    else:
        console.print(record.edits[-1] if record.edits else f"{workflow_id}: nothing to do", markup=False)


async def _redrive(
    workflow_id: str, target: str | None, outputs: dict[str, JsonValue], *, dry_run: bool, as_json: bool
) -> None:
    temporal = await client()
    try:
        letter = await deadletters.find_letter(temporal, workflow_id)
    except NotInQueueError as error:
        fail(Exit.NOT_FOUND, str(error))
    if not isinstance(letter.failure, DeclaredFailure):
        fail(
            Exit.WRONG_INPUT, f"{workflow_id} is no run of a definition: python starter.py queue redrive {workflow_id}"
        )
    request = letter.failure.request
    if target is not None:
        edited = await _request(Definitions(temporal), target, request.inputs)
        request = request.model_copy(
            update={"definition": edited.definition, "digest": edited.digest, "secrets": edited.secrets}
        )
    before = load_plan(letter.failure.request.digest, letter.failure.request.definition)
    after = load_plan(request.digest, request.definition)
    unknown = [step for step in outputs if step not in after.by_id]
    if unknown:
        fail(Exit.WRONG_INPUT, f"--set: there is no step {', '.join(unknown)}")
    kept, again = kept_outputs(before, after, letter.failure.completed)
    seed = {**kept, **outputs}
    earlier, sends = letter.failure.sending, dict[str, str]()
    if earlier is not None:
        earlier, sends = sent_again(before, after, earlier, seed)
    told = {"kept": sorted(seed), "again": again, "failed_step": letter.letter.step, "sends": sends}
    if not dry_run:
        edited = {"seed": seed, "earlier": earlier, "redrive_of": letter.run_id}
        await deadletters.redrive(temporal, letter, request.model_copy(update=edited))
    if as_json:
        show_json({"workflow_id": workflow_id, "dry_run": dry_run, **told})
        return
    console.print(
        f"{'would redrive' if dry_run else 'redriven'}: {workflow_id} from {letter.letter.step}", markup=False
    )
    console.print(f"  kept: {', '.join(told['kept']) or 'nothing'}", markup=False)
    for step, why in again.items():
        console.print(f"  done again: {step} ({why})", markup=False)
    for step, how in sends.items():
        console.print(f"  sent: {step} {how}", markup=False)


async def _emit(event: CloudEvent, *, as_json: bool) -> None:
    emitted = await emit_event(await client(), event)
    if as_json:
        show_json({"id": event.id, "told": emitted.told, "started": emitted.started, "problems": emitted.problems})
    else:
        console.print(f"{event.type} ({event.id})", markup=False)
        console.print(f"  told {len(emitted.told)} waiting runs", *(f"    {name}" for name in emitted.told), sep="\n")
        for name in emitted.started:
            console.print(f"  started {name}", markup=False)
        for problem in emitted.problems:
            console.print(f"  not started: {problem}", markup=False, soft_wrap=True)


def _event(file: Path | None, kind: str | None, subject: str, data: str, event_id: str | None) -> CloudEvent:
    if (file is None) == (kind is None):
        fail(Exit.WRONG_INPUT, "Give a CloudEvents JSON file, or --type.")
    if file is None:
        return CloudEvent(
            id=event_id or uuid4().hex,
            type=kind or "",
            subject=subject,
            time=datetime.now(UTC),
            data=_json(data, "--data"),
        )
    try:
        event = CloudEvent.model_validate_json(read_bytes(file))
    except ValidationError as error:
        fail(
            Exit.WRONG_INPUT,
            f"{file}: is not a CloudEvent",
            *(
                f"  {'.'.join(map(str, problem['loc'])) or 'file'}: {problem['msg'].lower()}"
                for problem in error.errors()
            ),
        )
    return event


def _assignment(text: str) -> tuple[str, JsonValue]:
    step, sign, value = text.partition("=")
    if not sign:
        fail(Exit.WRONG_INPUT, f"--set: write STEP=JSON, not {text!r}")
    return step, _json(value, f"--set {step}")


def _json(text: str, what: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        fail(Exit.WRONG_INPUT, f"{what}: is not JSON; a text needs quotes: '\"text\"'")
    return value


def _object(given: str) -> JsonObject:
    text = given
    if given == "-":
        text = read_text(STDIN)
    elif not given.lstrip().startswith("{"):
        text = read_text(Path(given))
    found = json_object(text)
    if found is None:
        fail(Exit.WRONG_INPUT, f"--input: {given[:60]} is no JSON object, and no file that holds one")
    return found
