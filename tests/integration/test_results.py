"""`starter.py result` for a run of each process: decoded as what that process answers, never as another's."""

import base64
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.integration.commands import starter
from tests.integration.conftest import House, open_house
from towpath.local.stack import ROOT
from towpath.registry import processes

QUEUE = "answers"
HISTORIES = ROOT / "tests" / "replay" / "histories"


@workflow.defn(dynamic=True)
class AnswerWorkflow:
    """A run of any type, which answers what it was given."""

    @workflow.run
    async def run(self, given: Sequence[RawValue]) -> Any:
        return workflow.payload_converter().from_payload(given[0].payload)


def answers(kind: str) -> list[dict[str, Any]]:
    """Results of stored runs of a type, as they came over the wire."""
    found: list[dict[str, Any]] = []
    for path in sorted(HISTORIES.glob("*.json")):
        events = json.loads(path.read_text(encoding="utf-8"))["history"]["events"]
        ended = events[-1].get("workflowExecutionCompletedEventAttributes")
        if ended and events[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"] == kind:
            found.append(json.loads(base64.b64decode(ended["result"]["payloads"][0]["data"])))
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def answering(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A stack whose one worker runs every type, and answers at once."""
    folder: Path = tmp_path_factory.mktemp("answers")
    runner = UnsandboxedWorkflowRunner()
    async with (
        open_house(folder) as house,
        Worker(house.client, task_queue=QUEUE, workflows=[AnswerWorkflow], workflow_runner=runner),
    ):
        yield house


async def ask(house: House, kind: str, answer: dict[str, Any], *flags: str) -> tuple[int, str, str]:
    """What the command says of a run that answered so."""
    workflow_id = f"{kind}/told"
    house.watch.pretended.add(workflow_id)
    await house.client.execute_workflow(kind, answer, id=workflow_id, task_queue=QUEUE)
    return await starter(house, "result", workflow_id, *flags)


@pytest.mark.parametrize("kind", [*processes()])
async def test_the_result_of_each_process_is_its_own(answering: House, kind: str) -> None:
    """Stored results of each process come out whole, as JSON and in words, and the exit code says how it ended."""
    answer = answers(kind)[0]
    code, output, problems = await ask(answering, kind, answer, "--json")
    in_words, text, _ = await ask(answering, kind, answer)

    result = processes()[kind].result
    assert result.model_validate_json(output) == result.model_validate(answer), problems
    assert f"outcome: {answer['outcome']}" in text
    assert code == in_words


async def test_a_part_of_a_process_has_no_result_of_its_own(answering: House) -> None:
    """For a child run the command says what it is, instead of reading its answer as something else's."""
    code, _, problems = await ask(answering, "etl-window", {})

    assert code == 2
    assert "etl-window/told is a run of etl-window" in problems
