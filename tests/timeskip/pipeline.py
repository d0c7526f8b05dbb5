"""Pipelines on the time-skipping server: the real data plane on files of a test, with scripted people and Claude."""

import csv
import importlib
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.fakes.pipeline import FakePipelines
from tests.fakes.prompt import PROMPT
from tests.integration.pipelines import items_pipeline
from tests.waiting import open_task
from towpath.contracts.core.process import CLAUDE_QUEUE, DATA_QUEUE
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.core.run import DeadLetter, RunRecord, StepRecord
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineFailure, PipelineRequest, PipelineResult
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.pipeline.view import PipelineView
from towpath.control.pipelines import request_of
from towpath.dataplane.core.columns import statement
from towpath.temporal.signing import SignedUpdates
from workflows.pipeline.window import EtlWindowWorkflow
from workflows.pipeline.workflow import EtlPipelineWorkflow
from workflows.sandbox import runner

duckdb: Any = importlib.import_module("duckdb")

Handle = WorkflowHandle[EtlPipelineWorkflow, PipelineResult]


@dataclass(frozen=True)
class Pipelines:
    """One worker for pipelines; `folder` is where a test has its files."""

    env: WorkflowEnvironment
    world: FakePipelines
    folder: Path
    id: str

    def config(self, **fields: Any) -> PipelineConfig:
        """The pipeline of items from the folder's files, under an id that no other test has."""
        return items_pipeline(self.folder, **{"id": self.id, **fields})

    async def start(self, config: PipelineConfig, *, skipping: bool = True, name: str = "", **request: Any) -> Handle:
        """One that a person decides must not skip time: it would jump to its deadline at once."""
        asked = request_of(config, **request)
        if skipping:
            return await self.begin(asked, name)
        with self.env.with_time_skipping_disabled():
            return await self.begin(asked, name)

    async def ended(self, config: PipelineConfig, **request: Any) -> PipelineResult:
        return await (await self.start(config, **request)).result()

    async def failed(self, config: PipelineConfig, **request: Any) -> tuple[DeadLetter, PipelineRequest]:
        """What waits in the queue, and what a redrive begins with."""
        return await failure_of(await self.start(config, **request))

    async def begin(self, request: PipelineRequest, name: str = "") -> Handle:
        return await self.env.client.start_workflow(
            EtlPipelineWorkflow.run,
            request,
            id=f"{PIPELINE.name}/{name or request.config.id}",
            task_queue=PIPELINE.queue,
        )

    def write(self, columns: str, *rows: Iterable[str], name: str = "items-0.csv") -> Path:
        """A file of the source, in place of what it was."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as opened:
            written = csv.writer(opened)
            written.writerow(columns.split())
            written.writerows(rows)
        return path

    def loaded(self, shown: str = "*") -> list[tuple[Any, ...]]:
        """The rows of the destination; none where it has no table."""
        file = self.folder / "items.duckdb"
        if not file.exists():
            return []
        with duckdb.connect(str(file), read_only=True) as opened:
            if not opened.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'items'").fetchall():
                return []
            return opened.execute(statement("SELECT {shown} FROM items ORDER BY 1", shown=shown)).fetchall()

    def page(self, result: PipelineResult) -> str:
        """The report."""
        assert result.report is not None
        digest = result.report.sha256
        return next((self.folder.parent / "artefacts").rglob(f"*{digest}*")).read_text(encoding="utf-8")

    def rows(self, result: PipelineResult, *stages: str) -> list[dict[str, Any]]:
        """What was quarantined, of some stages."""
        work = self.world.workspace()
        parquet: Any = importlib.import_module("pyarrow.parquet")
        found = [one.part for one in result.quarantine if not stages or one.stage in stages]
        return [row for part in found for row in parquet.read_table(work.local(part)).to_pylist()]


@asynccontextmanager
async def serve_pipelines(
    env: WorkflowEnvironment, root: Path, *, keys: Sequence[bytes] = ()
) -> AsyncGenerator[Pipelines]:
    """All queues of a pipeline, served by the fake world. With `keys`, what people send is signed."""
    world = FakePipelines(root)
    common: dict[str, Any] = {"interceptors": [ActivityEdge(), SignedUpdates(keys)], "build_id": "test", **PROMPT}
    runs = Worker(
        env.client,
        task_queue=PIPELINE.queue,
        workflows=[EtlPipelineWorkflow, EtlWindowWorkflow],
        activities=with_batches([world.house.notify_team, world.house.find_reviewers]),
        workflow_runner=runner(keys=keys),
        **common,
    )
    data = Worker(env.client, task_queue=DATA_QUEUE, activities=world.activities(), **common)
    claude = Worker(env.client, task_queue=CLAUDE_QUEUE, activities=[world.ask], **common)
    async with runs, data, claude:
        yield Pipelines(env, world, root / "items", f"items-{uuid4().hex[:12]}")


async def failure_of(handle: Handle) -> tuple[DeadLetter, PipelineRequest]:
    try:
        result = await handle.result()
    except WorkflowFailureError as error:
        cause = error.cause
        assert isinstance(cause, ApplicationError)
        letter, failure = cause.details
        return DeadLetter.model_validate(letter), PipelineFailure.model_validate(failure).pipeline
    raise AssertionError(f"it did not fail: {result.outcome}")


async def step_of(handle: Handle, name: str) -> StepRecord:
    record: RunRecord = await handle.query(EtlPipelineWorkflow.status)
    return next(step for step in record.steps if step.step == name)


async def view_of(handle: Handle) -> PipelineView:
    return await handle.query(EtlPipelineWorkflow.pipeline)


async def task_of(handle: Handle, holds: Callable[[ReviewTask], bool] = lambda _: True) -> ReviewTask:
    """The run's task, as soon as `holds` is true of it."""
    return await open_task(lambda: handle.query(EtlPipelineWorkflow.review), holds)


async def decide(handle: Handle, verdict: Verdict = Verdict.APPROVE) -> None:
    await task_of(handle)
    decision = Decision(verdict=verdict, reviewer="dana", reason="read")
    await handle.execute_update(EtlPipelineWorkflow.decide, decision)
