"""Incidents on the time-skipping server, with a fake world around them."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.fakes.incident import FakeIncident, firing, request
from tests.fakes.prompt import PROMPT
from tests.waiting import open_task, until
from towpath.contracts.core.process import CLAUDE_QUEUE
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.core.run import RunRecord, StepRecord
from towpath.contracts.incident.alerts import AlertBatch
from towpath.contracts.incident.incident import Acknowledge, Acknowledged, IncidentRequest, IncidentResult, IncidentView
from towpath.contracts.incident.process import INCIDENT
from towpath.temporal.signing import SignedUpdates
from workflows.incident.remediation import RemediationControlWorkflow
from workflows.incident.workflow import IncidentResponseWorkflow
from workflows.sandbox import runner

Handle = WorkflowHandle[IncidentResponseWorkflow, IncidentResult]


@dataclass(frozen=True)
class Incidents:
    """One worker for incidents, with its fake world."""

    env: WorkflowEnvironment
    world: FakeIncident

    async def start(
        self, batch: AlertBatch | None = None, asked: IncidentRequest | None = None, *, skipping: bool = True
    ) -> Handle:
        """Begin an incident by its first alerts. One that is told something later must not skip time."""
        if skipping:
            return await self._start(batch or firing(), asked or request())
        with self.env.with_time_skipping_disabled():
            return await self._start(batch or firing(), asked or request())

    async def ended(
        self, batch: AlertBatch | None = None, asked: IncidentRequest | None = None
    ) -> tuple[IncidentResult, Handle]:
        handle = await self.start(batch, asked)
        return await handle.result(), handle

    def run(self, handle: Handle, run_id: str | None = None) -> Handle:
        """One run of an incident that went on in several; without an id, the latest."""
        return self.env.client.get_workflow_handle_for(IncidentResponseWorkflow.run, handle.id, run_id=run_id)

    async def _start(self, batch: AlertBatch, asked: IncidentRequest) -> Handle:
        return await self.env.client.start_workflow(
            IncidentResponseWorkflow.run,
            asked,
            id=f"{INCIDENT.name}/{uuid4().hex[:16]}",
            task_queue=INCIDENT.queue,
            start_signal="alerts",
            start_signal_args=[batch],
        )


@asynccontextmanager
async def serve_incidents(
    env: WorkflowEnvironment, world: FakeIncident, keys: Sequence[bytes] = ()
) -> AsyncGenerator[Incidents]:
    """Both task queues of an incident, served by the fake world. With `keys`, what people send is signed."""
    incidents = Worker(
        env.client,
        task_queue=INCIDENT.queue,
        workflows=[IncidentResponseWorkflow, RemediationControlWorkflow],
        activities=with_batches(world.activities()),
        workflow_runner=runner(keys=keys),
        interceptors=[ActivityEdge(), SignedUpdates(keys)],
        build_id="test",
        **PROMPT,
    )
    claude = Worker(
        env.client,
        task_queue=CLAUDE_QUEUE,
        activities=[world.ask],
        interceptors=[ActivityEdge()],
        build_id="test",
        **PROMPT,
    )
    async with incidents, claude:
        yield Incidents(env, world)
    assert world.house.reused == []


async def view_of(handle: Handle, holds: Callable[[IncidentView], bool] = lambda _: True) -> IncidentView:
    """What the run knows, as soon as `holds` is true of it. A run that has just gone on in a new one is asked again."""
    return await until(lambda: handle.query(IncidentResponseWorkflow.incident), holds)


async def record_of(handle: Handle, holds: Callable[[RunRecord], bool] = lambda _: True) -> RunRecord:
    return await until(lambda: handle.query(IncidentResponseWorkflow.status), holds)


async def step_of(handle: Handle, step: str) -> StepRecord:
    record = await handle.query(IncidentResponseWorkflow.status)
    return next(found for found in record.steps if found.step == step)


async def task_of(handle: Handle, name: str = "action-1") -> ReviewTask:
    """The approval of an action, as soon as it is open."""
    return await open_task(lambda: handle.query(IncidentResponseWorkflow.review), lambda task: task.task == name)


async def approve(handle: Handle, name: str = "action-1", reviewer: str = "sora") -> None:
    await task_of(handle, name)
    decision = Decision(verdict=Verdict.APPROVE, reviewer=reviewer, reason="go", task=name)
    await handle.execute_update(IncidentResponseWorkflow.decide, decision)


async def acknowledge(handle: Handle, request: Acknowledge) -> Acknowledged:
    return await handle.execute_update("acknowledge", request, result_type=Acknowledged)


async def reject(handle: Handle, name: str = "action-1") -> None:
    await task_of(handle, name)
    decision = Decision(verdict=Verdict.REJECT, reviewer="sora", reason="not now", task=name)
    await handle.execute_update(IncidentResponseWorkflow.decide, decision)


async def told(handle: Handle, batch: AlertBatch) -> None:
    await handle.signal(IncidentResponseWorkflow.alerts, batch)
