"""Limits of connections hold from outside: over runs, over workers, and over a worker that is killed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.integration.conftest import House, new_customer, open_house
from tests.integration.definitions import order, record, shipped, start, step, until_state
from tests.integration.quotas import Receiver, call, calling, customers, limited, receiving, sent_twice
from tests.waiting import until
from towpath.contracts.core.quota import QUOTA, LineRecord, connection_place
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import PauseRequest
from towpath.views.explaining import explain

IN_VAIN = "1 of 1 items failed; the first: it was not sent in time: it waited for the quota of connection"
RATE = 8
BURST = 4
"""Beside the second's worth that a queue lets through after a pause: what its pollers took before it knew its rate."""
AT_ONCE = 3
LIMITS: dict[str, JsonObject] = {
    "paced": {"rps": RATE},
    "narrow": {"concurrent": AT_ONCE},
    "single": {"concurrent": 1},
    "both": {"rps": 10, "concurrent": 2},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A stack with one worker, whose connections have limits."""
    folder = tmp_path_factory.mktemp("limited")
    async with open_house(folder) as opened, limited(opened, LIMITS, folder / "worker.log"):
        yield opened


async def line(house: House, connection: str) -> LineRecord:
    handle = house.client.get_workflow_handle(f"{QUOTA}/{connection_place(connection)}")
    return await handle.query("line", result_type=LineRecord)


async def test_limits_hold_while_a_worker_is_killed(bare_house: House) -> None:
    """Two workers, three runs for each limit, one worker killed: neither limit is ever passed, and nothing is lost."""
    async with AsyncExitStack() as stack:
        paced, narrow = [await stack.enter_async_context(receiving(seconds)) for seconds in (0, 0.3)]
        first, _ = [await stack.enter_async_context(limited(bare_house, LIMITS)) for _ in range(2)]
        runs = [await call(bare_house, calling(paced, "paced"), 25) for _ in range(3)]
        runs += [await call(bare_house, calling(narrow, "narrow"), 12) for _ in range(3)]
        await until(lambda: _count(narrow), lambda came: came > 8)
        await first.kill()
        await asyncio.gather(*(run.result() for run in runs))
        left = await line(bare_house, "narrow")

    assert narrow.most_at_once == AT_ONCE
    assert paced.most_within(1) <= 2 * RATE + BURST and paced.most_within(5) <= 6 * RATE + BURST
    assert len({arrival.key for arrival in paced.arrivals}) == 75 and len(sent_twice(paced.arrivals)) <= RATE
    assert len({arrival.key for arrival in narrow.arrivals}) == 36 and len(sent_twice(narrow.arrivals)) <= AT_ONCE
    assert (left.waiting, left.held) == ((), ())


async def _count(receiver: Receiver) -> int:
    return len(receiver.arrivals)


async def test_services_have_limits_in_every_process(bare_house: House) -> None:
    """An order of a definition and a customer of the onboarding: their calls are made on the queues of services."""
    limits = {"orders": {"concurrent": 1}, "email-check": {"rps": 5, "concurrent": 2}, "billing": {"rps": 5}}
    async with bare_house.worker({"TOWPATH_SERVICE_LIMITS": json.dumps(limits)}):
        customer = (await bare_house.start(new_customer())).handle
        await customer.result()
        saga = await start(bare_house, shipped("order-saga"), given := order(), key=str(given["reference"]))
        await until_state(saga, "what-next", "running")
        histories = [await handle.fetch_history() for handle in (customer, saga)]
        await saga.cancel()
    queues = {
        event.activity_task_scheduled_event_attributes.task_queue.name
        for history in histories
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    }

    assert {f"{QUOTA}/service/{name}" for name in limits} <= queues
    assert (await bare_house.effects())["applied_twice"] == []


async def test_a_key_does_not_hold_up_another(limited_house: House) -> None:
    """Many calls of one customer are in line: two of another go before most of them, not behind them all."""
    key = 'limits: {key: "{{ inputs.customer }}"}'
    before: dict[str, int] = {}
    for connection in ("paced", "both"):
        async with receiving(0.02) as receiver:
            large = await call(limited_house, calling(receiver, connection, more=key), 250, "large")
            await until(lambda receiver=receiver: _count(receiver), lambda came: came > 12)
            small = await call(limited_house, calling(receiver, connection, step=key), 2, "small")
            await small.result()
            await large.cancel()
            whose = customers(receiver.arrivals)
            assert whose.count("small") == 2
            before[connection] = whose.count("large")
    assert max(before.values()) < 200, before


async def test_who_waits_says_so_and_is_cancelled_at_once(limited_house: House) -> None:
    """A run in line says which place it has; cancelled there, it sends nothing more and leaves the line."""
    async with receiving(3.0) as receiver:
        holding = await call(limited_house, calling(receiver, "single"), 3, "holding")
        await until(lambda: _count(receiver), lambda came: came == 1)
        waiting = await call(limited_house, calling(receiver, "single"), 1, "waiting")
        seen = await until(lambda: step(waiting, "call"), lambda found: bool(found.waiting))
        words = explain(await record(waiting)).lines
        await waiting.cancel()
        await until(waiting.describe, lambda told: told.close_time is not None)
        sent = len(receiver.arrivals)
        await holding.result()
        left = await line(limited_house, "single")

    assert seen.waits_for == "waits for quota of connection single, 3rd in line"
    assert "Step call waits for quota of connection single, 3rd in line, by its limits." in words
    assert sent < 3  # it ended before its turn came
    assert customers(receiver.arrivals) == ["holding"] * 3
    assert (left.waiting, left.held) == ((), ())


async def test_who_waits_is_paused(limited_house: House) -> None:
    """A run in line is paused: the call goes when its turn comes, and what follows waits for people."""
    then = "  - {id: after, type: set, config: {a: 1}}"
    async with receiving(0.5) as receiver:
        holding = await call(limited_house, calling(receiver, "single"), 3, "holding")
        await until(lambda: _count(receiver), lambda came: came == 1)
        waiting = await call(limited_house, calling(receiver, "single", then=then), 1, "waiting")
        await until(lambda: step(waiting, "call"), lambda found: bool(found.waiting))
        await waiting.execute_update("pause", PauseRequest(by="dana", reason="look"))
        await until_state(waiting, "call", "completed")
        paused = await step(waiting, "after")
        await waiting.execute_update("resume", PauseRequest(by="dana"))
        await asyncio.gather(waiting.result(), holding.result())

    assert paused.state == "pending"


async def test_a_timeout_counts_the_wait(limited_house: House) -> None:
    """The timeout of a step is over while it waits: it fails, says why, is in no doubt, and nothing was sent."""
    ended: list[str] = []
    for connection in ("single", "paced"):
        async with receiving(3.0 if connection == "single" else 0) as receiver:
            others = await call(limited_house, calling(receiver, connection), 4 if connection == "single" else 60)
            await until(lambda receiver=receiver: _count(receiver), lambda came: came > 0)
            given = calling(receiver, connection, step="timeout: 2s")
            hasty = await call(limited_house, given, 1, "hasty")
            await until_state(hasty, "call", "failed")
            found = (await step(hasty, "call")).failure
            assert found is not None and not found.unknown
            ended.append(f"{found.code}: {found.message}")
            await others.cancel()
            assert "hasty" not in customers(receiver.arrivals)
    assert ended == [f"step.timeout: {IN_VAIN} {connection}" for connection in ("single", "paced")]
