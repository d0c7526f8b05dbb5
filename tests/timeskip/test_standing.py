"""`status` and `explain` of a run say of each step what it waits for before it begins."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.declared import Runs, record, serve, steps
from tests.waiting import until
from towpath.views.explaining import explain

GROUP = """
  - id: group
    max_concurrency: 2
    parallel:
      - {id: a, type: api, config: {service: s, method: a}}
      - {id: b, type: api, config: {service: s, method: b}}
      - {id: c, type: api, config: {service: s, method: c}}
      - id: ask
        type: human-task
        on_error: continue
        config: {assignee: compliance-team, enabled_while: "run.steps.a?.status == 'failed'"}
"""


@pytest_asyncio.fixture(loop_scope="session", params=[1000, 0], ids=["cached", "replayed"])
async def runs(env: WorkflowEnvironment, request: pytest.FixtureRequest) -> AsyncIterator[Runs]:
    async with serve(env, max_cached_workflows=request.param) as serving:
        yield serving


async def test_status_says_what_is_waited_for(runs: Runs) -> None:
    """Whose turn it is not, in which group, and which condition is not true; once a step begins, no more."""
    release = asyncio.Event()
    for operation in ("a", "b"):
        runs.services.answers[operation] = [release]
    handle = await runs.start(GROUP, skipping=False)
    for operation in ("a", "b"):
        await runs.services.entered[operation].wait()
    found = await steps(handle)
    condition = "waits for its condition: run.steps.a?.status == 'failed'"
    assert found["c"].waits_for == "waits for its turn: 2 of group group are under way"
    assert (found["ask"].waits_for, str(found["ask"].state)) == (condition, "pending")
    told = explain(await record(handle)).lines
    assert f"Step ask {condition}, by the run." in told
    assert any(line.startswith("Step c waits for its turn: 2 of group group") for line in told)
    release.set()
    await runs.services.entered["c"].wait()
    await until(lambda: steps(handle), lambda found: found["ask"].state == "failed")
    await handle.result()
    assert [step.waiting for step in (await steps(handle)).values()] == [()] * 4
