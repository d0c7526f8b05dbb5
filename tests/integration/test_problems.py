"""A run whose code was changed under it stands still: the log, the metrics and `starter.py problems` tell it."""

import asyncio
import shlex
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from tests.fakes.mutants import SLEPT, ChangedRecordWorkflow
from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House
from tests.waiting import until
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.incident.remediation import REMEDIATION_CONTROL, ControlRecord
from towpath.control.temporal import converter
from towpath.local.server import find_executable, free_port
from workflows.sandbox import runner

PRIVATE = "kim@hanbit.example"
COUNTED = 'temporal_workflow_task_execution_failed_total{failure_reason="NonDeterminismError"'


async def begin_changed(house: House) -> WorkflowHandle[Any, Any]:
    """A run of other code than the tree's, woken for the worker that comes next.

    A client of its own starts it: its history is not to replay, and `forget` deletes it before the watch looks.
    """
    client = await Client.connect(house.server.address, data_converter=converter(None))
    queue, name = INCIDENT.queue, f"changed-{uuid4().hex}"
    async with Worker(
        client, task_queue=queue, workflows=[ChangedRecordWorkflow], workflow_runner=runner(), build_id="changed"
    ):
        handle = await client.start_workflow(REMEDIATION_CONTROL, ControlRecord(), id=name, task_queue=queue)
        await until(handle.describe, lambda described: described.history_length >= SLEPT)
    await handle.signal("wake", PRIVATE)
    return handle


async def forget(client: Client, handle: WorkflowHandle[Any, Any]) -> None:
    """Delete all runs of the id, and wait until the server lists none."""

    async def listed() -> list[str]:
        return [run.run_id async for run in client.list_workflows(f"WorkflowId = '{handle.id}'")]

    for run_id in await listed():
        execution = WorkflowExecution(workflow_id=handle.id, run_id=run_id)
        request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
        await client.workflow_service.delete_workflow_execution(request)
    await until(listed, lambda found: not found)


async def counted(port: int) -> float:
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(COUNTED))


async def temporal(house: House, line: str) -> None:
    """A command of Temporal's own, as it was printed."""
    name, *arguments = shlex.split(line)
    assert name == "temporal"
    process = await asyncio.create_subprocess_exec(
        *(str(find_executable()), *arguments, "--address", house.server.address), stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


def told(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if "TMPRL1100" in line]


async def test_run_that_stands_still_is_told_everywhere(bare_house: House) -> None:
    """The worker's log names the run and the reason, a metric counts it, the command lists it until it goes on."""
    house, port, log = bare_house, free_port(), bare_house.folder / "worker.log"
    nothing = await starter_json(house, "problems")
    handle = await begin_changed(house)
    async with house.worker(log=log, metrics_port=port):
        (problem,) = await until(lambda: starter_json(house, "problems"), bool)
        code, shown, _ = await starter(house, "problems")
        metric, lines, text = await counted(port), told(log), log.read_text()
        await temporal(house, problem["remedies"][0])
        await until(lambda: starter_json(house, "problems"), lambda found: not found)
        again = house.client.get_workflow_handle(handle.id)
        record = await again.query("state", result_type=ControlRecord)
        await temporal(house, problem["remedies"][1].replace(problem["run_id"], (await again.describe()).run_id))
        await forget(house.client, handle)

    assert nothing == []
    assert record == ControlRecord()
    assert (problem["workflow_id"], problem["type"]) == (handle.id, REMEDIATION_CONTROL)
    assert (problem["cause"], problem["attempt"] >= 2) == ("non-deterministic-error", True)
    assert "[TMPRL1100] Nondeterminism error" in problem["message"]
    assert code == 0 and f"{handle.id} ({REMEDIATION_CONTROL}) since" in shown
    assert problem["remedies"][0] in shown
    assert metric >= 2
    assert f'"run_id": "{problem["run_id"]}"' in lines[0] and '"level": "warning"' in lines[0]
    assert PRIVATE not in text
