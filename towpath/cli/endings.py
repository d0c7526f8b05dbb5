"""How a command waits for the end of a run, and says why one failed."""

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError, CancelledError

from towpath.cli.terminal import Exit, fail

EndT = TypeVar("EndT")


def tell_failure(workflow_id: str, error: WorkflowFailureError) -> NoReturn:
    """Say why a run failed, and end the command."""
    cause = error.cause
    if isinstance(cause, CancelledError):
        fail(Exit.REFUSED, f"{workflow_id}: cancelled", f"What was undone: python starter.py run-status {workflow_id}")
    kind = f" ({cause.type})" if isinstance(cause, ApplicationError) else ""
    fail(Exit.REFUSED, f"{workflow_id}: failed: {cause}{kind}", f"See: python starter.py queue show {workflow_id}")


async def ended_run(
    handle: WorkflowHandle[Any, EndT],
    seconds: float | None,
    tell: Callable[[str, WorkflowFailureError], NoReturn] = tell_failure,
) -> EndT:
    """The result. Ends the command for a run that failed, or goes on for longer than that."""
    try:
        return await asyncio.wait_for(handle.result(), seconds)
    except TimeoutError:
        fail(Exit.TIMED_OUT, f"{handle.id}: still running after {seconds or 0:.0f} s")
    except WorkflowFailureError as error:
        tell(handle.id, error)


async def open_run(temporal: Client, workflow_id: str) -> None:
    """Ends the command for a run that has ended: nothing can be done to it any more."""
    status = (await temporal.get_workflow_handle(workflow_id).describe()).status
    if status is not None and status is not WorkflowExecutionStatus.RUNNING:
        fail(Exit.REFUSED, f"{workflow_id}: has ended ({status.name.lower()}); nothing was changed")


def refused(workflow_id: str, error: WorkflowUpdateFailedError) -> NoReturn:
    """Say why a run did not take an update, and end the command."""
    cause = error.cause
    code = f" ({cause.type})" if isinstance(cause, ApplicationError) else ""
    text = cause.message if isinstance(cause, ApplicationError) else str(cause)
    fail(Exit.REFUSED, f"{workflow_id}: refused: {text}{code}")
