"""The watch over histories: what does not replay is told and kept, open runs too; what is not ours is left alone."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.fakes.mutants import SLEPT, ChangedRecordWorkflow, StrangerWorkflow
from tests.replaying import StartsSeen, Watch, watched
from tests.waiting import until
from towpath.contracts.incident.remediation import REMEDIATION_CONTROL, ControlRecord
from towpath.control.temporal import converter
from towpath.local.server import find_executable
from workflows.incident.remediation import RemediationControlWorkflow
from workflows.sandbox import runner

QUEUE = "replaying"


@pytest_asyncio.fixture(loop_scope="session")
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    """Over a server that no other watch sees."""
    starts = StartsSeen()
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(find_executable()), data_converter=converter(None), interceptors=[starts]
    )
    async with environment:
        yield Watch(environment.client, tmp_path / "unreplayed", starts, str(tmp_path / "payloads"))


def serving(watch: Watch, workflow: type) -> Worker:
    return Worker(watch.client, task_queue=QUEUE, workflows=[workflow], workflow_runner=runner(), build_id="test")


async def begin_record(watch: Watch) -> str:
    name = f"record-{uuid4().hex}"
    await watch.client.start_workflow(REMEDIATION_CONTROL, ControlRecord(), id=name, task_queue=QUEUE)
    return name


async def until_decided(watch: Watch, name: str, events: int = 4) -> None:
    """Wait until a run has so many events: four with its first task done."""
    handle = watch.client.get_workflow_handle(name)
    await until(handle.describe, lambda described: described.history_length >= events)


async def test_history_that_does_not_replay_is_told_and_kept(watch: Watch) -> None:
    """A test whose run went another way than the code of the tree does fails, with the run, its type and a file."""
    async with serving(watch, ChangedRecordWorkflow):
        name = await begin_record(watch)
        await until_decided(watch, name, SLEPT)
    with pytest.raises(AssertionError, match="Nondeterminism") as told:
        await watch.check()
    await watch.check()
    (file,) = watch.folder.iterdir()

    assert f"{name} ({REMEDIATION_CONTROL})" in str(told.value)
    assert str(file) in str(told.value)
    assert re.search(r'"workflow_id": "record-\w+"', file.read_text())


async def test_server_does_not_end_with_a_history_that_does_not_replay(watch: Watch) -> None:
    """Whoever watches a server need not ask: all histories are replayed when the block ends."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(watched(watch))
        await stack.enter_async_context(serving(watch, ChangedRecordWorkflow))
        name = await begin_record(watch)
        await until_decided(watch, name, SLEPT)
        closing = stack.pop_all()
    with pytest.raises(AssertionError, match="do not replay"):
        await closing.aclose()


async def test_open_run_is_replayed_as_far_as_it_is(watch: Watch) -> None:
    """Runs that nobody has begun to work on, that wait, and that were ended, replay; a stranger is left alone."""
    untouched = await begin_record(watch)
    await watch.check()
    async with serving(watch, RemediationControlWorkflow):
        await until_decided(watch, untouched)
        await watch.check()
    await watch.client.get_workflow_handle(untouched).terminate()
    async with serving(watch, StrangerWorkflow):
        await watch.client.execute_workflow(StrangerWorkflow.run, id=f"stranger-{uuid4().hex}", task_queue=QUEUE)
    await watch.check(again=True)

    assert not watch.folder.exists()
