"""Runs that stand still because their workflow task fails again and again, found by Temporal's own attribute."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.api.common.v1 import WorkflowExecution as Execution
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecution

from towpath.control.placing import moment_of, of_run
from towpath.integrations.storage.codec import DecryptionError

AT_ONCE = 20
QUERY = "TemporalReportedProblems IS NOT NULL AND ExecutionStatus = 'Running'"
"""The attribute stays on a run that was ended: only open ones stand still."""
CAUSE = "WORKFLOW_TASK_FAILED_CAUSE_"


@dataclass(frozen=True, slots=True)
class Problem:
    """One run that stands still: `attempt` counts the tries of its present task, `since` is the first that failed."""

    workflow_id: str
    run_id: str
    type: str
    since: datetime
    attempt: int
    cause: str
    message: str

    @property
    def remedies(self) -> tuple[str, str]:
        """Commands of Temporal that help when code that fits cannot be deployed: from the beginning, or not at all."""
        run = f"--workflow-id '{self.workflow_id}' --run-id {self.run_id}"
        return (
            f"temporal workflow reset {run} --type FirstWorkflowTask --reason 'its code has changed'",
            f"temporal workflow terminate {run} --reason 'given up'",
        )


async def list_problems(client: Client) -> list[Problem]:
    """All that stand still now, the longest first. A server tells of a run after some failed tries, two on ours."""
    runs = [run async for run in client.list_workflows(QUERY)]
    turns = asyncio.Semaphore(AT_ONCE)

    async def read(run: WorkflowExecution) -> Problem | None:
        async with turns:
            return await _problem(client, run)

    problems = await asyncio.gather(*(read(run) for run in runs))
    return sorted((found for found in problems if found is not None), key=lambda found: found.since)


async def _problem(client: Client, run: WorkflowExecution) -> Problem | None:
    """None when it goes on again by now."""
    described = await client.get_workflow_handle(run.id, run_id=run.run_id).describe()
    pending = described.raw_description.pending_workflow_task
    failures = [event async for event in _failures(client, run)]
    if not failures:
        return None
    latest, first = failures[0], failures[-1]
    cause, message = await _told(client, run.id, latest)
    return Problem(
        workflow_id=run.id,
        run_id=run.run_id,
        type=run.workflow_type,
        since=first.event_time.ToDatetime(UTC),
        attempt=max(pending.attempt, len(failures)),
        cause=cause,
        message=message,
    )


async def _failures(client: Client, run: WorkflowExecution) -> AsyncIterator[HistoryEvent]:
    """The failed tasks since the last one that was completed, newest first. History holds the first try of each."""
    token = b""
    while True:
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=client.namespace,
            execution=Execution(workflow_id=run.id, run_id=run.run_id),
            next_page_token=token,
        )
        page = await client.workflow_service.get_workflow_execution_history_reverse(request)
        for event in page.history.events:
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                return
            if event.event_type in {
                EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
                EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
            }:
                yield event
        token = page.next_page_token
        if not token:
            return


async def _told(client: Client, workflow_id: str, event: HistoryEvent) -> tuple[str, str]:
    """Cause, such as `non-deterministic-error`, and the failure's own words."""
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
        return "timed-out", "no worker completed the task in its time"
    attributes = event.workflow_task_failed_event_attributes
    name = WorkflowTaskFailedCause.Name(attributes.cause).removeprefix(CAUSE)
    try:
        said = str(await of_run(client, workflow_id, moment_of(event)).decode_failure(attributes.failure))
    except DecryptionError as error:
        # What stands still is told all the same: a missing key may be why.
        said = f"cannot be read here: {error}"
    return name.lower().replace("_", "-"), said
