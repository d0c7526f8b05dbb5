"""A real Temporal server with time skipping, and a worker on it with the fake house."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.caching import CacheSwitch
from tests.fakes.house import FakeHouse
from tests.fakes.prompt import PROMPT
from tests.replaying import StartsSeen, Watch, check_all, watched
from tests.timeskip import publishing
from tests.timeskip.pipeline import Pipelines, serve_pipelines
from towpath.contracts.core.process import CLAUDE_QUEUE, SEARCH_ATTRIBUTES
from towpath.contracts.onboarding.customer import OnboardingRequest, OnboardingResult
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.control.again import SentAgain
from towpath.control.temporal import converter
from towpath.integrations.storage.payloads import PayloadStore
from towpath.local.server import DYNAMIC_CONFIG, find_executable
from towpath.temporal.attributes import search_key
from workflows.onboarding.workflow import CustomerOnboardingWorkflow
from workflows.sandbox import runner

Handle = WorkflowHandle[CustomerOnboardingWorkflow, OnboardingResult]


@dataclass(frozen=True)
class Bench:
    """One worker with its fake house on the time-skipping server."""

    env: WorkflowEnvironment
    house: FakeHouse

    @property
    def client(self) -> Client:
        return self.env.client

    async def start(self, request: OnboardingRequest, *, skipping: bool = True) -> Handle:
        """Start a run. One that a test decides or cancels must not skip time: it would jump to its deadline at once."""
        workflow_id = f"{ONBOARDING.name}/{uuid4().hex}"
        if skipping:
            return await self._start(request, workflow_id)
        with self.env.with_time_skipping_disabled():
            return await self._start(request, workflow_id)

    async def _start(self, request: OnboardingRequest, workflow_id: str) -> Handle:
        return await self.client.start_workflow(
            CustomerOnboardingWorkflow.run, request, id=workflow_id, task_queue=ONBOARDING.queue
        )


@asynccontextmanager
async def serve(env: WorkflowEnvironment, house: FakeHouse, *, patched: bool = True) -> AsyncGenerator[Bench]:
    """Both task queues of the onboarding, served by the fake house; `patched` is whether new runs take patches."""
    workflows = Worker(
        env.client,
        task_queue=ONBOARDING.queue,
        workflows=[CustomerOnboardingWorkflow],
        activities=with_batches(house.activities()),
        workflow_runner=runner(),
        interceptors=[ActivityEdge()],
        build_id="test",
        **PROMPT,
        patch_activation_callback=lambda _: patched,
    )
    claude = Worker(
        env.client,
        task_queue=CLAUDE_QUEUE,
        activities=[house.ask],
        interceptors=[ActivityEdge()],
        build_id="test",
        **PROMPT,
    )
    async with workflows, claude:
        yield Bench(env, house)
    assert house.reused == []


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def replayed() -> AsyncIterator[None]:
    """After each test, what it made on a shared server is replayed."""
    yield
    await check_all()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def env(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkflowEnvironment]:
    async with time_skipping(tmp_path_factory.mktemp("payloads")) as environment:
        yield environment


@asynccontextmanager
async def time_skipping(payloads: Path, *settings: str) -> AsyncGenerator[WorkflowEnvironment]:
    """A server of its own, whose histories are replayed; `settings` are its dynamic configuration beside ours."""
    starts = StartsSeen()
    flags = [flag for setting in (*DYNAMIC_CONFIG, *settings) for flag in ("--dynamic-config-value", setting)]
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(find_executable()),
        dev_server_extra_args=flags,
        search_attributes=[search_key(attribute) for attribute in SEARCH_ATTRIBUTES],
        data_converter=converter(None, PayloadStore(str(payloads))),
        interceptors=[starts, SentAgain()],
        plugins=[CacheSwitch()],
    )
    async with environment, watched(Watch(environment.client, payloads / "unreplayed", starts, str(payloads))):
        yield environment


@pytest_asyncio.fixture(loop_scope="session")
async def bench(env: WorkflowEnvironment) -> AsyncIterator[Bench]:
    async with serve(env, FakeHouse()) as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="session")
async def press(env: WorkflowEnvironment) -> AsyncIterator[publishing.Press]:
    async with publishing.serve(env) as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="session")
async def pipelines(env: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[Pipelines]:
    async with serve_pipelines(env, tmp_path) as serving:
        yield serving
