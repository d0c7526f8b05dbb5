"""Cycles on the server with time skipping: each visit has its own approval, its own names, and outlives histories."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from tests.timeskip.conftest import time_skipping
from tests.timeskip.declared import Handle, serve, steps
from tests.waiting import until
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import Edit

TASK = "{assignee: compliance-team, on_reject: continue}"
REVIEWED = f"""
  - {{id: draft, type: http, config: {{url: "https://api.example.com/", method: POST,
     body: "{{{{ steps.ask?.reason ?? 'nothing' }}}}"}}}}
  - {{id: ask, type: human-task, config: {TASK}}}
  - {{id: polish, type: wait, config: {{for: 1h}}}}
  - {{id: again, type: set, when: "steps.ask.decision == 'reject'", back_to: draft, max: 3}}
  - {{id: publish, type: set, config: {{said: "{{{{ map(steps.ask.runs, x, x.decision) }}}}"}}}}
"""
MANY = """
  - {id: work, type: http, config: {url: "https://api.example.com/{{ size(steps.work?.runs ?? []) }}", method: POST},
     compensate: {type: http, config: {url: "https://api.example.com/undo/{{ output.body.n }}", method: POST}}}
  - {id: again, type: set, when: run.steps.work.visits < 40, back_to: work, max: 50}
  - {id: breaks, type: raise, when: inputs.breaks}
outputs: {}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def short(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkflowEnvironment]:
    """A server that suggests a new history after 40 events instead of 4,096."""
    folder = tmp_path_factory.mktemp("payloads")
    async with time_skipping(folder, "limit.historyCount.suggestContinueAsNew=40") as environment:
        yield environment


async def tasks(handle: Handle) -> list[ReviewTask]:
    return await handle.query("reviews", result_type=list[ReviewTask])


async def opened(handle: Handle, name: str) -> None:
    await until(lambda: tasks(handle), lambda found: any(task.task == name for task in found))


async def refused(handle: Handle, update: str, arg: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as raised:
        await handle.execute_update(update, arg)
    return str(cast("Any", raised.value.cause).type)


def decision(verdict: Verdict, task: str) -> Decision:
    return Decision(verdict=verdict, reviewer="dana", reason="too long", task=task)


async def test_an_approval_counts_for_its_own_visit(env: WorkflowEnvironment) -> None:
    """A late decision of an earlier visit is refused; an operator may change what an approval guards only by people who
    may give that of this visit; what is read of the visit before is there.
    """
    async with serve(env) as runs:
        handle = await runs.start(REVIEWED, skipping=False)
        await opened(handle, "ask")
        await handle.execute_update("decide", decision(Verdict.REJECT, "ask"))
        edit = Edit(step="polish", by="dana", reason="is polished")
        await until(lambda: steps(handle), lambda found: found["polish"].state == "running")
        await handle.execute_update("skip", edit)
        await until(lambda: steps(handle), lambda found: found["ask"].visit == 2 and found["ask"].state == "running")
        # Who may decide was looked up in the first visit; in this one nobody has been asked yet, or just now.
        await opened(handle, "ask~2")
        assert await refused(handle, "decide", decision(Verdict.APPROVE, "ask")) == FailureCode.REVIEW_ALREADY_DECIDED
        stranger = Edit(step="polish", by="nobody", reason="no")
        assert await refused(handle, "skip", stranger) == FailureCode.REVIEW_UNKNOWN_REVIEWER
        assert await refused(handle, "skip", Edit(step="polish~3", by="dana", reason="no")) == FailureCode.STEP_INPUT
        await handle.execute_update("decide", decision(Verdict.APPROVE, "ask~2"))
        await handle.execute_update("skip", edit.model_copy(update={"step": "polish~2"}))
        result = await handle.result()
        bodies = [request.body for request in runs.services.requests]
        keys = [request.key.removeprefix(f"{handle.id}/") for request in runs.services.requests]
    assert result.outputs["publish"] == {"said": ["reject", "approve"]}
    assert bodies == ["nothing", "too long"] and keys == ["draft", "draft~2"]


@pytest.mark.parametrize("breaks", [False, True])
async def test_visits_over_many_histories(short: WorkflowEnvironment, breaks: bool) -> None:
    """What visits gave goes on in each new history: read at the end, or undone to the first visit, each once."""
    async with serve(short) as runs:
        runs.services.answers["http"] = [{"n": number} for number in range(40)]
        inputs: JsonObject = {"breaks": breaks}
        handle = await runs.start(MANY.partition("outputs")[0], inputs, more="inputs: {breaks: {type: boolean}}")
        if breaks:
            with pytest.raises(Exception, match="failed"):
                await handle.result()
        else:
            output = cast("dict[str, list[JsonObject]]", (await handle.result()).outputs["work"])
            assert [cast("JsonObject", one["body"])["n"] for one in output["runs"]] == list(range(40))
        asked = [str(request.url).removeprefix("https://api.example.com/") for request in runs.services.requests]
        count = len([run async for run in short.client.list_workflows(f'WorkflowId="{handle.id}"')])
    done = [str(number) for number in range(40)]
    assert asked == done + [f"undo/{number}" for number in reversed(range(40))] * breaks
    assert count > 3
