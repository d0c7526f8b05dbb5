"""Updates of a run that arrive at the same instant as an event, and end the run."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.update.v1 import UpdateRef
from temporalio.api.workflowservice.v1 import PollWorkflowExecutionUpdateRequest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.converter import PayloadCodec
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from tests.fakes.services import FakeServices
from tests.timeskip.declared import Handle, Runs, record, serve
from towpath.contracts.core.run import RunRecord, StepState
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome, Edit
from towpath.control.again import ATTEMPTS, SentAgain

WAITING = "  - {id: wait, type: wait, config: {event: go}}"
SKIP = Edit(step="wait", by="kim", reason="not needed")


class Interrupting(PayloadCodec):
    """Changes nothing. Before a worker reads the edit, something happens, so many times."""

    def __init__(self, happen: Callable[[], Awaitable[None]], times: int) -> None:
        self._happen = happen
        self._times = times

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        if self._times and any(SKIP.reason.encode() in payload.data for payload in payloads):
            self._times -= 1
            await self._happen()
        return list(payloads)


def interrupted(env: WorkflowEnvironment, happen: Callable[[], Awaitable[None]], times: int = 1) -> Client:
    """A worker's client."""
    codec = Interrupting(happen, times)
    return Client(env.client.service_client, data_converter=replace(env.client.data_converter, payload_codec=codec))


async def test_an_update_and_an_event_at_the_same_instant_both_count(env: WorkflowEnvironment) -> None:
    """The event comes while the worker is about to end the run by the update: Temporal drops the update, and it is
    sent again.
    """
    started: list[Handle] = []

    async def send() -> None:
        await started[0].signal("event", CloudEvent(id="1", type="other", source="test"))

    async with serve(env, client=interrupted(env, send)) as runs:
        started.append(await runs.start(WAITING, skipping=False))
        asking = Client(env.client.service_client, data_converter=env.client.data_converter, interceptors=[SentAgain()])
        handle = asking.get_workflow_handle(started[0].id)
        edited = await handle.execute_update("skip", SKIP, result_type=RunRecord)
        result = await started[0].result()
        history = await handle.fetch_history()

    causes = [event.workflow_task_failed_event_attributes.cause for event in history.events]
    assert WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND in causes
    assert result.outcome is DeclaredOutcome.COMPLETED
    assert len(edited.edits) == 1 and "skipped wait by kim" in edited.edits[0]


async def has_come(env: WorkflowEnvironment, run: str) -> None:
    """Temporal has the update, which is in no history before a worker took it."""
    asked = UpdateRef(workflow_execution=WorkflowExecution(workflow_id=run), update_id="skip")
    request = PollWorkflowExecutionUpdateRequest(namespace=env.client.namespace, update_ref=asked)
    while True:
        try:
            await env.client.workflow_service.poll_workflow_execution_update(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("cached", [500, 0], ids=["cached", "each-task-replays"])
@pytest.mark.parametrize("event_first", [True, False], ids=["event-first", "update-first"])
async def test_both_before_the_first_task(env: WorkflowEnvironment, cached: int, event_first: bool) -> None:
    """An event and an update wait for a worker: the event ends the step that is to be skipped, or the other way round.
    Whichever comes first counts, and the other has an answer.
    """
    handle = await Runs(env, FakeServices()).start(WAITING, skipping=False)
    event = CloudEvent(id="1", type="go", source="test")
    if event_first:
        await handle.signal("event", event)
    skipping = asyncio.create_task(handle.execute_update("skip", SKIP, id="skip", result_type=RunRecord))
    await has_come(env, handle.id)
    if not event_first:
        await handle.signal("event", event)
    async with serve(env, max_cached_workflows=cached):
        result = await handle.result()
        (answer,) = await asyncio.gather(skipping, return_exceptions=True)
        state = (await record(handle)).steps[0].state

    assert result.outcome is DeclaredOutcome.COMPLETED
    assert isinstance(answer, RunRecord | WorkflowUpdateFailedError)
    assert state is (StepState.SKIPPED if isinstance(answer, RunRecord) else StepState.COMPLETED)


async def test_an_update_that_stays_refused_is_told(env: WorkflowEnvironment) -> None:
    """A run that is interrupted each time says so in the end; nothing of the update happened."""
    started: list[Handle] = []

    async def send() -> None:
        await started[0].signal("event", CloudEvent(id=uuid4().hex, type="other", source="test"))

    async with serve(env, client=interrupted(env, send, times=ATTEMPTS)) as runs:
        started.append(await runs.start(WAITING, skipping=False))
        asking = Client(env.client.service_client, data_converter=env.client.data_converter, interceptors=[SentAgain()])
        handle = asking.get_workflow_handle(started[0].id)
        with pytest.raises(RPCError) as refused:
            await handle.execute_update("skip", SKIP, result_type=RunRecord)
        edits = (await record(started[0])).edits
        await handle.execute_update("skip", SKIP, result_type=RunRecord)

    assert refused.value.status is RPCStatusCode.FAILED_PRECONDITION
    assert edits == ()
