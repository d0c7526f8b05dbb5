"""The order saga on the real server: deferred choice, undoing, checks of unknown outcomes, redrive, edits by hand."""

from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.integration.commands import starter_json
from tests.integration.conftest import House
from tests.integration.definitions import Handle, order, record, shipped, start, step, until_state
from tests.waiting import until
from towpath.contracts.core.run import RunRecord
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome, Edit, PauseRequest
from towpath.control import deadletters
from towpath.control.emitting import emit

SAGA = shipped("order-saga")


def event(kind: str, reference: str) -> CloudEvent:
    return CloudEvent(id=uuid4().hex, type=kind, subject=reference)


async def told(house: House, handle: Handle, kind: str, reference: str) -> None:
    """Emit until the run is found: what the server lists lags a little behind."""
    found = event(kind, reference)
    await until(lambda: emit(house.client, found), lambda emitted: handle.id in emitted.told)


async def test_packed_order_ships(house: House) -> None:
    """The event for this order is taken, another order's is not, and the outputs say what shipped."""
    inputs = order()
    reference = str(inputs["reference"])
    handle = await start(house, SAGA, inputs)
    await until_state(handle, "what-next", "running")
    await emit(house.client, event("order.packed", "another-order"))
    await told(house, handle, "order.packed", reference)
    result = await handle.result()
    assert result.outcome is DeclaredOutcome.COMPLETED
    shipped_orders = (await house.effects())["orders"]["shipped"]
    assert result.outputs == {"shipment_id": shipped_orders[reference], "charged": 20.5}


async def test_cancelled_order_is_undone_in_reverse(house: House) -> None:
    """The payment goes back first, then the stock; the run lies in its queue."""
    inputs = order()
    reference = str(inputs["reference"])
    handle = await start(house, SAGA, inputs)
    await until_state(handle, "what-next", "running")
    await told(house, handle, "order.cancelled", reference)
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    letter = await deadletters.find_letter(house.client, handle.id)
    assert letter.letter.undone == ("charge-payment", "reserve-stock")
    assert (letter.letter.queue, letter.letter.step) == ("failed-orders", "undo")
    orders = (await house.effects())["orders"]
    assert reference not in orders["charged"] and reference not in orders["reserved"]


async def test_unknown_charge_is_looked_for(house: House) -> None:
    """The answer to the charge is lost after it took effect: the check finds it, and nobody charges again."""
    inputs = order()
    reference = str(inputs["reference"])
    fault = await house.fault(
        service="orders", operation="chargePayment", reference=reference, drop=True, after_effect=True, times=1
    )
    handle = await start(house, SAGA, inputs)
    found = await until_state(handle, "charge-payment", "completed")
    assert found.note == "found by its check" and await house.hits(fault) == 1
    charges = [effect for effect in (await house.effects())["effects"] if effect["key"].startswith(handle.id)]
    assert [effect["requests"] for effect in charges if effect["key"].endswith("/charge-payment")] == [1]
    await handle.cancel()


async def test_failed_step_is_redriven(house: House) -> None:
    """A refused shipment fails the run; redriven, the kept steps are not done again and keep their keys."""
    inputs = order()
    reference = str(inputs["reference"])
    fault = await house.fault(service="orders", operation="chargePayment", reference=reference, status=402)
    handle = await start(house, SAGA, inputs, key=reference)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    letter = await deadletters.find_letter(house.client, handle.id)
    assert letter.letter.step == "charge-payment" and letter.letter.undone == ("reserve-stock",)
    assert letter.keeps == []
    plan = await starter_json(house, "redrive", handle.id, "--dry-run")
    same = "as before, under the same key, or under another one where its inputs have changed"
    assert plan["sends"] == {"reserve-stock": same, "charge-payment": same}
    await house.http.delete("/_standins/faults", params={"id": fault})
    again = (await deadletters.redrive(house.client, letter)).handle
    await until_state(again, "what-next", "running")
    await told(house, again, "order.packed", reference)
    assert (await again.result()).outcome is DeclaredOutcome.COMPLETED
    assert (await house.effects())["applied_twice"] == []


async def test_operations_by_hand(house: House) -> None:
    """Paused, nothing starts; an output can be set and a step skipped, with a name and a reason; edits are kept."""
    inputs = order()
    handle = await start(house, SAGA, inputs)
    await until_state(handle, "what-next", "running")
    await handle.execute_update("pause", PauseRequest(by="kim", reason="looking"), result_type=RunRecord)
    edit = Edit(step="what-next", by="kim", reason="seen on the shelf", value={"chosen": "packed", "value": None})
    await handle.execute_update("set_output", edit, result_type=RunRecord)
    held = await record(handle)
    assert held.paused and {found.step: found.state for found in held.steps}["ship"] == "pending"
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update("skip", Edit(step="what-next", by="kim", reason="x"), result_type=RunRecord)
    assert "completed already" in str(refused.value.cause)
    with pytest.raises(WorkflowUpdateFailedError) as unknown:
        await handle.execute_update("skip", Edit(step="shipp", by="kim", reason="x"), result_type=RunRecord)
    assert "did you mean 'ship'" in str(unknown.value.cause)
    await handle.execute_update("skip", Edit(step="ship", by="kim", reason="by hand"), result_type=RunRecord)
    await handle.execute_update("resume", PauseRequest(by="kim"), result_type=RunRecord)
    result = await handle.result()
    assert result.outputs["shipment_id"] is None
    edits = (await record(handle)).edits
    assert len(edits) == 4 and "set the output of what-next by kim: seen on the shelf" in edits[1]
    assert (await step(handle, "ship")).note == "skipped by kim: by hand"


async def test_cancelled_run_is_undone(house: House) -> None:
    """Cancelling the run in Temporal undoes what was done before it ends cancelled."""
    inputs = order()
    reference = str(inputs["reference"])
    handle = await start(house, SAGA, inputs)
    await until_state(handle, "what-next", "running")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    orders = (await house.effects())["orders"]
    assert reference not in orders["charged"] and reference not in orders["reserved"]
    states = {found.step: str(found.state) for found in (await record(handle)).steps}
    assert states["charge-payment"] == "undone" and states["what-next"] == "cancelled"
