"""What people are told about a pipeline: tasks, failures. Counts, columns and rules; never a value of a row."""

from towpath.contracts.core.claude import Provenance
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.review import ReviewTask
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.pipeline.quality import Quality
from towpath.contracts.pipeline.transformation import BackTest, FrozenSpecification
from towpath.policy.core.models import is_claude

_EVENTS = {
    "opened": "Decision needed",
    "reminder": "Reminder: decision needed",
    "escalation": "Escalated: decision needed",
    "closed": "Decided",
}
MOST_TOLD = 8


def author(provenance: Provenance) -> str:
    """Who an answer is from; what is not Claude's is called so wherever it is shown."""
    model = provenance.model
    return f"Claude ({model})" if is_claude(model) else f"{model}, which is no model of Claude's,"


def proposal_note(frozen: FrozenSpecification) -> str:
    """Empty for a specification that was written, or that Claude proposed."""
    if frozen.provenance is None or is_claude(frozen.provenance.model):
        return ""
    return f"the specification {frozen.digest} is from {frozen.provenance.model}, which is no model of Claude's"


def review_notice(task: ReviewTask, event: str) -> tuple[str, str]:
    """Title and text about a task."""
    lines = [*task.reasons, f"Run: {task.workflow_id}", f"Until: {in_utc(task.due_at)}"]
    if event == "closed":
        decided = task.decision
        lines.append("Nobody decided in time" if decided is None else f"{decided.verdict} by {decided.reviewer}")
    return f"{_EVENTS.get(event, event)}: {task.title}", "\n".join(lines)


def specification_reasons(frozen: FrozenSpecification, tested: BackTest) -> tuple[str, ...]:
    """Why a person is asked about a new specification, and what it did to the sample."""
    operations = frozen.specification.operations
    names = ", ".join(operation.op for operation in operations[:MOST_TOLD])
    nulls = ", ".join(f"{column}: {count}" for column, count in sorted(tested.nulls_made.items())[:MOST_TOLD])
    by = "Claude" if frozen.provenance is None else author(frozen.provenance)
    return (
        f"{by} proposed a specification for {frozen.specification.source}: {len(operations)} operations ({names})",
        f"on the sample: {tested.rows} rows, {tested.quarantined} quarantined, nulls made: {nulls or 'none'}",
        f"digest {frozen.digest}; before and after: the query `pipeline` of this run",
    )


def quality_reasons(quality: Quality) -> tuple[str, ...]:
    """Why a person is asked about the quality."""
    failing = [result for result in quality.results if result.failed]
    failing.sort(key=lambda result: result.passing)
    return (
        f"the score is {quality.score:.4f}, the threshold {quality.threshold}",
        f"{quality.valid:,} of {quality.rows:,} rows are valid, {quality.quarantined:,} quarantined",
        *(f"{result.rule}: {result.failed:,} of {result.rows:,} fail" for result in failing[:MOST_TOLD]),
    )


def failure_notice(pipeline: str, workflow_id: str, letter: DeadLetter) -> tuple[str, str]:
    """Title and text about a run that failed and waits in its queue."""
    stays = f"Rows are in, or may be: {', '.join(letter.not_undone)}\n" if letter.not_undone else ""
    return (
        f"Pipeline {pipeline} failed in {letter.step}",
        f"{letter.failure.message} ({letter.failure.code})\nRun: {workflow_id}, in queue {letter.queue}\n{stays}"
        f"Redrive: python starter.py queue redrive {workflow_id}",
    )
