"""kill -9 of the worker inside cycles: visits go on where they were, each effect once, all of them undone once."""

from typing import cast
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.integration.conftest import House
from tests.integration.definitions import document, record, start, step
from tests.waiting import until
from towpath.contracts.core.process import Again
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.run import DECLARED, CloudEvent, DeclaredFailure, DeclaredOutcome, DeclaredResult

VISITS = 500
HEAD = """
id: around
version: "1.0.0"
inputs: {word: {type: string}, most: {type: integer}, breaks: {type: boolean, default: false}}
steps:
  - {id: note, type: set, config: {reference: "{{ inputs.word }}-{{ size(steps.note?.runs ?? []) }}"}}
  - id: reserve
    type: api
    retry: {max_attempts: 8, initial: 1s}
    config:
      service: order-service
      method: reserveStock
      params:
        reference: "{{ steps.note.reference }}"
        items: [{sku: a, quantity: 1}]
"""
RELEASE = "{service: order-service, method: releaseStock, params: {reference: '{{ steps.note.reference }}'}}"
AGAIN = "  - {id: again, type: set, when: run.steps.reserve.visits < inputs.most, back_to: note, max: 1000}\n"
MANY = f"""{HEAD}
  - {{id: release, type: api, config: {RELEASE}}}
{AGAIN}
outputs: {{all: "{{{{ steps.reserve.runs }}}}"}}
"""
UNDOING = f"""{HEAD}
    compensate: {{type: api, config: {RELEASE}}}
  - {{id: pause, type: wait, config: {{event: go.on, correlate: "{{{{ inputs.word }}}}"}}}}
{AGAIN}
  - {{id: check, type: raise, when: inputs.breaks, config: {{title: "no"}}}}
"""


async def keys(house: House, handle_id: str) -> dict[str, int]:
    """How often each effect of a run happened, as the receiver has it, by its key in the run."""
    effects = (await house.effects())["effects"]
    mine = [effect for effect in effects if effect["key"].startswith(f"{handle_id}/")]
    return {effect["key"].removeprefix(f"{handle_id}/"): effect["applied"] for effect in mine if effect["applied"]}


def named(name: str, count: int) -> list[str]:
    return [name if number == 1 else f"{name}~{number}" for number in range(1, count + 1)]


async def test_worker_killed_among_500_visits(bare_house: House) -> None:
    """The next worker goes on with the visit that was under way; over several histories each visit took effect once."""
    word = f"w{uuid4().hex[:8]}"
    fault = {"service": "orders", "operation": "reserveStock", "reference": f"{word}-100"}
    held = await bare_house.fault(**fault, hold=True, after_effect=True, times=1)
    async with bare_house.worker() as worker:
        handle = await start(bare_house, document(MANY), {"word": word, "most": VISITS}, key=word)
        await until(lambda: bare_house.hits(held), lambda hits: hits == 1)
        await worker.kill()
    async with bare_house.worker():
        result = await handle.result()
        found = await step(handle, "reserve")
    assert result.outcome is DeclaredOutcome.COMPLETED and found.visit == VISITS
    assert len(cast("list[JsonObject]", result.outputs["all"])) == VISITS
    assert await keys(bare_house, handle.id) == dict.fromkeys((*named("reserve", VISITS), *named("release", VISITS)), 1)
    histories = [run async for run in bare_house.client.list_workflows(f'WorkflowId="{handle.id}"')]
    assert len(histories) > 1
    assert all((run.history_length or 0) < 10_000 for run in histories)


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "after-the-effect"])
async def test_visits_are_undone_once_and_done_again_by_a_redrive(bare_house: House, after_effect: bool) -> None:
    """Killed in its third visit and failed after the last: all visits are undone in reverse order; a redrive does each
    of them again under its own key.
    """
    word = f"w{uuid4().hex[:8]}"
    fault = {"service": "orders", "operation": "reserveStock", "reference": f"{word}-2"}
    held = await bare_house.fault(**fault, hold=True, after_effect=after_effect, times=1)
    inputs: JsonObject = {"word": word, "most": 4, "breaks": True}

    async def go_on(count: int) -> None:
        for _ in range(count):
            await handle.signal("event", CloudEvent(id=uuid4().hex, type="go.on", subject=word))

    async with bare_house.worker() as worker:
        handle = await start(bare_house, document(UNDOING), inputs, key=word)
        await go_on(2)
        await until(lambda: bare_house.hits(held), lambda hits: hits == 1)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        await go_on(2)
        with pytest.raises(WorkflowFailureError) as raised:
            await handle.result()
        assert isinstance(raised.value.cause, ApplicationError)
        letter = DeadLetter.model_validate(raised.value.cause.details[0])
        assert letter.undone == tuple(named("reserve", 4)[::-1]) and letter.not_undone == ()
        done = await keys(bare_house, handle.id)
        undos = {f"{name}/undo/{handle.result_run_id}" for name in named("reserve", 4)}
        assert done == dict.fromkeys((*named("reserve", 4), *undos), 1)
        failure = DeclaredFailure.model_validate(raised.value.cause.details[1])
        request = DECLARED_RUN.again(failure, Again(run_id=handle.result_run_id or ""))
        request = request.model_copy(update={"inputs": {**request.inputs, "breaks": False}})
        again = await bare_house.client.start_workflow(
            DECLARED, request, id=handle.id, task_queue=DECLARED, result_type=DeclaredResult
        )
        result = await again.result()
        visits = {found.step: found.visit for found in (await record(again)).steps}
    assert visits == {"note": 4, "reserve": 4, "pause": 4, "again": 4, "check": 1}
    runs = cast("dict[str, list[JsonObject]]", result.outputs["reserve"])["runs"]
    assert len(runs) == 4
    effects = await bare_house.effects()
    assert effects["applied_twice"] == [] and effects["key_reused"] == []
