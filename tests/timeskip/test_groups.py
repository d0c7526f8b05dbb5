"""Groups on Temporal: winners of one moment, members that take turns, with and without the workflow cache."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Runs, serve, states, steps
from tests.waiting import until
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.run import StepRecord
from towpath.contracts.declared.run import CloudEvent
from towpath.control import reviews


@pytest_asyncio.fixture(loop_scope="session", params=[1000, 0], ids=["cached", "replayed"])
async def runs(env: WorkflowEnvironment, request: pytest.FixtureRequest) -> AsyncIterator[Runs]:
    async with serve(env, max_cached_workflows=request.param) as serving:
        yield serving


def api(name: str, more: str = "") -> str:
    return f"{{id: {name}, type: api, config: {{service: s, method: {name}}}{more}}}"


def overlapping(records: dict[str, StepRecord], members: list[str]) -> list[tuple[str, str]]:
    """Pairs of steps of which one began before the other had ended."""
    found: list[tuple[str, str]] = []
    spans = [(records[name].started_at, records[name].ended_at, name) for name in members]
    for begun, ended, name in spans:
        for other_begun, other_ended, other in spans:
            if name < other and begun and ended and other_begun and other_ended:
                found += [(name, other)] if begun < other_ended and other_begun < ended else []
    return found


async def test_calls_that_end_together_have_one_winner(runs: Runs) -> None:
    """Three calls of one batch are answered in one activation: one wins, and what follows is called once."""
    members = ", ".join(map(api, "abc"))
    text = f"  - {{id: race, parallel: [{members}], join: any}}\n  - {api('after')}"
    handle = await runs.start(text)
    result = await handle.result()
    assert result.outputs["race"] == {"completed": ["a"]}
    assert runs.services.operations().count("after") == 1
    assert await states(handle) | {"a": "completed", "b": "cancelled", "c": "cancelled"} == await states(handle)


KINDS = """
  - id: group
    max_concurrency: 1
    parallel:
      - %s
      - {id: request, type: http, config: {url: "https://world.example/x"}}
      - {id: computed, type: function, config: {handler: f}}
      - {id: plain, type: set, config: {v: 1}}
      - {id: choice, type: condition, config: {if: "1 > 0", then: [%s, %s]}}
      - {parallel: [%s, %s]}
"""
WORKING = ["one", "request", "computed", "plain", "inner-1", "inner-2", "left", "right"]


async def test_members_of_any_type_take_turns(runs: Runs) -> None:
    """Steps of every kind, in branches and inner groups, too: no two of them are under way at one moment."""
    handle = await runs.start(KINDS % tuple(map(api, ("one", "inner-1", "inner-2", "left", "right"))))
    result = await handle.result()
    records: dict[str, Any] = await steps(handle)
    assert {records[name].state for name in WORKING} == {"completed"}
    assert overlapping(records, WORKING) == []
    assert set(WORKING) < set(result.outputs)


async def test_who_waits_does_not_hold_the_others_up(runs: Runs) -> None:
    """An event that comes after a day, and a member that fails, leave the turn to the others."""
    members = ", ".join(
        ("{id: nap, type: wait, config: {for: 24h}}", api("bad", ", on_error: continue"), api("good"), api("last"))
    )
    handle = await runs.start(f"  - {{parallel: [{members}], max_concurrency: 1}}")
    await handle.result()
    records = await steps(handle)
    nap, last = records["nap"], records["last"]
    assert nap.ended_at is not None and last.ended_at is not None and last.ended_at < nap.ended_at
    assert overlapping(records, ["bad", "good", "last"]) == []


CAUGHT = """
  - id: group
    parallel:
      - {id: slow, type: wait, config: {for: 24h}}
      - {parallel: [%s, {id: bad, type: raise, config: {type: "https://errors.example/no", status: 409}}]}
    catch:
      - on: {status: 4xx}
        as: why
        do: [{id: told, type: set, config: {code: "{{ why.code }}", a: "{{ has(steps.a) }}"}}, %s]
  - %s
"""


async def test_an_error_in_a_group_is_handled_by_the_group(runs: Runs) -> None:
    """Nobody waits a day for the member that only waits; the handler runs once, and the run goes on to its end."""
    handle = await runs.start(CAUGHT % tuple(map(api, ("a", "tell", "after"))))
    result = await handle.result()
    records = await steps(handle)
    assert result.outputs["told"] == {"code": "step.raised", "a": True}
    assert [str(records[name].state) for name in ("slow", "bad", "tell")] == ["cancelled", "failed", "completed"]
    assert [runs.services.operations().count(name) for name in ("tell", "after")] == [1, 1]


APPROVE = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="seen")
EACH = """
  - id: group
    parallel: [{id: slow, type: wait, config: {event: go}}, %s]
    each_done:
      - {id: audit, type: api, config: {service: s, method: audit, params: {of: "{{ branch.id }}"}}}
      - id: check
        type: human-task
        config: {assignee: ops-team, title: "{{ branch.id }}"}
  - %s
"""


async def test_more_is_done_for_each_member_that_is_done(runs: Runs) -> None:
    """The first copy begins before the slow member ends; people are asked for each, by the id of the copy."""
    handle = await runs.start(EACH % (api("quick"), api("after")), skipping=False)
    await until(lambda: handle.query("reviews"), bool)
    records = await steps(handle)
    assert (records["audit[1]"].state, records["slow"].state) == ("completed", "running")
    await reviews.decide(runs.env.client, handle.id, APPROVE.model_copy(update={"task": "check[1]"}))
    await handle.signal("event", CloudEvent(id="1", type="go", source="test"))
    await until(lambda: steps(handle), lambda found: found["check[0]"].state == "running")
    await reviews.decide(runs.env.client, handle.id, APPROVE.model_copy(update={"task": "check[0]"}))
    result = await handle.result()
    checks: Any = result.outputs["check"]
    assert [entry["decision"] for entry in checks["runs"]] == ["approve", "approve"]
    assert runs.services.operations().count("audit") == 2
    assert runs.services.operations()[-1] == "after"
