"""Campaigns on the time-skipping server, with a fake press around them."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.fakes.press import FakePress
from tests.fakes.prompt import PROMPT
from tests.waiting import open_task, until
from towpath.contracts.core.process import CLAUDE_QUEUE
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.core.run import RunRecord, StepRecord
from towpath.contracts.publishing.campaign import (
    CampaignView,
    ChannelWish,
    Metadata,
    PublishingRequest,
    PublishingResult,
)
from towpath.contracts.publishing.posting import Job, JobState
from towpath.contracts.publishing.process import PUBLISHING
from workflows.publishing.workflow import ContentPublishingWorkflow
from workflows.sandbox import runner

Handle = WorkflowHandle[ContentPublishingWorkflow, PublishingResult]
LINK = "https://hanbit.example/canal"
CONTENT = """
# Canal locks, reopened

The Hanbit canal reopens on 14 March after 18 months of work. "We rebuilt 12 locks without closing the towpath for a
single day," said Kim Ji-woo, who led the project. Boats save 40 minutes on the way to the sea.

- New gates of oak last 50 years.
- Sensors at every lock report the water level each 10 seconds.
- Visitors walk along the towpath on both sides again.

The project cost 3.2 million euros, 5% less than planned.
"""


@dataclass(frozen=True)
class Press:
    """One worker for campaigns, with its fake."""

    env: WorkflowEnvironment
    fake: FakePress

    async def start(self, request: PublishingRequest, *, skipping: bool = True) -> Handle:
        """Start a campaign. One that a test changes must not skip time: it would jump to its times at once."""
        if skipping:
            return await self._start(request)
        with self.env.with_time_skipping_disabled():
            return await self._start(request)

    async def _start(self, request: PublishingRequest) -> Handle:
        return await self.env.client.start_workflow(
            ContentPublishingWorkflow.run,
            request,
            id=f"{PUBLISHING.name}/{request.metadata.campaign}",
            task_queue=PUBLISHING.queue,
        )

    async def forward(self, handle: Handle, time: timedelta) -> None:
        """Let the time of an unskipped run pass."""
        await self.env.fast_forward(handle, time)

    async def finish(self, handle: Handle) -> PublishingResult:
        """The result of an unskipped run, whose timers all fire."""
        with suppress(RPCError):  # it may have ended already
            await self.env.fast_forward(handle, timedelta(days=30))
        return await handle.result()


@asynccontextmanager
async def serve(env: WorkflowEnvironment) -> AsyncGenerator[Press]:
    fake = FakePress()
    common: dict[str, Any] = {"interceptors": [ActivityEdge()], "build_id": "test", **PROMPT}
    campaigns = Worker(
        env.client,
        task_queue=PUBLISHING.queue,
        workflows=[ContentPublishingWorkflow],
        activities=with_batches(fake.activities()),
        workflow_runner=runner(),
        **common,
    )
    claude = Worker(env.client, task_queue=CLAUDE_QUEUE, activities=[fake.ask], **common)
    async with campaigns, claude:
        yield Press(env, fake)
    assert fake.house.reused == []


def campaign(*channels: str, at: datetime | None = None, content: str = CONTENT, **fields: Any) -> PublishingRequest:
    """A request for the named channels, or X alone; `fields` are of the request or of its metadata."""
    wishes = tuple(ChannelWish(channel=channel, at=at) for channel in channels or ("x",))
    own = {name: fields.pop(name) for name in list(fields) if name in Metadata.model_fields}
    metadata = Metadata.model_validate(
        {"campaign": f"c-{uuid4().hex[:12]}", "title": "Canal locks, reopened", "link": LINK, "channels": wishes} | own
    )
    return PublishingRequest(metadata=metadata, content=content, **fields)


async def view_of(handle: Handle) -> CampaignView:
    return await handle.query(ContentPublishingWorkflow.campaign)


async def record_of(handle: Handle) -> RunRecord:
    return await handle.query(ContentPublishingWorkflow.status)


async def step_of(handle: Handle, name: str) -> StepRecord:
    return next(step for step in (await record_of(handle)).steps if step.step == name)


async def job_in(handle: Handle, *states: JobState, job: str = "x") -> Job:
    """The job, as soon as it is in one of these states."""
    return await job_when(handle, lambda found: found.state in states, job)


async def job_when(handle: Handle, holds: Callable[[Job], bool], job: str = "x") -> Job:
    def is_there(view: CampaignView) -> bool:
        return any(found.job == job and holds(found) for found in view.jobs)

    view = await until(lambda: view_of(handle), is_there)
    return next(found for found in view.jobs if found.job == job)


async def refusal(update: Awaitable[object]) -> tuple[str | None, str]:
    """Code and text with which an update is refused."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await update
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause.type, caught.value.cause.message


async def task_of(handle: Handle, holds: Callable[[ReviewTask], bool] = lambda _: True) -> ReviewTask:
    """The run's task, as soon as `holds` is true of it."""
    return await open_task(lambda: handle.query(ContentPublishingWorkflow.review), holds)


async def decide(handle: Handle, verdict: Verdict = Verdict.APPROVE) -> None:
    decision = Decision(verdict=verdict, reviewer="dana", reason="read")
    await handle.execute_update(ContentPublishingWorkflow.decide, decision)


def after(**time: float) -> datetime:
    """So long from now: a run's clock begins with the real one."""
    return datetime.now(UTC) + timedelta(**time)
