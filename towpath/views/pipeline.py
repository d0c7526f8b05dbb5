"""How a run of a pipeline ended in words: what it did, or why it failed and what to do next."""

from collections.abc import Mapping

from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.pipeline import PipelineOutcome, PipelineResult
from towpath.views.processes import Views
from towpath.views.wording import count

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
    FailureCode.PATH_REFUSED: ("name a path that the worker may use (docs/operations.md, Roots)", AGAIN),
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


def failure_lines(workflow_id: str, error: WorkflowFailureError) -> list[str]:
    """What failed, and the next step."""
    what, code = explained(error)
    if code in {"cancelled", "terminated"}:
        return [f"{workflow_id}: {what}"]
    pipeline = workflow_id.split("/")[1]
    steps = (step.format(run=workflow_id, pipeline=pipeline) for step in NEXT.get(code, OTHERWISE))
    return [f"{workflow_id}: {what} ({code})", *steps]


def result_lines(ended: PipelineResult) -> list[str]:
    """A result in lines for people."""
    lines = [f"outcome: {ended.outcome}, {ended.seconds:.1f} s"]
    for stage in ("extract", "transform", "quality"):
        metrics = [one for one in ended.metrics if one.stage == stage]
        if metrics:
            rows, seconds = sum(one.rows_out for one in metrics), sum(one.seconds for one in metrics)
            bad = sum(one.rows_quarantined for one in metrics)
            parts = count(len(metrics), "part")
            lines.append(f"{stage}: {count(rows, 'row')}, {bad:,} quarantined, {parts}, {seconds:.1f} s in all")
    lines += [f"quality, round {one.round}: {one.score:.4f} (threshold {one.threshold})" for one in ended.quality]
    for load in ended.loads:
        told = f"{load.inserted:,} inserted, {load.updated:,} updated, {load.stale:,} stale"
        lines.append(f"{load.destination}: {load.state}, {told}{f', {load.failure}' if load.failure else ''}")
    if ended.specification is not None:
        lines.append(f"specification: {ended.specification.digest} ({ended.specification.origin})")
    if ended.outcome is PipelineOutcome.QUARANTINED:
        lines.append(f"no row was good enough: etl quarantine {ended.pipeline} --show 20")
    lines += [f"note: {note}" for note in ended.notes]
    lines += [f"watermark: {ended.watermark}"] if ended.watermark else []
    lines += [f"without {step}: {note}" for step, note in ended.degraded.items()]
    return [*lines, f"cost: {ended.cost.in_words}"]


VIEWS = Views(result=result_lines, failure=failure_lines)
