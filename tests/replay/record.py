"""Records histories of definitions on a real stack: `python -m tests.replay.record`. A file that exists is kept."""

import json
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError

from tests.integration.conftest import House, open_house
from tests.integration.definitions import document, order, request, shipped, start, until_state
from tests.replay.recorded_definitions import (
    ALERTED,
    CAUGHT,
    CHILD,
    EMITTED,
    GROUPS,
    ITEMS,
    LAUNCHED,
    LOOP,
    MATCHED,
    OFFERED,
    OPERATED,
    ROUNDS,
    WAITS,
    WITHDRAWN,
)
from tests.waiting import until
from towpath.cli.history import without_hosts
from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask, Verdict
from towpath.contracts.core.run import RunRecord
from towpath.contracts.declared.published import Publication
from towpath.contracts.declared.run import CloudEvent, Edit, PauseRequest
from towpath.control import reviews
from towpath.control.definitions import Definitions
from towpath.control.schedules import Schedules
from towpath.control.temporal import run_to_end
from towpath.engine.checks.loading import digest, load_plan

FOLDER = Path(__file__).with_name("histories")
Recorded = AsyncGenerator[tuple[str, WorkflowHandle[Any, Any]]]


async def completed(handle: WorkflowHandle[Any, Any]) -> WorkflowHandle[Any, Any]:
    await handle.result()
    return handle


async def ended(handle: WorkflowHandle[Any, Any]) -> WorkflowHandle[Any, Any]:
    with suppress(WorkflowFailureError):
        await handle.result()
    return handle


async def tell(house: House, run: str, kind: str, subject: str = "") -> None:
    await house.client.get_workflow_handle(run).signal("event", CloudEvent(id=uuid4().hex, type=kind, subject=subject))


async def decide(handle: WorkflowHandle[Any, Any], reviewer: str) -> None:
    decision = Decision(verdict=Verdict.APPROVE, reviewer=reviewer, reason="recorded")
    await handle.execute_update("decide", decision, result_type=DecidedReview)


async def publish(house: House, text: str) -> Definitions:
    definitions, given = Definitions(house.client), document(text)
    publication = Publication(document=given, source=text, digest=digest(given), by="recorder")
    await definitions.publish(str(given["id"]), publication)
    return definitions


async def onboarding(house: House) -> Recorded:
    """Checks, Claude, a condition, a human task, parallel calls, channels."""
    handle = await start(
        house,
        shipped("customer-onboarding"),
        {"customer": {"email": "kim@recorded.example", "company": "Recorded", "plan": "enterprise", "country": "XX"}},
    )
    await until_state(handle, "manual-review", "running")
    await until(lambda: handle.query("review", result_type=ReviewTask), lambda task: task is not None)
    await decide(handle, "dana")
    yield "onboarding", await completed(handle)


async def failed(house: House) -> Recorded:
    """An order cancelled by an event: undone in reverse, told, queued."""
    inputs = order()
    handle = await start(house, shipped("order-saga"), inputs)
    await until_state(handle, "what-next", "running")
    await tell(house, handle.id, "order.cancelled", str(inputs["reference"]))
    yield "failed", await ended(handle)


async def unknown(house: House) -> Recorded:
    """The answer to a charge is lost; the check finds it, and the run is cancelled from outside."""
    inputs = order()
    fields = {"service": "orders", "operation": "chargePayment", "reference": inputs["reference"]}
    await house.fault(**fields, drop=True, after_effect=True, times=1)
    handle = await start(house, shipped("order-saga"), inputs)
    await until_state(handle, "what-next", "running")
    await handle.cancel()
    yield "cancelled", await ended(handle)


async def edited(house: House) -> Recorded:
    """Paused, an output by hand, a step skipped, resumed."""
    handle = await start(house, shipped("order-saga"), order())
    await until_state(handle, "what-next", "running")
    await handle.execute_update("pause", PauseRequest(by="kim", reason="looking"), result_type=RunRecord)
    edit = Edit(step="what-next", by="kim", reason="seen", value={"chosen": "packed", "value": None})
    await handle.execute_update("set_output", edit, result_type=RunRecord)
    await handle.execute_update("skip", Edit(step="ship", by="kim", reason="by hand"), result_type=RunRecord)
    await handle.execute_update("resume", PauseRequest(by="kim"), result_type=RunRecord)
    yield "edited", await completed(handle)


async def waits(house: House) -> Recorded:
    """Times, events, a task that reminds and escalates, a race, an alert."""
    handle = await start(house, document(WAITS), {})
    await until_state(handle, "told", "running")
    await tell(house, handle.id, "test.told", handle.id.partition("/")[2])
    await until_state(handle, "approve", "running")
    await until(lambda: house.http.get("/_standins/messages"), lambda answer: "#compliance-leads" in answer.text)
    await decide(handle, "lee")
    yield "waits", await completed(handle)


async def matched(house: House) -> Recorded:
    """A name that Python's `\\w` takes and that of ECMA-262 does not: taken until November 2026, refused since."""
    given = request(document(MATCHED), {"name": "kim"}).model_copy(update={"inputs": {"name": "김영희"}})
    yield "matched", await ended((await Definitions(house.client).start(given, uuid4().hex)).handle)


async def deep(house: House) -> Recorded:
    """A schema that is deeper than may be: taken until November 2026, refused since."""
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(54):
        schema = {"items": schema}
    definition: dict[str, Any] = {**document(CHILD), "id": "recorded-deep", "inputs": {"numbers": schema}}
    update = {"definition": definition, "digest": digest(definition), "inputs": {"numbers": [[1]]}}
    given = request(document(CHILD), {}).model_copy(update=update)
    yield "deep", await ended((await Definitions(house.client).start(given, uuid4().hex)).handle)


async def groups(house: House) -> Recorded:
    """A race, poll, notice, cache, loop, child run, queue."""
    await publish(house, CHILD)
    handle = await start(house, document(GROUPS % (house.standins.url, uuid4().hex)), {})
    yield "groups", await completed(handle)
    children = await until(lambda: _find(house, "DefinitionId='recorded-child'"), bool)
    yield "child", house.client.get_workflow_handle(children[0])
    found = await until(lambda: _find(house, "WorkflowType='cached-output'"), bool)
    yield "cached-output", house.client.get_workflow_handle(found[0])


async def items(house: House) -> Recorded:
    """A group whose items are runs of their own: one fails, and the others are undone with their run."""
    handle = await ended(await start(house, document(ITEMS), {}))
    yield "items", handle
    for name in ("each/0", "each/1", "each/0/undo"):
        yield f"items-{name.replace('/', '-')}", house.client.get_workflow_handle(f"{handle.id}/{name}")


async def loop(house: House) -> Recorded:
    """A loop in parts, and one of the parts."""
    handle = await start(house, document(LOOP), {})
    yield "loop", await completed(handle)
    parts = await until(lambda: _find(house, f"WorkflowId STARTS_WITH '{handle.id}/each/'"), bool)
    yield "loop-part", house.client.get_workflow_handle(max(parts))


async def launched(house: House) -> Recorded:
    """A record of versions, a firing with for_each, a look at the success rate."""
    definitions = await publish(house, LAUNCHED)
    given = document(LAUNCHED)
    request = (await definitions.request("recorded-launched", None, None)).model_copy(update={"inputs": {}})
    await Schedules(house.client).reconcile(load_plan(digest(given), given), request)
    yield "definition", house.client.get_workflow_handle("definition/recorded-launched")
    for schedule, prefix, name in (
        ("recorded-launched/0", "launch-recorded-launched", "launcher"),
        ("recorded-launched/success-rate", "recorded-launched/success-rate", "rate-watch"),
    ):
        await house.client.get_schedule_handle(schedule).trigger()
        query = f"WorkflowId STARTS_WITH '{prefix}' AND ExecutionStatus='Completed'"
        found = await until(lambda wanted=query: _find(house, wanted), bool)
        yield name, house.client.get_workflow_handle(found[0])


async def continued(house: House) -> Recorded:
    """A run that goes on in a new history: the first and the last of them."""
    steps = "".join(f"  - {{id: w{n}, type: wait, config: {{for: 50ms}}}}\n" for n in range(12))
    handle = await start(house, document(f'id: recorded-long\nversion: "1.0.0"\nsteps:\n{steps}'), {})
    first = handle.first_execution_run_id
    await handle.result()
    yield "continued-first", house.client.get_workflow_handle(handle.id, run_id=first)
    yield "continued-last", house.client.get_workflow_handle(handle.id)


async def beside(house: House) -> Recorded:
    """A loop over events, and what goes on beside it although the history has become long."""
    chain = ", ".join(f"{{id: c{n}, type: notify, config: {{target: ops-team, message: m}}}}" for n in range(6))
    loop = "for_each: {on_event: line, as: line, until: line.data.last}"
    steps = f"{{id: lines, type: notify, config: {{target: ops-team, message: m}}, {loop}}}"
    branch = f"{{id: branch, type: condition, config: {{if: 1 > 0, then: [{chain}]}}}}"
    text = f'id: recorded-beside\nversion: "1.0.0"\nsteps: [{{parallel: [{steps}, {branch}]}}]\n'
    handle = await start(house, document(text), {})
    await until_state(handle, "c5", "completed")
    await handle.signal("event", CloudEvent(id="1", type="line", data={"last": True}))
    yield "beside", await completed(handle)


async def paced(house: House) -> Recorded:
    """A cycle that takes no time, and more than one workflow task."""
    again = "{id: again, type: set, when: run.steps.a.visits < 900, back_to: a, max: 1000}"
    steps = f"steps: [{{id: a, type: set, config: {{v: 1}}}}, {{id: b, type: set, config: {{v: 2}}}}, {again}]"
    text = f"id: recorded-paced\nversion: \"1.0.0\"\noutputs: {{n: '{{{{ run.steps.a.visits }}}}'}}\n{steps}\n"
    yield "paced", await completed(await start(house, document(text), {}))


async def withdrawn(house: House) -> Recorded:
    """A race that is over before all its members have begun, and a task that reminds twice."""
    handle = await start(house, document(WITHDRAWN), {})
    await until_state(handle, "approve", "running")
    await until(lambda: house.http.get("/_standins/messages"), lambda answer: answer.text.count("Task still open") > 1)
    await decide(handle, "dana")
    yield "withdrawn", await completed(handle)


async def caught(house: House) -> Recorded:
    """An error that is handled by steps, one of which raises another."""
    yield "caught", await completed(await start(house, document(CAUGHT % house.standins.url), {}))


async def emitted(house: House) -> Recorded:
    """Events, one of which the run itself waits for."""
    yield "emitted", await completed(await start(house, document(EMITTED), {}))


async def operated(house: House) -> Recorded:
    """Operations of a document, one of which undoes another."""
    yield "operated", await ended(await start(house, document(OPERATED % house.standins.url), {}))


async def alerted(house: House) -> Recorded:
    """A run that ends while its alert is tried again."""
    await house.fault(service="slack", operation="chat.postMessage", status=503, times=1)
    yield "alerted", await completed(await start(house, document(ALERTED), {}))


async def rounds(house: House) -> Recorded:
    """Three visits, steps after each member, a step that is done again, and an error that its group handles."""
    yield "rounds", await completed(await start(house, document(ROUNDS % house.standins.url), {}))


async def offered(house: House) -> Recorded:
    """Tasks that are offered for a while: submitted by two doors, closed by their condition and with the run."""
    handle = await start(house, document(OFFERED), {})
    await until(lambda: handle.query("reviews"), lambda tasks: len(tasks) == 2)
    for reason in ("one", "two", "one"):
        note = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason=reason, task="notes")
        await reviews.decide(house.client, handle.id, note)
    edit = Edit(step="notes", by="lee", reason="by hand", value={"decision": "reject"})
    with suppress(WorkflowUpdateFailedError):
        await handle.execute_update("set_output", edit, result_type=RunRecord)
    await handle.execute_update("set_output", edit.model_copy(update={"by": "dana"}), result_type=RunRecord)
    await tell(house, handle.id, "test.packed")
    yield "offered", await completed(handle)


SCENARIOS: Sequence[Callable[[House], Recorded]] = (
    *(onboarding, failed, unknown, edited, waits, groups, loop, launched, withdrawn, caught, emitted, operated),
    *(alerted, rounds, offered, matched, deep, paced, items),
)
SHORT: Sequence[Callable[[House], Recorded]] = (continued, beside)


async def _find(house: House, query: str) -> list[str]:
    return [run.id async for run in house.client.list_workflows(query)]


async def record(house: House, scenarios: Sequence[Callable[[House], Recorded]], version: str) -> None:
    for scenario in scenarios:
        async for name, handle in scenario(house):
            file = FOLDER / f"declared-{name}-{version}.json"
            history = await handle.fetch_history()
            if not file.exists():
                written = {"workflow_id": history.workflow_id, "history": without_hosts(history.to_json_dict())}
                file.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            sys.stdout.write(f"{file.name}: {len(history.events)} events\n")


async def main(version: str, *names: str) -> None:
    """All scenarios, or those of these names."""
    flags = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=20")
    for known, extra in ((SCENARIOS, ()), (SHORT, flags)):
        wanted = [scenario for scenario in known if not names or scenario.__name__ in names]
        with tempfile.TemporaryDirectory() as folder:
            async with open_house(Path(folder), extra) as house, house.worker(log=Path(folder) / "worker.log"):
                await record(house, wanted, version)


if __name__ == "__main__":
    run_to_end(main(*(sys.argv[1:] or ["v1"])))
