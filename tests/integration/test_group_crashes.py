"""kill -9 of the worker while members of groups are under way: turns are kept, one member wins, no effect twice."""

import asyncio
from uuid import uuid4

import pytest

from tests.integration.conftest import House
from tests.integration.definitions import document, record, start
from tests.waiting import until
from towpath.contracts.declared.run import CloudEvent, DeclaredOutcome

HEAD = 'id: "in-groups"\nversion: "1.0.0"\ninputs: {reference: {type: string}}\nsteps:\n'
MEMBERS = ("first", "second", "third")
PARAMS = '{reference: "{{ inputs.reference }}-%s", items: [{sku: A-1, quantity: 1}]}'
RESERVE = f"{{id: %s, type: api, config: {{service: order-service, method: reserveStock, params: {PARAMS}}}}}"
TURNS = f"""
  - id: turns
    max_concurrency: 1
    parallel:
      - {RESERVE % ("first", "1")}
      - {{id: nap, type: wait, config: {{for: 1s}}}}
      - {RESERVE % ("second", "2")}
      - {{id: plain, type: set, config: {{v: 1}}}}
      - {RESERVE % ("third", "3")}
"""
RACE = f"""
  - id: race
    join: any
    parallel:
      - {RESERVE % ("first", "1")}
      - {RESERVE % ("second", "2")}
      - {RESERVE % ("third", "3")}
  - {{id: won, type: set, config: {{by: "{{{{ steps.race.completed }}}}"}}}}
"""
EACH = f"""
  - id: merge
    parallel:
      - {RESERVE % ("first", "1")}
      - {{id: nap, type: wait, config: {{for: 1s}}}}
      - {{id: late, type: wait, config: {{event: test.late, within: 1h}}}}
    each_done:
      - id: audit
        type: api
        config:
          service: order-service
          method: reserveStock
          params:
            reference: "{{{{ inputs.reference }}}}-{{{{ branch.id }}}}"
            items: [{{sku: A-1, quantity: 1}}]
  - {{id: after, type: set, config: {{runs: "{{{{ size(steps.audit.runs) }}}}"}}}}
"""


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "after-the-effect"])
async def test_worker_killed_while_members_are_followed(bare_house: House, after_effect: bool) -> None:
    """Two copies are under way, a third member has not ended: each member is followed once, on whichever worker."""
    async with bare_house.worker() as worker:
        held = {"service": "orders", "operation": "reserveStock", "hold": True, "after_effect": after_effect}
        reference = uuid4().hex[:8]
        numbers = [await bare_house.fault(**held, reference=f"{reference}-{name}") for name in ("first", "nap")]
        handle = await start(bare_house, document(HEAD + EACH), {"reference": reference})
        for number in numbers:
            await until(lambda number=number: bare_house.hits(number), lambda hits: hits == 1)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        await handle.signal("event", CloudEvent(id="late", type="test.late", source="test"))
        result = await handle.result()
        assert result.outcome is DeclaredOutcome.COMPLETED and result.outputs["after"] == {"runs": 3}
        states = {step.step: step.state for step in (await record(handle)).steps}
        assert {name: str(state) for name, state in states.items() if "[" in name} == {
            f"audit[{number}]": "completed" for number in range(3)
        }
    effects = await bare_house.effects()
    assert effects["applied_twice"] == []


CAUGHT = f"""
  - id: group
    parallel:
      - {RESERVE % ("first", "1")}
      - {{id: nap, type: wait, config: {{for: 1h}}}}
      - {{id: bad, type: raise, config: {{type: "https://errors.example/no", status: 409}}}}
    catch:
      - on: {{status: 409}}
        as: why
        do: [{RESERVE % ("second", "2")}, {{id: told, type: set, config: {{status: "{{{{ why.status }}}}"}}}}]
  - {RESERVE % ("third", "3")}
"""


@pytest.mark.parametrize("step", ["1", "2"], ids=["in-the-group", "in-its-handler"])
async def test_worker_killed_while_a_group_handles_an_error(bare_house: House, step: str) -> None:
    """The error is not forgotten: what ran ends, the handler runs once, and the run goes on after the group."""
    async with bare_house.worker() as worker:
        reference = uuid4().hex[:8]
        held = {"service": "orders", "operation": "reserveStock", "hold": True, "after_effect": True}
        number = await bare_house.fault(**held, reference=f"{reference}-{step}")
        handle = await start(bare_house, document(HEAD + CAUGHT), {"reference": reference})
        await until(lambda: bare_house.hits(number), lambda hits: hits == 1)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        result = await handle.result()
        assert result.outcome is DeclaredOutcome.COMPLETED and result.outputs["told"] == {"status": 409}
        states = {step.step: str(step.state) for step in (await record(handle)).steps}
        assert states == {**dict.fromkeys([*MEMBERS, "told"], "completed"), "nap": "cancelled", "bad": "failed"}
    assert (await bare_house.effects())["applied_twice"] == []


AGAIN = f"""
  - id: first
    type: api
    config: {{service: order-service, method: reserveStock, params: {PARAMS % "1"}}}
    catch:
      - on: {{code: service.refused}}
        retry: {{max_attempts: 3, backoff: fixed, initial: 3s}}
        do: [{{id: told, type: set, config: {{v: 1}}}}]
"""


async def test_worker_killed_while_a_step_waits_to_be_done_again(bare_house: House) -> None:
    """Refused twice, it is done three times in all, on two workers; the effect happens once, and nothing is handled."""
    async with bare_house.worker() as worker:
        number = await bare_house.fault(service="orders", operation="reserveStock", status=422, times=2)
        handle = await start(bare_house, document(HEAD + AGAIN), {"reference": uuid4().hex[:8]})
        await until(lambda: bare_house.hits(number), lambda hits: hits == 1)
        await worker.kill()
    async with bare_house.worker():
        assert (await handle.result()).outcome is DeclaredOutcome.COMPLETED
        found = {step.step: step for step in (await record(handle)).steps}
        assert (str(found["first"].state), found["first"].attempts) == ("completed", 3)
        assert str(found["told"].state) == "skipped"
    assert await bare_house.hits(number) == 2
    assert (await bare_house.effects())["applied_twice"] == []


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "after-the-effect"])
async def test_worker_killed_inside_groups(bare_house: House, after_effect: bool) -> None:
    """Whoever had the turn ends first, also on the next worker; a race that was under way has one winner."""
    async with bare_house.worker() as worker:
        held = {"service": "orders", "operation": "reserveStock", "hold": True, "after_effect": after_effect}
        number = await bare_house.fault(**held, times=4)
        inputs = {"reference": uuid4().hex[:8]}
        turns = await start(bare_house, document(HEAD + TURNS), dict(inputs))
        race = await start(bare_house, document(HEAD + RACE), {"reference": uuid4().hex[:8]})
        await until(lambda: bare_house.hits(number), lambda hits: hits == 4)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        results = await asyncio.gather(turns.result(), race.result())
        assert [result.outcome for result in results] == [DeclaredOutcome.COMPLETED] * 2
        assert results[1].outputs["race"] in [{"completed": [name]} for name in MEMBERS]
        assert results[1].outputs["won"] in [{"by": [name]} for name in MEMBERS]
        members = [step for step in (await record(turns)).steps if step.step in MEMBERS]
        spans = sorted((step.started_at, step.ended_at) for step in members if step.started_at and step.ended_at)
        moments = [moment for span in spans for moment in span]
        assert len(moments) == 6 and moments == sorted(moments), "one after the other"
    assert (await bare_house.effects())["applied_twice"] == []
