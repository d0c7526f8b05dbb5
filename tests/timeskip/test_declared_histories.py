"""Histories stay small: large outputs are kept beside them, and a long run goes on in a new one."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecution
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.conftest import time_skipping
from tests.timeskip.declared import Handle, Runs, record, serve, states, steps
from tests.waiting import until
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import CloudEvent

LARGE = "x" * 900_000
COUNT = 16
CHAIN = "".join(
    f"""
  - id: s{number}
    type: http
    config: {{url: "https://api.example.com/{{{{ {earlier} }}}}", method: POST}}
  - {{id: w{number}, type: wait, config: {{for: 1m}}}}"""
    for number in range(COUNT)
    for earlier in [f"steps.s{number - 1}.body.next" if number else "'first'"]
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def short(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkflowEnvironment]:
    """A server that suggests a new history after 40 events instead of 4,096."""
    folder = tmp_path_factory.mktemp("payloads")
    async with time_skipping(folder, "limit.historyCount.suggestContinueAsNew=40") as environment:
        yield environment


@pytest_asyncio.fixture(loop_scope="session")
async def runs(short: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(short) as serving:
        yield serving


def numbered(runs: Runs) -> None:
    runs.services.answers["http"] = [{"next": f"n{number}"} for number in range(COUNT)]


async def executions(runs: Runs, handle: Handle) -> list[WorkflowExecution]:
    return [run async for run in runs.env.client.list_workflows(f'WorkflowId="{handle.id}"')]


async def test_large_outputs_are_kept_outside(runs: Runs) -> None:
    """An output of 900 kB is read by later steps and by the end, and the history holds a reference to it."""
    runs.services.answers["http"] = [{"text": LARGE}]
    handle = await runs.start("""
  - {id: fetch, type: http, config: {url: "https://api.example.com/large"}}
  - {id: size, type: set, config: {length: "{{ size(steps.fetch.body.text) }}"}}
  - {id: again, type: http, config: {url: "https://api.example.com/", method: POST, body: "{{ steps.fetch.body }}"}}
""")
    result = await handle.result()
    described = await handle.describe()

    assert result.outputs["size"] == {"length": len(LARGE)}
    assert runs.services.requests[-1].body == {"text": LARGE}
    assert described.raw_description.workflow_execution_info.history_size_bytes < 40_000


async def test_long_run_goes_on_in_new_histories(runs: Runs) -> None:
    """Steps are done once each over several histories; what was paid for, said and completed is known in the last."""
    numbered(runs)
    handle = await runs.start(CHAIN)
    result = await handle.result()
    asked = [str(request.url).rpartition("/")[2] for request in runs.services.requests]
    histories = await executions(runs, handle)

    assert asked == ["first", *(f"n{number}" for number in range(COUNT - 1))]
    assert len({request.key for request in runs.services.requests}) == COUNT
    assert set(result.outputs) == {f"{kind}{number}" for kind in "sw" for number in range(COUNT)}
    assert len(histories) > 2
    assert set((await states(handle)).values()) == {"completed"}
    assert (await record(handle)).status == "completed"


async def test_inputs_survive_a_new_history(runs: Runs) -> None:
    """Defaults, and inputs that the trigger made from the clock, are the same in every history of a run."""
    numbered(runs)
    given = '{type: set, config: {who: "{{ inputs.who }}", at: "{{ inputs.at }}"}}'
    handle = await runs.start(
        f"  - {given.replace('type', 'id: before, type', 1)}{CHAIN}\n  - {given.replace('type', 'id: after, type', 1)}",
        more="inputs: {who: {type: string, default: Kim}, at: {type: string, default: ''}}",
        input_templates={"at": "{{ format_date(now(), 'YYYY-MM-DD HH:mm:ss') }}"},
    )
    result = await handle.result()
    assert len(await executions(runs, handle)) > 2
    before = cast("JsonObject", result.outputs["before"])
    assert before == result.outputs["after"] and before["who"] == "Kim" and before["at"]


async def test_event_survives_a_new_history(runs: Runs) -> None:
    """An event that came early is still there when, some histories later, a step waits for it."""
    numbered(runs)
    handle = await runs.start(f"""
  - {{id: begin, type: wait, config: {{event: test.begin}}}}
{CHAIN}
  - {{id: go, type: wait, config: {{event: test.go}}}}""")
    for number, kind in enumerate(("test.go", "test.begin")):
        await handle.signal("event", CloudEvent(id=f"e{number}", type=kind, data={"answer": 42}))
    result = await handle.result()
    found = result.outputs["go"]

    assert isinstance(found, dict) and found["data"] == {"answer": 42}


async def test_story_of_a_run_goes_on(runs: Runs) -> None:
    """Over several histories a run has one beginning, each event of its life once, and one alert, on its whole time."""
    numbered(runs)
    handle = await runs.start(
        CHAIN + '\n  - {id: end, type: set, config: {began: "{{ run.started_at }}"}}',
        more='monitoring: {alerts: [{condition: "execution_time > 10m", channel: slack}]}',
        sinks=("audit",),
    )
    result = await handle.result()
    histories = await executions(runs, handle)
    first = min(histories, key=lambda run: run.start_time)
    story = await record(handle)
    events = runs.services.events
    told = [(event.type, cast("JsonObject", event.data).get("step")) for event in events]

    assert len(histories) > 2 and story.started_at - first.start_time < timedelta(seconds=5)
    assert result.outputs["end"] == {"began": story.started_at.isoformat().replace("+00:00", "Z")}
    starts = [step.started_at for step in story.steps if step.started_at is not None]
    assert starts == sorted(starts) and starts[-1] - starts[0] > timedelta(minutes=COUNT - 1)
    assert [event.id for event in events] == [f"{first.run_id}:{number}" for number in range(1, len(events) + 1)]
    assert len(told) == len(set(told)) == 2 * 2 * COUNT + len(("workflow.started", "alert", "end", "completed"))
    assert runs.services.notices() == [("ops-team", "Alert: execution_time > 10m")]


async def test_an_event_counts_once_over_all_histories(runs: Runs) -> None:
    """An event that was taken in an earlier history is not taken again; one of another source with that id is."""
    numbered(runs)
    handle = await runs.start(f"""
  - {{id: begin, type: wait, config: {{event: test.go}}}}
{CHAIN}
  - {{id: go, type: wait, config: {{event: test.go}}}}""")
    await handle.signal("event", CloudEvent(id="e1", type="test.go", data=1))
    await until(lambda: executions(runs, handle), lambda found: len(found) > 2)
    for source, data in (("towpath", 2), ("elsewhere", 3)):
        await handle.signal("event", CloudEvent(id="e1", type="test.go", source=source, data=data))
    result = await handle.result()
    found = result.outputs["go"]

    assert isinstance(found, dict) and found["data"] == 3


async def test_what_was_submitted_survives_a_new_history(runs: Runs) -> None:
    """A task waits for its condition over several histories, is submitted while its own grows long, and what came is
    read in the next ones; there, nothing of it is open.
    """
    first, last = (
        "\n".join(f"  - {{id: {name}{number}, type: wait, config: {{for: 20ms}}}}" for number in range(16))
        for name in "ab"
    )
    condition = "run.steps.a15?.status == 'completed' && run.steps.hold?.status != 'completed'"
    config = f'{{assignee: compliance-team, repeatable: true, enabled_while: "{condition}"}}'
    handle = await runs.start(
        f"""
{first}
  - {{id: hold, type: wait, config: {{event: test.over}}}}
{last}
  - {{id: notes, type: human-task, needs: [], config: {config}}}
  - {{id: said, type: set, config: {{by: "{{{{ map(steps.notes.runs, one, one.reason) }}}}"}}}}""",
        skipping=False,
    )
    assert f"its condition: {condition}" in (await steps(handle))["notes"].waits_for
    await runs.services.house.entered["notify_team"].wait()
    before = len(await until(lambda: executions(runs, handle), lambda found: len(found) > 1))
    words = [f"note {number}" for number in range(15)]
    for reason in (*words, words[3]):
        note = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason=reason, task="notes")
        await handle.execute_update("decide", note)
    assert "15 so far" in (await steps(handle))["notes"].waits_for
    await handle.signal("event", CloudEvent(id="e1", type="test.over"))
    result = await handle.result()
    await until(lambda: executions(runs, handle), lambda found: len(found) > before + 1)
    assert result.outputs["said"] == {"by": words}
    assert [step.waiting for step in (await record(handle)).steps if step.waiting] == []


async def test_a_loop_over_events_holds_nobody_up(runs: Runs) -> None:
    """What its closing event comes from goes on beside it, however long the history has become."""
    chain = ", ".join(
        f"{{id: c{number}, type: http, config: {{url: 'https://api.example.com/', method: POST}}}}"
        for number in range(15)
    )
    handle = await runs.start(
        f"""
  - parallel:
      - {{id: lines, type: http, config: {{url: "https://api.example.com/line", method: POST}},
         for_each: {{on_event: test.line, as: line, until: line.data.last}}}}
      - {{id: beside, type: condition, config: {{if: "1 > 0", then: [{chain}]}}}}
  - {{id: after, type: wait, config: {{for: 1m}}}}
""",
        skipping=False,
    )
    await until(lambda: states(handle), lambda found: found["c14"] == "completed")
    for last in (False, True):
        await handle.signal("event", CloudEvent(id=str(last), type="test.line", data={"last": last}))
    result = await handle.result()
    assert len(cast("list[object]", result.outputs["lines"])) == 1
