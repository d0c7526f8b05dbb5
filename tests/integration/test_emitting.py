"""`emit` needs no worker, and asks only for definitions that listen to the event."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.runtime import BUFFERED_METRIC_KIND_COUNTER, MetricBuffer, Runtime, TelemetryConfig

from tests.integration.commands import starter
from tests.integration.conftest import House, open_house
from tests.integration.definitions import document, start, until_state
from tests.sealing import SEALING
from tests.waiting import until
from towpath.contracts.declared.published import DEFINITION, DefinitionRecord, Publication
from towpath.contracts.declared.run import DECLARED, CloudEvent
from towpath.control.deadletters import find_letter, redrive
from towpath.control.definitions import Definitions, record_id
from towpath.control.emitting import Emitted, emit
from towpath.control.temporal import converter, interceptors
from towpath.engine.checks.loading import digest
from towpath.integrations.storage.payloads import PayloadStore

LISTENS = """
id: {name}
version: "{version}"
triggers: [{{type: event, source: {event}, inputs: {{word: "{{{{ event.data.word }}}}"}}}}]
inputs: {{word: {{type: string}}}}
steps: [{{id: only, type: set, config: {{a: "{{{{ inputs.word }}}}"}}}}]
"""
WAITS = 'id: waits\nversion: "1.0.0"\nsteps: [{{id: told, type: wait, config: {{event: {event}}}}}]\n'


async def publish(house: House, name: str, event: str, version: str = "1.0.0") -> Publication:
    text = LISTENS.format(name=name, event=event, version=version)
    given = document(text)
    publication = Publication(document=given, source=text, digest=digest(given), by="kim")
    await Definitions(house.client).publish(name, publication)
    return publication


async def until_listed(house: House, name: str, *, is_there: bool = True) -> None:
    """Lists follow what runs tell them after a moment."""
    shown = "AwaitedEvents != 'starts:'" if is_there else "AwaitedEvents IS NULL"
    query = f"WorkflowId = '{record_id(name)}' AND {shown}"
    await until(lambda: house.client.count_workflows(query), lambda found: found.count == 1)


async def waiting_run(house: House, event: str) -> str:
    handle = await start(house, document(WAITS.format(event=event)), {})
    query = f"WorkflowId = '{handle.id}' AND AwaitedEvents = '{event}'"
    await until(lambda: house.client.count_workflows(query), lambda found: found.count == 1)
    return handle.id


async def test_without_a_worker(bare_house: House) -> None:
    """With no worker at all it says which runs got the event and which it starts; they go on when one is there."""
    event = CloudEvent(id=uuid4().hex, type="test.said", data={"word": "x"})
    async with bare_house.worker():
        await publish(bare_house, "listens", event.type)
        await publish(bare_house, "elsewhere", "test.other")
        waiting = await waiting_run(bare_house, event.type)
        await until_listed(bare_house, "listens")
    started = f"listens/{event.id}"
    arguments = ["emit", "--type", event.type, "--id", event.id, "--data", '{"word": "x"}', "--json"]
    code, output, problems = await starter(bare_house, *arguments)
    assert code == 0, problems
    assert json.loads(output) == {
        "id": event.id,
        "told": [waiting],
        "started": [started],
        "problems": [],
        "unlisted": [],
    }
    assert await emit(bare_house.client, event) == Emitted([waiting], [started])
    async with bare_house.worker():
        for name in (waiting, started):
            await bare_house.client.get_workflow_handle(name).result()


async def test_calls_do_not_grow(bare_house: House) -> None:
    """However many definitions listen to something else, Temporal is asked the same."""
    async with bare_house.worker():
        await publish(bare_house, "listens", "test.counted")
        await until_listed(bare_house, "listens")
        few = await calls_of_emit(bare_house)
        for number in range(25):
            await publish(bare_house, f"other-{number}", "test.other")
        await until_listed(bare_house, "other-24")
        many = await calls_of_emit(bare_house)
    assert (
        few
        == many
        == {
            "ListWorkflowExecutions": 2,
            "GetWorkflowExecutionHistoryReverse": 1,
            "StartWorkflowExecution": 1,
        }
    )


async def calls_of_emit(house: House) -> Mapping[str, int]:
    """Calls to Temporal by name, as the SDK counts them."""
    buffer = MetricBuffer(10_000)
    convert = converter(SEALING.codec(), PayloadStore(str(house.folder / "payloads")))
    client = await Client.connect(
        house.server.address,
        data_converter=convert,
        interceptors=interceptors(convert),
        runtime=Runtime(telemetry=TelemetryConfig(metrics=buffer)),
    )
    buffer.retrieve_updates()
    emitted = await emit(client, CloudEvent(id=uuid4().hex, type="test.counted", data={"word": "x"}))
    assert len(emitted.started) == 1 and not emitted.problems
    found: Counter[str] = Counter()
    for update in buffer.retrieve_updates():
        if update.metric.name == "temporal_request" and update.metric.kind == BUFFERED_METRIC_KIND_COUNTER:
            found[str(update.attributes["operation"])] += int(update.value)
    return found


async def test_published_before_there_was_an_index(bare_house: House) -> None:
    """A record of which lists do not tell is read all the same, and said, until the definition is published again."""
    event = CloudEvent(id=uuid4().hex, type="test.old", data={"word": "x"})
    text = LISTENS.format(name="old", event=event.type, version="1.0.0")
    given = document(text)
    publication = Publication(document=given, source=text, digest=digest(given), by="kim")
    async with bare_house.worker():
        operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            DEFINITION,
            DefinitionRecord(id="old"),
            id=record_id("old"),
            task_queue=DECLARED,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        await bare_house.client.execute_update_with_start_workflow(
            "publish", publication, start_workflow_operation=operation, rpc_timeout=timedelta(seconds=30)
        )
        await until_listed(bare_house, "old", is_there=False)
    started = [f"old/{event.id}"]
    assert await emit(bare_house.client, event) == Emitted([], started, unlisted=["old"])
    async with bare_house.worker():
        answer = await Definitions(bare_house.client).publish("old", publication)
        assert not answer.new
        await until_listed(bare_house, "old")
        assert await emit(bare_house.client, event) == Emitted([], started)
        await bare_house.client.get_workflow_handle(started[0]).result()


async def test_a_record_that_goes_on_in_a_new_history(tmp_path: Path) -> None:
    """What starts a definition, and its text, are found behind a new history as well."""
    flags = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=20")
    kind = "test." + "e" * 190
    async with open_house(tmp_path, flags) as house, house.worker():
        handle = house.client.get_workflow_handle(record_id("long"))
        await publish(house, "long", "test.first")
        first = (await handle.describe()).run_id
        for number in (2, 3, 4):
            await publish(house, "long", kind, f"{number}.0.0")
        await until(handle.describe, lambda found: found.run_id != first)
        event = CloudEvent(id=uuid4().hex, type=kind, data={"word": "x"})
        emitted = await until(lambda: emit(house.client, event), lambda emitted: bool(emitted.started))
        assert emitted == Emitted([], [f"long/{event.id}"])
        await house.client.get_workflow_handle(emitted.started[0]).result()


async def test_a_run_that_failed_is_not_started_again(bare_house: House) -> None:
    """The same event delivered once more starts nothing, however the run ended that it started; nor do long ids."""
    text = LISTENS.format(name="fails", event="test.fails", version="1.0.0").replace("type: set, ", "type: raise, ")
    given = document(text.replace('a: "{{ inputs.word }}"', "title: no"))
    publication = Publication(document=given, source="", digest=digest(given), by="kim")
    async with bare_house.worker():
        await Definitions(bare_house.client).publish("fails", publication)
        await until_listed(bare_house, "fails")
        for length in (10, 2_000):
            event = CloudEvent(id=uuid4().hex * length, type="test.fails", data={"word": "x"})
            emitted = await emit(bare_house.client, event)
            run = bare_house.client.get_workflow_handle(emitted.started[0])
            with pytest.raises(WorkflowFailureError):
                await run.result()
            first = (await run.describe()).run_id
            assert await emit(bare_house.client, event) == emitted
            assert (await run.describe()).run_id == first


async def test_a_run_that_waits_for_very_much(bare_house: House) -> None:
    """More names of events than Temporal takes of one attribute: the run goes on, and gets its events all the same."""
    wait = "  - {{id: w{0}, type: wait, needs: [], config: {{event: a.longer.name.of.an.event-{0}, correlate: s}}}}\n"
    waits = "".join(map(wait.format, range(45)))
    async with bare_house.worker():
        handle = await start(bare_house, document(f'id: waits-long\nversion: "1.0.0"\nsteps:\n{waits}'), {})
        query = f"WorkflowId = '{handle.id}' AND AwaitedEvents IS NOT NULL"
        await until(lambda: bare_house.client.count_workflows(query), lambda found: found.count == 1)
        event = CloudEvent(id=uuid4().hex, type="a.longer.name.of.an.event-44", subject="s")
        assert (await emit(bare_house.client, event)).told == [handle.id]
        await until_state(handle, "w44", "completed")
        await handle.terminate()


async def test_a_name_of_the_triggers_own_starts_once_for_each_event(bare_house: House) -> None:
    """Under one `correlate`, an event starts a run after the one that failed, and none that started one does again."""
    text = LISTENS.format(name="named", event="test.named, correlate: '{{ event.subject }}'", version="1.0.0")
    given = document(text.replace("type: set, ", "type: raise, ").replace('a: "{{ inputs.word }}"', "title: no"))
    publication = Publication(document=given, source="", digest=digest(given), by="kim")
    events = [CloudEvent(id=uuid4().hex, type="test.named", subject="s", data={"word": "x"}) for _ in range(3)]
    async with bare_house.worker():
        await Definitions(bare_house.client).publish("named", publication)
        await until_listed(bare_house, "named")
        run = bare_house.client.get_workflow_handle("named/s")
        runs: list[str] = []
        for event in events:
            await asyncio.gather(*(emit(bare_house.client, event) for _ in range(3)))
            with pytest.raises(WorkflowFailureError):
                await run.result()
            runs.append((await run.describe()).run_id)
            for again in events[: len(runs)]:
                assert await emit(bare_house.client, again) == Emitted([], ["named/s"])
                assert (await run.describe()).run_id == runs[-1]
        assert len(set(runs)) == 3
        letter = await find_letter(bare_house.client, "named/s")
        await redrive(bare_house.client, letter)
        with pytest.raises(WorkflowFailureError):
            await run.result()
        runs.append((await run.describe()).run_id)
        assert [await emit(bare_house.client, event) for event in events] == [Emitted([], ["named/s"])] * 3
        assert (await run.describe()).run_id == runs[-1]
