"""Definitions on the real server: loops over items, publishing beside running versions, schedules, events, cache."""

import asyncio
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.integration.conftest import House
from tests.integration.definitions import Handle, document, record, request, shipped, start, step, until_state
from tests.waiting import until
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.published import Publication
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome
from towpath.control.definitions import DefinitionError, Definitions
from towpath.control.schedules import Schedules
from towpath.engine.checks.loading import digest, load_plan

REPORT = shipped("nightly-report")
WAITING = """
id: {name}
version: "{version}"
steps:
  - {{id: first, type: set, config: {{value: "{value}"}}}}
  - {{id: hold, type: wait, config: {{event: test.go, correlate: "{{{{ run.key }}}}"}}}}
  - {{id: last, type: set, config: {{value: "{{{{ steps.first.value }}}}"}}}}
outputs: {{value: "{{{{ steps.last.value }}}}", version: "{version}"}}
"""
LOOP = """
id: loop-{name}
version: "1.0.0"
inputs: {{count: {{type: integer}}}}
steps:
  - id: each
    type: api
    for_each: {{in: "{{{{ map(range(inputs.count), number, text(number)) }}}}", as: number, concurrency: 16}}
    config: {{service: order-service, method: getOrder, params: {{reference: "order-{{{{ number }}}}"}}}}
    select: [total]
outputs: {{count: "{{{{ size(steps.each) }}}}", total: "{{{{ sum(map(steps.each, order, order.total)) }}}}"}}
"""


def publication(given: JsonObject) -> Publication:
    return Publication(document=given, source="", digest=digest(given), by="kim")


async def test_report_reads_every_order(house: House) -> None:
    """Each order is one call with a few at once; results are in the order of the items."""
    handle = await start(house, REPORT, {"day": "2026-03-01x40"})
    result = await handle.result()
    assert result.outcome is DeclaredOutcome.COMPLETED
    totals = result.outputs["totals"]
    assert isinstance(totals, dict) and totals["read"] == 40 and totals["unread"] == 0
    assert (await step(handle, "orders")).note == "40 items"


async def test_large_loop_is_cut_into_parts(house: House) -> None:
    """Beyond some hundreds of items the work is done in runs of its own; no history grows with the items."""
    handle = await start(house, document(LOOP.format(name=uuid4().hex[:6])), {"count": 1200})
    result = await handle.result()
    assert result.outputs["count"] == 1200
    history = await handle.fetch_history()
    assert len(history.events) < 200
    parts = [run.id async for run in house.client.list_workflows(f"WorkflowId STARTS_WITH '{handle.id}/each/'")]
    assert len(parts) == 3


async def test_new_version_leaves_open_runs_alone(house: House) -> None:
    """A new version is published while 200 runs of the old one wait: each ends as the version it began with."""
    name = f"versions-{uuid4().hex[:6]}"
    definitions = Definitions(house.client)
    old = document(WAITING.format(name=name, version="1.0.0", value="old"))
    new = document(WAITING.format(name=name, version="1.1.0", value="new"))
    assert (await definitions.publish(name, publication(old))).new
    handles = await asyncio.gather(*(start(house, old, {}, key=f"{name}-{number}") for number in range(200)))
    await until_state(handles[-1], "hold", "running")
    assert (await definitions.publish(name, publication(new))).new
    assert not (await definitions.publish(name, publication(new))).new
    fresh = await definitions.start(await definitions.request(name, None, {}), f"{name}-fresh")
    runs = [*handles, fresh.handle]

    async def go(handle: Handle) -> None:
        event = CloudEvent(id=uuid4().hex, type="test.go", subject=handle.id.partition("/")[2])
        await handle.signal("event", event)

    await asyncio.gather(*(go(handle) for handle in runs))
    results = await asyncio.gather(*(handle.result() for handle in runs))
    assert [result.outputs["version"] for result in results] == ["1.0.0"] * 200 + ["1.1.0"]
    assert all(result.outputs["value"] == "old" for result in results[:200])
    listed = await definitions.record(name)
    assert [version.version for version in listed.versions] == ["1.0.0", "1.1.0"]


async def test_version_must_say_how_much_changed(house: House) -> None:
    """Published content never changes under its version, and a bump that is too small is refused."""
    name = f"bump-{uuid4().hex[:6]}"
    definitions = Definitions(house.client)
    await definitions.publish(name, publication(document(WAITING.format(name=name, version="1.0.0", value="old"))))
    same = document(WAITING.format(name=name, version="1.0.0", value="other"))
    with pytest.raises(DefinitionError, match="give it a new version"):
        await definitions.publish(name, publication(same))
    gone = document(WAITING.format(name=name, version="1.0.1", value="old"))
    del gone["outputs"]
    gone["outputs"] = {"version": "1.0.1"}
    with pytest.raises(DefinitionError, match=r"2\.0\.0"):
        await definitions.publish(name, publication(gone))


async def test_schedule_fires_and_follows_its_definition(house: House) -> None:
    """Publishing makes one Temporal Schedule for each trigger; it starts runs, and goes when the trigger goes."""
    name = f"schedule-{uuid4().hex[:6]}"
    given = {**REPORT, "id": name}
    schedules = Schedules(house.client)
    made = await schedules.reconcile(load_plan(digest(given), given), request(given, {"day": "2026-03-01"}))
    assert made == [f"made {name}/0: 30 3 * * * Europe/Berlin"]
    await house.client.get_schedule_handle(f"{name}/0").trigger()

    async def runs() -> list[str]:
        query = f"DefinitionId = '{name}' AND TriggerType = 'schedule'"
        return [run.id async for run in house.client.list_workflows(query)]

    started = await until(runs, lambda found: len(found) == 1)
    result = await house.client.get_workflow_handle(started[0]).result()
    assert result["outputs"]["totals"]["read"] == 20
    without = {**given, "triggers": []}
    gone = await schedules.reconcile(load_plan(digest(without), without), request(without, {"day": "2026-03-01"}))
    assert gone == [f"removed {name}/0"]


async def test_bad_inputs_start_nothing(house: House) -> None:
    """Every violation is told at once, with its place and without its value; a run started otherwise fails at once."""
    with pytest.raises(DefinitionError) as refused:
        request(REPORT, {"dai": "x", "team": 5})
    assert "/dai: there is no such input: did you mean 'day'?" in str(refused.value)
    assert "/day: is missing" in str(refused.value) and "/team: must be string" in str(refused.value)
    wrong = request(REPORT, {"day": "2026-03-01"}).model_copy(update={"inputs": {}})
    handle = (await Definitions(house.client).start(wrong, uuid4().hex)).handle
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError) and cause.type == "step.input" and "/day: is missing" in cause.message


async def test_output_is_reused_across_runs(house: House) -> None:
    """A cached step is done once for its key; another key is another output."""
    name = f"cached-{uuid4().hex[:6]}"
    given = document(
        f"""
id: {name}
version: "1.0.0"
inputs: {{day: {{type: string}}}}
steps:
  - id: list
    type: api
    cache: {{key: "{{{{ inputs.day }}}}", ttl: 5m}}
    config: {{service: order-service, method: listOrders, params: {{day: "{{{{ inputs.day }}}}"}}}}
outputs: {{orders: "{{{{ size(steps.list.orders) }}}}"}}
"""
    )
    first = await start(house, given, {"day": "2026-01-01x3"})
    assert (await first.result()).outputs == {"orders": 3}
    again = await start(house, given, {"day": "2026-01-01x3"})
    assert (await again.result()).outputs == {"orders": 3}
    assert [found.note for found in (await record(again)).steps] == ["from the cache"]
    other = await start(house, given, {"day": "2026-01-01x4"})
    assert (await other.result()).outputs == {"orders": 4}
