"""kill -9 of the worker inside loops over items: nothing lost, no effect twice, and the limit of failures holds."""

from typing import Any, cast
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.integration.conftest import House
from tests.integration.definitions import document, start
from tests.waiting import until
from towpath.contracts.core.process import Again
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.run import DECLARED, CloudEvent, DeclaredFailure, DeclaredResult

LOOP = """
id: reserve-{word}
version: "1.0.0"
inputs: {{word: {{type: string}}, count: {{type: integer}}}}
steps:
  - id: reserve
    type: api
    retry: {{max_attempts: 8, initial: 1s}}
    for_each: {{in: "{{{{ range(inputs.count) }}}}", as: number, concurrency: 4,
               on_item_error: collect, max_failures: "10%"}}
    config:
      service: order-service
      method: reserveStock
      params: {{reference: "{{{{ inputs.word }}}}-{{{{ number }}}}", items: [{{sku: a, quantity: 1}}]}}
"""


@pytest.mark.parametrize("count", [100, 300], ids=["here", "in parts"])
async def test_worker_killed_in_a_loop_with_a_limit(bare_house: House, count: int) -> None:
    """Killed while items are in flight, and redriven after too many failed: each item took effect once."""
    word = f"w{uuid4().hex[:8]}"
    bad = range(10, 11 + count // 10)
    orders: dict[str, Any] = {"service": "orders", "operation": "reserveStock"}
    for number in bad:
        await bare_house.fault(**orders, reference=f"{word}-{number}", status=400, times=1)
    held = await bare_house.fault(**orders, reference=f"{word}-5", hold=True, after_effect=True, times=1)
    async with bare_house.worker() as worker:
        inputs: JsonObject = {"word": word, "count": count}
        handle = await start(bare_house, document(LOOP.format(word=word)), inputs, key=word)
        await until(lambda: bare_house.hits(held), lambda hits: hits == 1)
        await worker.kill()
    async with bare_house.worker():
        with pytest.raises(WorkflowFailureError) as raised:
            await handle.result()
        assert isinstance(raised.value.cause, ApplicationError)
        assert f"{len(bad)} of {count} items failed" in raised.value.cause.message
        failure = DeclaredFailure.model_validate(raised.value.cause.details[1])
        request = DECLARED_RUN.again(failure, Again(run_id=handle.result_run_id or ""))
        again = await bare_house.client.start_workflow(
            DECLARED, request, id=handle.id, task_queue=DECLARED, result_type=DeclaredResult
        )
        output = (await again.result()).outputs["reserve"]
    results = cast("list[JsonObject]", output)
    assert len(results) == count and all("reservation_id" in result for result in results)
    assert (await bare_house.effects())["applied_twice"] == []


ARRIVING = """
id: lines-{word}
version: "1.0.0"
steps:
  - id: lines
    type: api
    retry: {{max_attempts: 8, initial: 1s}}
    for_each: {{on_event: test.line, as: line, until: "line.data?.last ?? false", concurrency: 2}}
    config:
      service: order-service
      method: reserveStock
      params: {{reference: "{{{{ line.data.reference }}}}", items: [{{sku: a, quantity: 1}}]}}
outputs: {{count: "{{{{ size(steps.lines) }}}}"}}
"""


async def test_worker_killed_in_a_loop_over_events(bare_house: House) -> None:
    """Events that came before and after the death of the worker are worked on once, in any number of deliveries."""
    word = f"w{uuid4().hex[:8]}"
    held = await bare_house.fault(
        service="orders", operation="reserveStock", reference=f"{word}-1", hold=True, after_effect=True, times=1
    )
    events = [
        CloudEvent(id=f"{word}-{number}", type="test.line", data={"reference": f"{word}-{number}"})
        for number in range(6)
    ]
    async with bare_house.worker() as worker:
        handle = await start(bare_house, document(ARRIVING.format(word=word)), {}, key=word)
        for event in events[:4]:
            await handle.signal("event", event)
        await until(lambda: bare_house.hits(held), lambda hits: hits == 1)
        await worker.kill()
    await bare_house.lift()
    for event in (*events[2:], CloudEvent(id=f"{word}-end", type="test.line", data={"last": True})):
        await handle.signal("event", event)
    async with bare_house.worker():
        assert (await handle.result()).outputs == {"count": 6}
    assert (await bare_house.effects())["applied_twice"] == []
