"""The data plane's processes: one for a slot, told everything by their socket, replaced when they die."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from starlette.responses import Response

from tests.fakes.shop_api import ShopApi
from tests.unit.pipeline.reading import source
from towpath.contracts.core.failure import FailureCode, PipelineError
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.loading import DuckdbDestination
from towpath.contracts.pipeline.plane import Setup, TaskProgress
from towpath.contracts.pipeline.stages import ExtractionPlanTask, Planned, Watermark, WatermarkTask
from towpath.pool.dataplane import Dataplane
from towpath.pool.scratch import Scratch

KILLED = """
import os, signal, sys
from pathlib import Path
from towpath.pool.scratch import Scratch
(Scratch(Path(sys.argv[1])).new() / "spilled").write_text("rows")
os.kill(os.getpid(), signal.SIGKILL)
"""
SECRET = "postgresql://kim:hidden-word@127.0.0.1/none"


@pytest_asyncio.fixture(loop_scope="session")
async def plane(tmp_path: Path) -> AsyncIterator[Dataplane]:
    connections: JsonObject = {"warehouse": {"type": "postgresql", "url": SECRET}}
    setup = Setup(store=str(tmp_path / "store"), scratch=str(tmp_path / "scratch"), connections=connections)
    opened = Dataplane(setup, 1)
    yield opened
    await opened.close()


def silent(progress: TaskProgress) -> None:
    del progress


async def ask(plane: Dataplane, folder: Path, task: str = "read_watermark") -> Watermark:
    destination = DuckdbDestination(name="lake", type="duckdb", path=str(folder / "none.duckdb"), table="items")
    return await plane.run(task, WatermarkTask(destination=destination, pipeline="items"), Watermark, silent)


async def test_process_is_started_once(plane: Dataplane, tmp_path: Path) -> None:
    """Tasks of one slot are done by one process, one after the other."""
    await asyncio.gather(*(ask(plane, tmp_path) for _ in range(3)))

    assert len(plane.pids) == 1


async def test_process_knows_no_environment_and_shows_no_secret(plane: Dataplane, tmp_path: Path) -> None:
    """Its environment names where the code is, and nothing else; secrets are in no argument."""
    await ask(plane, tmp_path)
    process = psutil.Process(plane.pids[0])

    assert set(process.environ()) <= {"PYTHONPATH", "LC_CTYPE"}
    assert "hidden-word" not in " ".join(process.cmdline())


async def test_killed_process_is_replaced(plane: Dataplane, tmp_path: Path) -> None:
    """A process that was killed between two tasks costs at most one attempt."""
    await ask(plane, tmp_path)
    before = plane.pids[0]
    process = psutil.Process(before)
    process.kill()
    await asyncio.to_thread(psutil.wait_procs, [process], 10)

    told: list[FailureCode] = []
    for _ in range(2):
        try:
            await ask(plane, tmp_path)
        except PipelineError as error:
            told.append(error.code)

    assert told in ([], [FailureCode.PIPELINE_CHILD_DIED])
    assert plane.pids[0] != before


async def test_wait_that_a_source_asks_for(tmp_path: Path) -> None:
    """An API that wants to be left alone for ten minutes is asked again after ten minutes: the wait reaches the run."""
    shop = ShopApi(orders=[], answers=[Response(status_code=429, headers={"retry-after": "600"})])
    with shop.served() as url:
        connections: JsonObject = {"shop": {"type": "http", "base_url": url}}
        setup = Setup(store=str(tmp_path / "store"), scratch=str(tmp_path / "scratch"), connections=connections)
        opened = Dataplane(setup, 1)
        told = source(type="http", connection="shop", path="list", requests_per_second=1_000)
        with pytest.raises(PipelineError) as refused:
            await opened.run("plan_partitions", ExtractionPlanTask(source=told), Planned, silent)
        await opened.close()

    assert refused.value.retryable
    assert refused.value.retry_after == timedelta(minutes=10)


async def test_unknown_task_is_final(plane: Dataplane, tmp_path: Path) -> None:
    """What no attempt can mend is not tried again, and the process stays."""
    await ask(plane, tmp_path)
    before = plane.pids

    with pytest.raises(PipelineError) as refused:
        await ask(plane, tmp_path, "no_such_task")

    assert not refused.value.retryable
    assert plane.pids == before


async def test_cancelled_task_ends_its_process(plane: Dataplane, tmp_path: Path) -> None:
    """A cancellation kills the process: nothing less ends a long function of the engine."""
    await ask(plane, tmp_path)
    process = psutil.Process(plane.pids[0])
    process.suspend()
    asking = asyncio.create_task(ask(plane, tmp_path))
    await asyncio.wait([asking], timeout=0.1)

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    gone, _ = await asyncio.to_thread(psutil.wait_procs, [process], 10)
    assert gone


async def test_what_a_killed_worker_left_is_removed(plane: Dataplane, tmp_path: Path) -> None:
    """The next worker removes the folders of one that was killed, and none of one that lives."""
    root = tmp_path / "scratch"
    living = Scratch(root)
    lives = living.new()
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(root))
    assert await killed.wait() == -signal.SIGKILL
    (left,) = [folder for folder in root.glob("worker-*") if folder != lives.parent]

    await ask(plane, tmp_path)

    assert not left.exists()
    assert lives.exists()
    await plane.close()
    living.close()
    assert [path.name for path in root.iterdir()] == ["workers.lock"]
