"""Which definitions an event may start, and their latest texts: read from lists and histories, which need no worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.api.common.v1 import Payloads, WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client

from towpath.contracts.core.listing import in_query
from towpath.contracts.core.process import AWAITED_EVENTS
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.published import DEFINITION, DefinitionRecord, Publication
from towpath.control.placing import moment_of, of_run
from towpath.engine.run.awaited import started_names
from towpath.temporal.attributes import search_key


@dataclass(frozen=True, slots=True)
class Listener:
    """The record of a definition. One that is not `listed` was published before lists showed what starts it."""

    workflow_id: str
    run_id: str
    listed: bool


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest version of a definition."""

    document: JsonObject
    digest: str


async def listeners(client: Client, event: str) -> list[Listener]:
    """Records of the definitions that an event of this type may start, and of those of which lists do not tell."""
    name = AWAITED_EVENTS.name
    wanted = f"{name} IN ({', '.join(map(in_query, started_names(event)))}) OR {name} IS NULL"
    query = f"WorkflowType = {in_query(DEFINITION)} AND ExecutionStatus = 'Running' AND ({wanted})"
    return [
        Listener(run.id, run.run_id, search_key(AWAITED_EVENTS) in run.typed_search_attributes)
        async for run in client.list_workflows(query)
    ]


async def latest_of(client: Client, listener: Listener) -> Latest | None:
    """The text that was published last, read from the end of the record's history; None where nothing was published."""
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=listener.workflow_id, run_id=listener.run_id),
    )
    taken: set[str] = set()
    while True:
        page = await client.workflow_service.get_workflow_execution_history_reverse(request, retry=True)
        for event in page.history.events:
            if event.HasField("workflow_execution_started_event_attributes"):
                return await _kept(client, listener, event)
            found = await _published(client, listener, event, taken)
            if found is not None:
                return found
        if not page.next_page_token:
            return None
        request.next_page_token = page.next_page_token


async def _published(client: Client, listener: Listener, event: HistoryEvent, taken: set[str]) -> Latest | None:
    """What an event published. `taken` are publications that were accepted and did not fail: they come first here."""
    if event.HasField("workflow_execution_update_completed_event_attributes"):
        completed = event.workflow_execution_update_completed_event_attributes
        if completed.outcome.HasField("success"):
            taken.add(completed.meta.update_id)
    if not event.HasField("workflow_execution_update_accepted_event_attributes"):
        return None
    accepted = event.workflow_execution_update_accepted_event_attributes.accepted_request
    if accepted.input.name != "publish" or accepted.meta.update_id not in taken:
        return None
    publication: Publication = (await _decoded(client, listener, event, accepted.input.args, Publication))[0]
    return Latest(publication.document, publication.digest)


async def _kept(client: Client, listener: Listener, event: HistoryEvent) -> Latest | None:
    """What a record that continues as new has from before."""
    given = event.workflow_execution_started_event_attributes.input
    record: DefinitionRecord = (await _decoded(client, listener, event, given, DefinitionRecord))[0]
    latest = record.latest
    return None if latest is None or latest.document is None else Latest(latest.document, latest.digest)


async def _decoded(
    client: Client, listener: Listener, event: HistoryEvent, payloads: Payloads, kind: type
) -> Sequence[Any]:
    return await of_run(client, listener.workflow_id, moment_of(event)).decode(payloads.payloads, [kind])
