"""kill -9 of the worker inside items of a group: nothing lost, no effect twice, undone once, and people are asked."""

from typing import Any, cast
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.integration.conftest import House
from tests.integration.definitions import Handle, document, start, step
from tests.redriving import failed, redriven
from tests.waiting import until
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.core.run import Cancellation
from towpath.contracts.core.wire import JsonObject
from towpath.control import reviews

HEAD = """
id: each-{word}
version: "1.0.0"
inputs: {{word: {{type: string}}, count: {{type: integer}}}}
steps:
  - id: each
    parallel:
"""
RESERVE = """
      - id: reserve
        type: api
        retry: {{max_attempts: 8, initial: 1s}}
        config:
          service: order-service
          method: reserveStock
          params: {{reference: "{{{{ inputs.word }}}}-{{{{ number }}}}", items: [{{sku: a, quantity: 1}}]}}
        compensate:
          type: api
          config:
            service: order-service
            method: releaseStock
            params: {{reference: "{{{{ inputs.word }}}}-{{{{ number }}}}"}}
"""
TOLD = """
      - id: told
        type: set
        needs: [reserve]
        config: {{of: "{{{{ number }}}} {{{{ steps.reserve.reservation_id }}}}"}}
"""
ASKED = """
      - {{id: ask, type: human-task, config: {{assignee: compliance-team, title: "Reserve {{{{ number }}}}?"}}}}
"""
LOOP = """
    for_each: {{in: "{{{{ range(inputs.count) }}}}", as: number, concurrency: 10, {policy}}}
"""
BROKEN = """
  - {{id: broken, type: raise, config: {{title: "no"}}}}
"""
SOME = "on_item_error: collect, max_failures: '10%'"
ORDERS: dict[str, Any] = {"service": "orders", "operation": "reserveStock"}


def given(word: str, *parts: str, policy: str = SOME) -> JsonObject:
    return document("".join((HEAD, *parts)).format(word=word, policy=policy))


async def applied(house: House, word: str) -> tuple[int, int]:
    """How many items were reserved, and how many of these were undone; by keys, each of which took effect once."""
    effects = await house.effects()
    assert effects["applied_twice"] == [] and effects["key_reused"] == []
    keys = [effect["key"] for effect in effects["effects"] if word in effect["key"] and effect["applied"]]
    return sum(key.endswith("/reserve") for key in keys), sum("/reserve/undo/" in key for key in keys)


@pytest.mark.parametrize("count", [20, 240], ids=["here", "in parts"])
async def test_worker_killed_among_items(bare_house: House, count: int) -> None:
    """Killed while items are in flight, and redriven after too many failed: each member took effect once."""
    word = f"w{uuid4().hex[:8]}"
    bad = range(10, 11 + count // 10)
    for number in bad:
        await bare_house.fault(**ORDERS, reference=f"{word}-{number}", status=400, times=1)
    held = await bare_house.fault(**ORDERS, reference=f"{word}-5", hold=True, after_effect=True, times=1)
    definition = given(word, RESERVE.partition("        compensate")[0], TOLD, LOOP)
    async with bare_house.worker() as worker:
        handle = await start(bare_house, definition, {"word": word, "count": count}, key=word)
        await until(lambda: bare_house.hits(held), lambda hits: hits == 1)
        await worker.kill()
    async with bare_house.worker():
        letter, failure = await failed(handle)
        assert f"{len(bad)} of {count} items failed" in letter.failure.message
        output = (await (await redriven(bare_house.client, handle, failure)).result()).outputs["each"]
    results = cast("list[dict[str, JsonObject]]", output)
    assert [str(result["told"]["of"]).partition(" ")[0] for result in results] == list(map(str, range(count)))
    assert await applied(bare_house, word) == (count, 0)


@pytest.mark.parametrize("count", [6, 210], ids=["here", "in parts"])
async def test_worker_killed_while_items_are_undone(bare_house: House, count: int) -> None:
    """The run fails after its items: each of them is undone once, whichever worker does it."""
    word = f"w{uuid4().hex[:8]}"
    undo = {"service": "orders", "operation": "releaseStock", "reference": f"{word}-{count - 3}"}
    held = await bare_house.fault(**undo, hold=True, after_effect=True, times=1)
    async with bare_house.worker() as worker:
        definition = given(word, RESERVE, TOLD, LOOP, BROKEN)
        handle = await start(bare_house, definition, {"word": word, "count": count}, key=word)
        await until(lambda: bare_house.hits(held), lambda hits: hits == 1)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        letter, _ = await failed(handle)
        assert (await step(handle, "each")).state == "undone"
    assert sorted(letter.undone) == sorted(f"each/{number}/reserve" for number in range(count))
    assert letter.not_undone == ()
    assert await applied(bare_house, word) == (count, count)


async def _asked(house: House, word: str, count: int) -> list[ReviewTask]:
    found = await until(
        lambda: reviews.list_reviews(house.client, "compliance-team"),
        lambda tasks: sum(word in task.workflow_id for task in tasks) == count,
    )
    return [task for task in found if word in task.workflow_id]


async def test_people_decide_in_the_runs_of_the_items(bare_house: House) -> None:
    """Each item has its own task in the list of the team; the worker dies while they wait, and no answer is lost."""
    word = f"w{uuid4().hex[:8]}"
    async with bare_house.worker() as worker:
        definition = given(word, ASKED, RESERVE.replace("type: api\n", "type: api\n        needs: [ask]\n", 1), LOOP)
        handle = await start(bare_house, definition, {"word": word, "count": 3}, key=word)
        tasks = await _asked(bare_house, word, 3)
        assert sorted(task.title for task in tasks) == [f"Reserve {number}?" for number in range(3)]
        approve = Decision(verdict=Verdict.APPROVE, reviewer="dana", task="ask")
        await reviews.decide(bare_house.client, f"{handle.id}/each/1", approve)
        await worker.kill()
    async with bare_house.worker():
        for number in (0, 2):
            await reviews.decide(bare_house.client, f"{handle.id}/each/{number}", approve)
        await handle.result()
    assert await applied(bare_house, word) == (3, 0)


async def test_items_are_cancelled_with_their_run(bare_house: House) -> None:
    """Who cancels the run and why is known in each item, which undoes what it did before the run is over."""
    word = f"w{uuid4().hex[:8]}"
    async with bare_house.worker():
        definition = given(word, RESERVE, ASKED.replace("{{id: ask,", "{{id: ask, needs: [reserve],"), LOOP)
        handle = await start(bare_house, definition, {"word": word, "count": 3}, key=word)
        await _asked(bare_house, word, 3)
        await handle.cancel(reason=Cancellation.of("dana", "no longer wanted").in_words)
        with pytest.raises(WorkflowFailureError) as raised:
            await handle.result()
        assert isinstance(raised.value.cause, CancelledError)
        for number in range(3):
            item: Handle = bare_house.client.get_workflow_handle(f"{handle.id}/each/{number}")
            ask = await step(item, "ask")
            assert ask.state == "cancelled" and ask.cancelled == Cancellation(by="dana", reason="no longer wanted")
    assert await applied(bare_house, word) == (3, 3)
