"""kill -9 of the worker around a task that is offered for a while: it opens, counts and closes on the next one."""

from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.integration.conftest import House
from tests.integration.definitions import Handle, document, record, start, until_state
from tests.waiting import until
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome, Edit
from towpath.control import reviews
from towpath.engine.language.shapes import as_object

MILESTONE = """
id: milestone
version: "1.0.0"
inputs: {reference: {type: string}}
steps:
  - parallel:
      - id: ordered
        type: api
        config:
          service: order-service
          method: reserveStock
          params: {reference: "{{ inputs.reference }}", items: [{sku: A-1, quantity: 1}]}
      - {id: packed, type: wait, config: {event: test.packed}}
      - {id: sent, type: wait, config: {event: test.sent}}
      - id: change
        type: human-task
        config:
          assignee: compliance-team
          optional: true
          enabled_while: "run.steps.ordered?.status == 'completed' && run.steps.packed?.status != 'completed'"
"""
CHANGE = Decision(verdict=Verdict.APPROVE, reviewer="dana", task="change")


async def _open(handle: Handle) -> None:
    await until(lambda: handle.query("reviews"), bool)


async def _happens(handle: Handle, *events: str) -> None:
    for event in events:
        await handle.signal("event", CloudEvent(id=event, type=f"test.{event}", source="test"))


async def _code(handle: Handle, update: str, arg: Any) -> str | None:
    """Why an update is refused."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(update, arg)
    assert isinstance(refused.value.cause, ApplicationError)
    return refused.value.cause.type


async def test_worker_killed_around_a_milestone(bare_house: House) -> None:
    """Before, between and after its moments the worker dies; one run's change counts, the other's comes too late."""
    async with bare_house.worker() as worker:
        number = await bare_house.fault(service="orders", operation="reserveStock", hold=True, times=2)
        runs = [await start(bare_house, document(MILESTONE), {"reference": uuid4().hex[:8]}) for _ in range(2)]
        await until(lambda: bare_house.hits(number), lambda hits: hits == 2)
        assert [await _code(handle, "decide", CHANGE) for handle in runs] == ["review.not_open"] * 2
        await worker.kill()
    await bare_house.lift()
    changed, late = runs
    async with bare_house.worker() as worker:
        for handle in runs:
            await _open(handle)
        await reviews.decide(bare_house.client, changed.id, CHANGE)
        await until_state(changed, "change", "completed")
        await worker.kill()
    for handle in runs:
        await _happens(handle, "packed")
    async with bare_house.worker():
        await until_state(late, "change", "skipped")
        assert await _code(late, "decide", CHANGE) == "review.not_open"
        edit = Edit(step="change", by="dana", reason="late", value={"decision": "approve"})
        assert [await _code(late, verb, edit) for verb in ("set_output", "skip")] == ["step.input"] * 2
        for handle in runs:
            await _happens(handle, "sent")
        results = [await handle.result() for handle in runs]
        states = [{step.step: str(step.state) for step in (await record(handle)).steps} for handle in runs]
    assert [result.outcome for result in results] == [DeclaredOutcome.COMPLETED] * 2
    assert [found["change"] for found in states] == ["completed", "skipped"]
    outputs = [as_object(result.outputs) or {} for result in results]
    assert (as_object(outputs[0]["change"]) or {})["by"] == "dana" and "change" not in outputs[1]
    assert (await bare_house.effects())["applied_twice"] == []
