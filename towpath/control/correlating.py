"""Runs that events start under a name that the trigger gives them: one event after another may, and each does once."""

import hashlib

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from towpath.contracts.declared.run import DeclaredRequest
from towpath.control.definitions import Definitions, run_name
from towpath.control.placing import moment_of, of_run
from towpath.control.temporal import if_known
from towpath.engine.language.shapes import as_object

MOST_EVENTS = 500
"""So many earlier events of one name are remembered: 18 kB in the request of the latest run."""


async def start_correlated(client: Client, request: DeclaredRequest, key: str, event: str) -> str:
    """Start a run under a key, unless one is open, or the event has started one already. The workflow id of either.

    Raises WorkflowAlreadyStartedError when the latest run was completed.
    """
    definitions, name = Definitions(client), run_name(request, key)
    earlier = await _earlier(client, name)
    if earlier is None:
        try:
            return (await definitions.start(request, key, once=True)).handle.id
        except WorkflowAlreadyStartedError:
            # Of two deliveries at one moment the other was first.
            earlier = await _earlier(client, name) or ()
    if _mark(event) in earlier:
        return name
    again = request.model_copy(update={"events": earlier[-MOST_EVENTS:]})
    return (await definitions.start(again, key)).handle.id


async def _earlier(client: Client, workflow_id: str) -> tuple[str, ...] | None:
    """Marks of the events that started the latest run of a name and those before it; None when there is no run."""
    asked = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id), maximum_page_size=1
    )
    page = await if_known(client.workflow_service.get_workflow_execution_history(asked, retry=True))
    if page is None:
        return None
    given = page.history.events[0].workflow_execution_started_event_attributes.input
    request: DeclaredRequest = (
        await of_run(client, workflow_id, moment_of(page.history.events[0])).decode(given.payloads, [DeclaredRequest])
    )[0]
    event = (as_object(request.event) or {}).get("id")
    return (*request.events, *([_mark(event)] if isinstance(event, str) else []))


def _mark(event: str) -> str:
    return hashlib.sha256(event.encode()).hexdigest()[:32]
