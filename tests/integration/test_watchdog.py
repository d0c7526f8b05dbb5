"""A workflow task that stands still ends its worker, which says whose it was; the others go on with the next worker."""

import json
import signal
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from temporalio.client import WorkflowFailureError

from tests.fakes.standing import QUEUE, READY
from tests.integration.commands import starter_json
from tests.integration.conftest import House
from tests.integration.test_problems import temporal
from tests.waiting import until
from towpath.local.processes import spawn
from towpath.local.stack import ROOT, python

ENDLESS, SHORT = 60, 3
"""Letters: Python's matcher needs twice the time for each."""
LIMIT = "3"
"""Seconds; the SDK itself gives a workflow task up after two."""


async def ended(house: House, log: Path) -> int:
    """The exit code of a worker that the run stops."""
    env = {"PYTHONPATH": str(ROOT), "TEMPORAL_ADDRESS": house.server.address}
    async with spawn("standing", python("-m", "tests.fakes.standing", LIMIT), env=env, log=log) as child:
        return await child.process.wait()


async def test_a_task_that_stands_still_ends_the_worker(bare_house: House) -> None:
    """Each worker that takes the task ends by SIGALRM and names the run; `problems` lists it with what ends it."""
    house, log = bare_house, bare_house.folder / "standing.log"
    begin = house.client.start_workflow
    run = await begin("standing", ENDLESS, id=f"standing/{uuid4().hex}", task_queue=QUEUE)
    codes = [await ended(house, log) for _ in range(2)]
    (problem,) = await until(lambda: starter_json(house, "problems"), bool)
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    await temporal(house, problem["remedies"][1])
    beside = await begin("standing", SHORT, id=f"standing/{uuid4().hex}", task_queue=QUEUE)
    env = {"PYTHONPATH": str(ROOT), "TEMPORAL_ADDRESS": house.server.address}
    async with spawn("standing", python("-m", "tests.fakes.standing", LIMIT), env=env, log=log):
        went = await beside.result()

    assert codes == [-signal.SIGALRM] * 2
    assert text.count(READY) >= 2
    assert {line["workflow_id"] for line in lines} == {run.id}
    assert [line["level"] for line in lines] == ["error", "critical"] * 2
    assert "standing.py" in text and "Thread 0x" in text
    assert (problem["workflow_id"], problem["type"]) == (run.id, "standing")
    assert "terminate" in problem["remedies"][1]
    with pytest.raises(WorkflowFailureError):
        await run.result()
    assert went is True


async def test_the_watchdog_ends_with_its_worker(bare_house: House) -> None:
    """A worker that is killed leaves no process behind, and its watchdog knows none of its settings."""

    async def watchdogs() -> list[psutil.Process]:
        found = psutil.Process(worker.pid).children()
        return [process for process in found if any(part.endswith("watchdog.py") for part in process.cmdline())]

    async def left() -> bool:
        return watching.is_running() and watching.status() != psutil.STATUS_ZOMBIE

    async with bare_house.worker() as worker:
        (watching,) = await until(watchdogs, bool)
        assert not [name for name in watching.environ() if name.startswith(("TOWPATH", "TEMPORAL", "ANTHROPIC"))]
        await worker.kill()
        await until(left, lambda alive: not alive)
