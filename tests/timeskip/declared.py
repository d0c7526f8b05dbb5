"""Definitions on the time-skipping server, with fake services around them."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.fakes.documents import frozen
from tests.fakes.prompt import PROMPT
from tests.fakes.services import FakeServices
from towpath.contracts.core.process import CLAUDE_QUEUE
from towpath.contracts.core.run import RunRecord, StepRecord
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import DECLARED, DeclaredResult
from towpath.control.definitions import make_request
from towpath.engine.checks.loading import digest
from towpath.engine.language.source import read_source
from towpath.temporal.signing import SignedUpdates
from workflows.declared.items import DeclaredItemsWorkflow
from workflows.declared.workflow import DeclaredWorkflow
from workflows.sandbox import runner

Handle = WorkflowHandle[Any, DeclaredResult]


@dataclass(frozen=True)
class Runs:
    """One worker for definitions, with its fakes."""

    env: WorkflowEnvironment
    services: FakeServices

    async def start(
        self,
        steps: str,
        inputs: JsonObject | None = None,
        *,
        skipping: bool = True,
        more: str = "",
        name: str = "",
        client: Client | None = None,
        **fields: Any,
    ) -> Handle:
        """Start a run of a definition with these steps. One that is decided or told something must not skip time."""
        if "type: openapi" in steps and "documents:" not in more:
            more += f"\ndocuments: {json.dumps(frozen('charge', 'act'))}"
        source = read_source(f'id: tried\nversion: "1.0.0"\n{more}\nsteps:\n{steps}')
        assert not source.diagnostics, source.diagnostics
        request = make_request(source.value, digest(source.value), inputs or {}).model_copy(update=fields)
        name, client = name or f"tried/{uuid4().hex}", client or self.env.client
        if skipping:
            return await client.start_workflow(
                DECLARED, request, id=name, task_queue=DECLARED, result_type=DeclaredResult
            )
        with self.env.with_time_skipping_disabled():
            return await client.start_workflow(
                DECLARED, request, id=name, task_queue=DECLARED, result_type=DeclaredResult
            )


@asynccontextmanager
async def serve(
    env: WorkflowEnvironment,
    services: FakeServices | None = None,
    client: Client | None = None,
    keys: Sequence[bytes] = (),
    **options: Any,
) -> AsyncGenerator[Runs]:
    """`client` is the worker's, if it is another one than that of whoever starts runs; so are `options`. With `keys`,
    what people send is signed.
    """
    services = services or FakeServices()
    interceptors = [ActivityEdge(), SignedUpdates(keys)]
    common: dict[str, Any] = {"interceptors": interceptors, "build_id": "test", **PROMPT}
    definitions = Worker(
        client or env.client,
        task_queue=DECLARED,
        workflows=[DeclaredWorkflow, DeclaredItemsWorkflow],
        activities=with_batches(services.activities()),
        workflow_runner=runner(keys=keys),
        **common,
        **options,
    )
    claude = Worker(env.client, task_queue=CLAUDE_QUEUE, activities=[services.house.ask], **common)
    async with definitions, claude:
        yield Runs(env, services)
    assert services.house.reused == []


async def record(handle: Handle) -> RunRecord:
    return await handle.query("status", result_type=RunRecord)


async def steps(handle: Handle) -> dict[str, StepRecord]:
    return {step.step: step for step in (await record(handle)).steps}


async def states(handle: Handle) -> dict[str, str]:
    return {name: str(step.state) for name, step in (await steps(handle)).items()}
