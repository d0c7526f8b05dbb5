"""Effects whose answers were lost, against the real stand-ins: in a run that failed nothing of them stands."""

from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from tests.integration.conftest import House
from tests.integration.definitions import Handle, order, shipped, start, step, until_state
from tests.waiting import until
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.declared.run import CloudEvent
from towpath.control import deadletters
from towpath.control.emitting import emit

SAGA = shipped("order-saga")
LOST: dict[str, dict[str, Any]] = {"500": {"status": 500}, "dropped": {"drop": True}}


async def lost_then(house: House, reference: str, operation: str, lost: str, status: int) -> None:
    """The first request has its effect and no answer; what comes after it is refused, without an effect."""
    common = {"service": "orders", "operation": operation, "reference": reference}
    await house.fault(**common, **LOST[lost], after_effect=True, times=1)
    await house.fault(**common, status=status)


async def failed(house: House, handle: Handle) -> DeadLetter:
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    return (await deadletters.find_letter(house.client, handle.id)).letter


async def standing(house: House, reference: str) -> list[str]:
    """What the order service holds for an order."""
    orders = (await house.effects())["orders"]
    return [kind for kind, things in orders.items() if reference in things]


@pytest.mark.parametrize("status", [503, 402])
@pytest.mark.parametrize("lost", sorted(LOST))
async def test_lost_reservation_is_released(house: House, lost: str, status: int) -> None:
    """A reservation is made, its answer lost, and the next attempt refused: the run fails, and it is released."""
    inputs = order()
    reference = str(inputs["reference"])
    await lost_then(house, reference, "reserveStock", lost, status)
    letter = await failed(house, await start(house, SAGA, inputs))
    assert (letter.step, letter.undone, letter.not_undone) == ("reserve-stock", ("reserve-stock",), ())
    assert await standing(house, reference) == []


@pytest.mark.parametrize("lost", sorted(LOST))
async def test_lost_charge_is_found(house: House, lost: str) -> None:
    """A charge is made and its answer lost: its check finds it, nobody charges again, and the run goes on with it."""
    inputs = order()
    reference = str(inputs["reference"])
    await lost_then(house, reference, "chargePayment", lost, 503)
    handle = await start(house, SAGA, inputs)
    assert (await until_state(handle, "charge-payment", "completed")).note == "found by its check"
    await until_state(handle, "what-next", "running")
    event = CloudEvent(id=f"cancel-{reference}", type="order.cancelled", subject=reference)
    await until(lambda: emit(house.client, event), lambda emitted: handle.id in emitted.told)
    assert (await failed(house, handle)).undone == ("charge-payment", "reserve-stock")
    assert await standing(house, reference) == []


@pytest.mark.parametrize("status", [503, 402])
@pytest.mark.parametrize("lost", sorted(LOST))
async def test_charge_that_cannot_be_looked_for_is_given_back(house: House, lost: str, status: int) -> None:
    """The charge is made, its answer lost, and the check is down: the run fails, and the money goes back."""
    inputs = order()
    reference = str(inputs["reference"])
    await lost_then(house, reference, "chargePayment", lost, status)
    await house.fault(service="orders", operation="findCharge", reference=reference, status=status)
    letter = await failed(house, await start(house, SAGA, inputs))
    assert letter.undone == ("charge-payment", "reserve-stock") and letter.not_undone == ()
    assert await standing(house, reference) == []


async def test_charge_that_never_happened_is_not_given_back(house: House) -> None:
    """Every attempt fails before it has an effect: the check says so each time, and nothing is refunded."""
    inputs = order()
    reference = str(inputs["reference"])
    fault = await house.fault(service="orders", operation="chargePayment", reference=reference, status=503)
    refunds = await house.fault(service="orders", operation="refundPayment", reference=reference, status=500)
    handle = await start(house, SAGA, inputs)
    letter = await failed(house, handle)
    assert (letter.undone, letter.not_undone) == (("reserve-stock",), ())
    assert (await house.hits(fault), await house.hits(refunds)) == (4, 0)
    assert (await step(handle, "charge-payment")).state == "failed" and await standing(house, reference) == []
