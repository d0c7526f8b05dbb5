"""How a command waits for the end of a run, and says why one failed."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, NoReturn, TypeVar

import typer
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from towpath.cli.as_json import show_json
from towpath.cli.connection import page_of, say_started
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.core.process import Process
from towpath.contracts.core.wire import Wire
from towpath.control.temporal import Started
from towpath.registry import AnyProcess
from towpath.views.processes import views_of

RequestT = TypeVar("RequestT", bound=Wire)
EndT = TypeVar("EndT", bound=Wire)
FailureT = TypeVar("FailureT", bound=Wire)
AnswerT = TypeVar("AnswerT")


def tell_failure(process: AnyProcess, workflow_id: str, error: WorkflowFailureError) -> NoReturn:
    """Say why a run failed, and end the command."""
    fail(Exit.REFUSED, *views_of(process).failure(workflow_id, error))


async def follow(
    process: Process[RequestT, EndT, FailureT],
    temporal: Client,
    starting: Awaitable[Started],
    *,
    wait: bool,
    as_json: bool,
    mend: str = "",
) -> None:
    """Tell of a run that starts or is joined; with `wait`, wait for its end, print its result, and exit by it.

    `mend` is what to do about a run of that id that has ended well.
    """
    try:
        started = await starting
    except WorkflowAlreadyStartedError as error:
        what = f"{error.workflow_id}: this run has ended already{mend}."
        fail(Exit.REFUSED, what, f"See how: python starter.py runs result {error.workflow_id}")
    handle = started.handle
    page = page_of(handle, temporal)
    if as_json and not wait:
        show_json({"workflow_id": handle.id, "run_id": handle.result_run_id, "existing": started.existing, "url": page})
    elif not as_json:
        say_started(started, page)
    if wait:
        await finish(process, handle, None, as_json=as_json)


async def finish(
    process: Process[RequestT, EndT, FailureT],
    handle: WorkflowHandle[Any, EndT],
    seconds: float | None,
    *,
    as_json: bool,
) -> None:
    """Wait for a run, print its result, and exit by it."""
    show_end(process, await ended_run(process, handle, seconds), as_json=as_json)


def show_end(
    process: Process[RequestT, EndT, FailureT],
    ended: EndT,
    *,
    as_json: bool,
    warnings: Sequence[str] | None = None,
) -> None:
    """Print a result, and exit by it; JSON has the warnings of the command that started the run."""
    if as_json:
        show_json(ended if warnings is None else ended.model_dump(mode="json") | {"warnings": warnings})
    else:
        console.print(*views_of(process).result(ended), sep="\n", markup=False, soft_wrap=True)
    exit_by(process, ended)


def exit_by(process: Process[RequestT, EndT, FailureT], ended: EndT) -> None:
    if not process.succeeded(ended):
        raise typer.Exit(Exit.REFUSED)


async def ended_run(
    process: Process[RequestT, EndT, FailureT], handle: WorkflowHandle[Any, EndT], seconds: float | None
) -> EndT:
    """The result. Ends the command for a run that failed, or goes on for longer than that."""
    try:
        return await asyncio.wait_for(handle.result(), seconds)
    except TimeoutError:
        fail(Exit.TIMED_OUT, f"{handle.id}: still running after {seconds or 0:.0f} s")
    except WorkflowFailureError as error:
        tell_failure(process, handle.id, error)


async def open_run(temporal: Client, workflow_id: str) -> None:
    """Ends the command for a run that has ended: nothing can be done to it any more."""
    status = (await temporal.get_workflow_handle(workflow_id).describe()).status
    if status is not None and status is not WorkflowExecutionStatus.RUNNING:
        fail(Exit.REFUSED, f"{workflow_id}: has ended ({status.name.lower()}); nothing was changed")


async def answered(workflow_id: str, update: Awaitable[AnswerT]) -> AnswerT:
    """What a run answers to an update. Ends the command, and says why, when the run refuses it."""
    try:
        return await update
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        code = f" ({cause.type})" if isinstance(cause, ApplicationError) else ""
        text = cause.message if isinstance(cause, ApplicationError) else str(cause)
        fail(Exit.REFUSED, f"{workflow_id}: refused: {text}{code}")
