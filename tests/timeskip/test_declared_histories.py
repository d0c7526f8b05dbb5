"""Histories stay small: large outputs are kept beside them, and a long run goes on in a new one."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.conftest import time_skipping
from tests.timeskip.declared import Runs, record, serve, states
from towpath.contracts.declared import CloudEvent

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
    executions = [run async for run in runs.env.client.list_workflows(f'WorkflowId="{handle.id}"')]

    assert asked == ["first", *(f"n{number}" for number in range(COUNT - 1))]
    assert len({request.key for request in runs.services.requests}) == COUNT
    assert set(result.outputs) == {f"{kind}{number}" for kind in "sw" for number in range(COUNT)}
    assert len(executions) > 2
    assert set((await states(handle)).values()) == {"completed"}
    assert (await record(handle)).status == "completed"


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
