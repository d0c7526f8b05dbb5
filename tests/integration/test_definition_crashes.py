"""kill -9 of worker and server in the middle of each shipped definition: nothing lost, no effect twice."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.conftest import House
from tests.integration.definitions import Handle, order, shipped, start, step, until_state
from tests.waiting import until
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome
from towpath.control import reviews
from towpath.control.emitting import emit


@dataclass(frozen=True)
class Place:
    """A call of a shipped definition inside which a run stands still."""

    definition: str
    service: str
    operation: str


PLACES = (
    Place("customer-onboarding", "email-check", "checkEmail"),
    Place("customer-onboarding", "accounts", "createAccount"),
    Place("customer-onboarding", "billing", "setUpSubscription"),
    Place("customer-onboarding", "claude", "WelcomeKitDraft"),
    Place("customer-onboarding", "slack", "chat.postMessage"),
    Place("customer-onboarding", "crm", "updateStatus"),
    Place("order-saga", "orders", "reserveStock"),
    Place("order-saga", "orders", "chargePayment"),
    Place("order-saga", "orders", "shipOrder"),
    Place("content-review", "slack", "chat.postMessage"),
    Place("nightly-report", "slack", "chat.postMessage"),
)


def inputs(place: Place) -> JsonObject:
    match place.definition:
        case "customer-onboarding":
            email = f"kim-{uuid4().hex[:8]}@hanbit.example"
            return {"customer": {"email": email, "company": "Hanbit", "plan": "business", "employees": 50}}
        case "order-saga":
            return order()
        case "content-review":
            return {"slug": f"post-{uuid4().hex[:6]}", "topic": "The spring release"}
        case _:
            return {"day": f"2026-01-01-{uuid4().hex[:6]}"[:20]}


async def accompany(house: House, place: Place, handle: Handle, given: JsonObject) -> None:
    """Do what a run needs from people and systems until it stands in its place."""
    if place.operation == "shipOrder":
        await until_state(handle, "what-next", "running")
        event = CloudEvent(id=uuid4().hex, type="order.packed", subject=str(given["reference"]))
        await until(lambda: emit(house.client, event), lambda emitted: handle.id in emitted.told)
    if place.definition == "content-review":
        await until_state(handle, "review", "running")
        approve = Decision(verdict=Verdict.APPROVE, reviewer="dana")
        await until(lambda: _decided(house, handle, approve), bool)


async def _decided(house: House, handle: Handle, decision: Decision) -> bool:
    task = await reviews.find_review(house.client, handle.id)
    if task is None:
        return False
    await reviews.decide(house.client, handle.id, decision)
    return True


async def hold_each(house: House, *, after_effect: bool) -> list[Handle]:
    """One run for each place, each standing still inside its step."""
    held: list[Handle] = []
    for place in PLACES:
        fault: dict[str, Any] = {"service": place.service, "operation": place.operation}
        if place.definition == "content-review":
            # The task's own notices go through Slack, too: the announcement is the second post.
            fault["reference"] = "#new-customers"
        number = await house.fault(**fault, hold=True, after_effect=after_effect, times=1)
        given = inputs(place)
        key = str(given["reference"]) if place.definition == "order-saga" else None
        handle = await start(house, shipped(place.definition), given, key=key)
        await accompany(house, place, handle, given)
        await until(lambda number=number: house.hits(number), lambda hits: hits == 1)
        held.append(handle)
    return held


async def pack(handle: Handle) -> None:
    """The event that an order waits for, if it still does."""
    await until_state(handle, "charge-payment", "completed")
    if (await step(handle, "what-next")).state != "completed":
        await handle.signal(
            "event", CloudEvent(id=uuid4().hex, type="order.packed", subject=handle.id.partition("/")[2])
        )


async def all_end(house: House, runs: Sequence[Handle]) -> None:
    """Every run completes, and no key took effect twice."""
    await asyncio.gather(*(pack(handle) for handle in runs if handle.id.startswith("order-saga/")))
    results = await asyncio.gather(*(handle.result() for handle in runs))
    assert [result.outcome for result in results] == [DeclaredOutcome.COMPLETED] * len(runs)
    assert (await house.effects())["applied_twice"] == []


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "after-the-effect"])
async def test_worker_killed_in_each_definition(bare_house: House, after_effect: bool) -> None:
    """A worker killed with -9 while runs stand in their steps: the next one finishes them all, each effect once."""
    async with bare_house.worker() as worker:
        runs = await hold_each(bare_house, after_effect=after_effect)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        await all_end(bare_house, runs)


async def test_server_killed_in_each_definition(bare_house: House) -> None:
    """The Temporal server killed with -9 comes back on its database file: all runs end, each effect once."""
    async with bare_house.worker():
        runs = await hold_each(bare_house, after_effect=False)
        await bare_house.server.process.kill()
        await bare_house.lift()
        async with bare_house.restarted():
            await all_end(bare_house, runs)
