"""Runs of every process and definition, found by what all of them share."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from towpath.contracts.core.listing import in_query
from towpath.contracts.core.process import DEFINITION_ID, PENDING_ASSIGNEES, PROCESS, ROLE, STATUS, SearchAttribute
from towpath.temporal.attributes import search_key

ENDINGS = {
    "running": "Running",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Canceled",
    "terminated": "Terminated",
    "timed-out": "TimedOut",
}
"""Temporal's own states, as people say them."""


@dataclass(frozen=True, slots=True)
class RunFound:
    """One run as a list shows it. `status` is the process's own word, `state` Temporal's."""

    workflow_id: str
    run_id: str
    process: str
    status: str
    state: str
    started_at: datetime
    ended_at: datetime | None


async def find_runs(
    client: Client, process: str | None = None, status: str | None = None, since: datetime | None = None
) -> AsyncIterator[RunFound]:
    """The newest first, without what serves other runs."""
    async for run in client.list_workflows(query_of(process, status, since)):
        yield _found(run)


def query_of(process: str | None, status: str | None, since: datetime | None) -> str:
    """Temporal's list filter. A process is named by its name or by the id of its definition."""
    wanted = [f"({PROCESS.name} IS NOT NULL OR {DEFINITION_ID.name} IS NOT NULL)", f"{ROLE.name} IS NULL"]
    if process is not None:
        wanted.append(f"({_is(PROCESS, process)} OR {_is(DEFINITION_ID, process)})")
    if status is not None:
        state = ENDINGS.get(status)
        wanted.append(
            f"({_is(STATUS, status)} OR ExecutionStatus = {in_query(state)})" if state else _is(STATUS, status)
        )
    if since is not None:
        wanted.append(f"StartTime >= {in_query(since.isoformat())}")
    return " AND ".join(wanted)


async def has_open_task(client: Client, workflow_id: str) -> bool:
    """Whether the latest run of an id waits for a person's decision."""
    found = await client.get_workflow_handle(workflow_id).describe()
    is_open = found.status is WorkflowExecutionStatus.RUNNING
    return is_open and bool(found.typed_search_attributes.get(search_key(PENDING_ASSIGNEES)))


def _is(attribute: SearchAttribute[str], value: str) -> str:
    return f"{attribute.name} = {in_query(value)}"


def _found(run: WorkflowExecution) -> RunFound:
    attributes = run.typed_search_attributes
    named = attributes.get(search_key(DEFINITION_ID)) or attributes.get(search_key(PROCESS))
    state = "unknown" if run.status is None else run.status.name.lower().replace("_", "-")
    status = attributes.get(search_key(STATUS)) or "unknown"
    process = named or run.workflow_type
    return RunFound(
        run.id, run.run_id, process, status, state.replace("canceled", "cancelled"), run.start_time, run.close_time
    )
