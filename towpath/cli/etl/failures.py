"""Why a pipeline's run failed, in words, and what to do next."""

from collections.abc import Mapping
from typing import NoReturn

from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError

from towpath.cli.terminal import Exit, fail
from towpath.contracts.core.failure import FailureCode

REDRIVE = "then: starter.py queue redrive {run}: it keeps what was whole"
AGAIN = "then: starter.py etl run {pipeline}: a redrive would go on with the file as it was"

NEXT: Mapping[str, tuple[str, str]] = {
    FailureCode.PIPELINE_SOURCE_MISSING: ("put the files where its path says, or mend the path in its file", AGAIN),
    FailureCode.PIPELINE_SOURCE_CHANGED: ("a file changed while it was read: wait until it is whole", REDRIVE),
    FailureCode.PIPELINE_SOURCE_INVALID: ("see `etl profile {pipeline}`, and mend the source in its file", AGAIN),
    FailureCode.PIPELINE_SOURCE_UNAVAILABLE: ("it was tried several times: wait until the source answers", REDRIVE),
    FailureCode.PIPELINE_SCHEMA_CHANGED: ("declare the source's columns as they are now, or change contract", AGAIN),
    FailureCode.PIPELINE_SPECIFICATION: ("mend what `etl check {pipeline}` names", AGAIN),
    FailureCode.PIPELINE_QUALITY: ("see `etl quarantine {pipeline} --show 20`, and mend rows or rules", AGAIN),
    FailureCode.PIPELINE_DESTINATION_REFUSED: ("mend the destination's table, or the target in its file", AGAIN),
    FailureCode.PIPELINE_DESTINATION_UNAVAILABLE: ("wait until the destination answers", REDRIVE),
    FailureCode.PIPELINE_CONNECTION: ("set it in TOWPATH_PIPELINE_CONNECTIONS of the worker", REDRIVE),
    FailureCode.PIPELINE_STORE: ("look at TOWPATH_DATASET_STORE: all workers have to share it", REDRIVE),
    FailureCode.PIPELINE_OUT_OF_MEMORY: (
        "give more by TOWPATH_PIPELINE_MEMORY_MIB, or cut the source smaller (partition)",
        REDRIVE,
    ),
    FailureCode.PIPELINE_CHILD_DIED: ("see whether the machine has enough memory", REDRIVE),
}
OTHERWISE = ("see: starter.py queue show {run}", REDRIVE)


def explained(error: WorkflowFailureError) -> tuple[str, str]:
    """What failed, and the code of it."""
    cause = error.cause
    if isinstance(cause, CancelledError):
        return "cancelled", "cancelled"
    if isinstance(cause, TerminatedError):
        return "terminated: what it had done is in no queue; run it again", "terminated"
    return str(cause), cause.type or "" if isinstance(cause, ApplicationError) else ""


def tell_failed(workflow_id: str, error: WorkflowFailureError) -> NoReturn:
    """Ends the command with what failed, and the next step."""
    what, code = explained(error)
    if code in {"cancelled", "terminated"}:
        fail(Exit.REFUSED, f"{workflow_id}: {what}")
    pipeline = workflow_id.split("/")[1]
    steps = (step.format(run=workflow_id, pipeline=pipeline) for step in NEXT.get(code, OTHERWISE))
    fail(Exit.REFUSED, f"{workflow_id}: {what} ({code})", *steps)
