"""kill -9 of the worker while a run emits events: each receiver gets each event once, and each starts one run."""

from typing import Any, cast
from uuid import uuid4

from temporalio.client import WorkflowHandle

from tests.integration.conftest import House
from tests.integration.definitions import document, start
from tests.waiting import until
from towpath.contracts.declared.published import Publication
from towpath.control.definitions import Definitions
from towpath.engine.checks.loading import digest

COUNT = 60
EMITS = """
id: emits
version: "1.0.0"
steps:
  - id: lines
    type: emit
    for_each: {{in: "{{{{ range({count}) }}}}", as: number, concurrency: 8}}
    config: {{type: test.{word}, subject: {word}, data: {{reference: "{word}-{{{{ number }}}}", last: false}}}}
  - {{id: end, type: emit, config: {{type: test.{word}, subject: {word}, data: {{last: true}}}}}}
"""
RECEIVES = """
id: receives
version: "1.0.0"
inputs: {{word: {{type: string}}}}
steps:
  - id: lines
    type: api
    retry: {{max_attempts: 8, initial: 1s}}
    for_each: {{on_event: test.{word}, correlate: "{{{{ inputs.word }}}}", as: line, until: "line.data.last"}}
    config:
      service: order-service
      method: reserveStock
      params: {{reference: "{{{{ line.data.reference }}}}-received", items: [{{sku: a, quantity: 1}}]}}
outputs: {{count: "{{{{ size(steps.lines) }}}}"}}
"""
STARTED = """
id: started-by-events
version: "1.0.0"
triggers:
  - type: event
    source: test.{word}
    filter: "!event.data.last"
    inputs: {{reference: "{{{{ event.data.reference }}}}"}}
inputs: {{reference: {{type: string}}}}
steps:
  - id: reserve
    type: api
    retry: {{max_attempts: 8, initial: 1s}}
    config:
      service: order-service
      method: reserveStock
      params: {{reference: "{{{{ inputs.reference }}}}-started", items: [{{sku: a, quantity: 1}}]}}
"""


async def test_worker_killed_while_it_emits(bare_house: House) -> None:
    """An event that was on its way is delivered again under its id, and counts once wherever it arrives."""
    word = f"w{uuid4().hex[:8]}"
    number = await bare_house.fault(
        service="orders", operation="reserveStock", reference=f"{word}-5-received", hold=True, times=1
    )
    async with bare_house.worker() as worker:
        given = document(STARTED.format(word=word))
        publication = Publication(document=given, source="", digest=digest(given), by="kim")
        await Definitions(bare_house.client).publish("started-by-events", publication)
        receiver = await start(bare_house, document(RECEIVES.format(word=word)), {"word": word})
        waiting = "WorkflowType = 'declared' AND AwaitedEvents IS NOT NULL"
        await until(lambda: bare_house.client.count_workflows(waiting), lambda found: found.count > 0)
        sender = await start(bare_house, document(EMITS.format(word=word, count=COUNT)), {}, key=word)
        await until(lambda: bare_house.hits(number), lambda hits: hits == 1)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        outputs = cast("dict[str, Any]", (await sender.result()).outputs)
        assert (await receiver.result()).outputs == {"count": COUNT}
        started = [f"started-by-events/{sender.id}/lines/{item}" for item in range(COUNT)]
        for name in started:
            await bare_house.client.get_workflow_handle(name).result()
    emitted: list[dict[str, Any]] = [*outputs["lines"], outputs["end"]]
    assert [item["started"]["runs"] for item in emitted] == [*([name] for name in started), []]
    assert {item["delivered"]["runs"][0] for item in emitted} == {receiver.id}
    assert await most_attempts(sender) > 1, "the worker died beside the emissions, and not in one"
    effects = (await bare_house.effects())["effects"]
    assert [effect["applied"] for effect in effects] == [1] * (2 * COUNT)


async def most_attempts(handle: WorkflowHandle[Any, Any]) -> int:
    history = await handle.fetch_history()
    return max(event.activity_task_started_event_attributes.attempt for event in history.events)
