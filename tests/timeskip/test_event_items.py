"""A step for each event that comes: closed by one of them or by time, and nothing counted twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import JsonValue
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Handle, Runs, serve, states, steps
from tests.waiting import until
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.process import Again
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.run import CloudEvent, DeclaredFailure, DeclaredResult

LOOP = """
  - id: lines
    type: api
    retry: {max_attempts: 1}
    for_each: {on_event: order.line, as: line, until: "line.data.last ?? false"%s}
    config: {service: s, method: book, params: {sku: "{{ line.data.sku }}", number: "{{ index }}"}}
"""
HOLD = "  - {id: rest, type: wait, config: {event: test.go}}\n"


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env) as serving:
        yield serving


async def tell(handle: Handle, name: str, kind: str = "order.line", **data: JsonValue) -> None:
    fields: JsonObject = {"id": name, "type": kind, "data": {"sku": name, **data}}
    await handle.signal("event", CloudEvent.model_validate(fields))


def booked(runs: Runs) -> list[object]:
    return [call.params["sku"] for call in runs.services.calls if call.operation == "book"]


async def test_items_that_come_while_others_run_are_worked_on(runs: Runs) -> None:
    """Two at once: a third waits its turn; one told twice counts once; the closing one is no item."""
    gate = asyncio.Event()
    runs.services.answers["book"] = [gate]
    handle = await runs.start(LOOP % ", concurrency: 2" + HOLD, skipping=False)
    for name in ("a", "b", "c", "b"):
        await tell(handle, name)
    await until(lambda: _value(len(booked(runs))), lambda count: count == 2)
    await tell(handle, "end", last=True)
    await tell(handle, "late")
    gate.set()
    await until(lambda: states(handle), lambda found: found["lines"] == "completed")
    assert sorted(map(str, booked(runs))) == ["a", "b", "c"]
    assert (await steps(handle))["lines"].note == (
        "3 events; closed by the event end; 1 came after that and count no more: late"
    )
    await tell(handle, "later")
    noted = await until(lambda: steps(handle), lambda found: "later" in (found["lines"].note or ""))
    assert noted["lines"].state == "completed"
    await tell(handle, "go", kind="test.go")
    assert (await handle.result()).outputs["lines"] == [{}, {}, {}]


async def _value(count: int) -> int:
    return count


async def test_time_closes_too(runs: Runs) -> None:
    """Once its time is over, a loop over events ends with those that came, or with none."""
    handle = await runs.start(LOOP % ", within: 2h")
    assert (await handle.result()).outputs["lines"] == []
    assert (await steps(handle))["lines"].note == "0 events; closed by its time, which was over"


async def test_failed_item_is_done_again_and_none_is_lost(runs: Runs) -> None:
    """A redrive has the events of the run before: it does what failed, and takes those that are still to come."""
    runs.services.answers["book"] = [{"n": 0}, HouseError(FailureCode.SERVICE_REFUSED, "no"), {"n": 1}]
    handle = await runs.start(LOOP % ", concurrency: 1", skipping=False)
    await tell(handle, "a")
    await tell(handle, "b")
    with pytest.raises(WorkflowFailureError) as raised:
        await handle.result()
    assert isinstance(raised.value.cause, ApplicationError)
    failure = DeclaredFailure.model_validate(raised.value.cause.details[1])
    request = DECLARED_RUN.again(failure, Again(run_id=handle.result_run_id or ""))
    with runs.env.with_time_skipping_disabled():
        again: Handle = await runs.env.client.start_workflow(
            "declared", request, id=handle.id, task_queue="declared", result_type=DeclaredResult
        )
    for name in ("a", "c"):
        await tell(again, name)
    await tell(again, "end", last=True)
    assert (await again.result()).outputs["lines"] == [{"n": 0}, {"n": 1}, {"n": 1}]
    assert booked(runs) == ["a", "b", "b", "c"]
    keys = [call.key for call in runs.services.calls]
    assert keys == [f"{handle.id}/lines/{number}" for number in (0, 1, 1, 2)]


async def test_cancelled_loop_over_events_ends(runs: Runs) -> None:
    """A run that is cancelled while its loop waits for events ends at once."""
    handle = await runs.start(LOOP % "", skipping=False)
    await until(lambda: states(handle), lambda found: found["lines"] == "running")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
