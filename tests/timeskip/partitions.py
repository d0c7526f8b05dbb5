"""Pipelines of many partitions on the time-skipping server; the processes that would touch bytes are a fake."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from activities.pipeline import PipelineActivities
from tests.fakes.house import FakeHouse
from tests.waiting import WAIT_SECONDS
from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.failure import FailureCode, PipelineError
from towpath.contracts.core.process import DATA_QUEUE
from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.contracts.pipeline.dataset import Column, ColumnType, DatasetPart, StageMetrics
from towpath.contracts.pipeline.loading import DestinationPrepared, LoadPart, PartLoaded
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineProgress, PipelineRequest, PipelineResult
from towpath.contracts.pipeline.plane import TaskProgress
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.pipeline.quality import Quality
from towpath.contracts.pipeline.retention import Forgotten
from towpath.contracts.pipeline.stages import (
    ByteRange,
    Extracted,
    ExtractTask,
    LineageEmitted,
    Partition,
    Planned,
    QualityChecked,
    ReportRendered,
    RowQualityTask,
    SpecificationCheck,
    Transformed,
    TransformTask,
    Watermark,
)
from towpath.control.pipelines import request_of
from workflows.pipeline.window import EtlWindowWorkflow
from workflows.pipeline.workflow import EtlPipelineWorkflow
from workflows.sandbox import runner

Handle = WorkflowHandle[EtlPipelineWorkflow, PipelineResult]
ResultT = TypeVar("ResultT", bound=ActivityResult)
COLUMNS = (Column(name="id", type=ColumnType.TEXT), Column(name="price", type=ColumnType.TEXT))
STAGES = {"extract_partition": "extract", "transform_part": "transform", "load_part": "load"}
ROWS = 10


@dataclass
class FakePlane:
    """Does every task at once, but for partitions that wait or fail. `done` are those that ended, by stage.

    Partitions from `empty` on hold no rows. A stage begins when `together` of its partitions go on at once.
    """

    partitions: int
    empty: int | None = None
    together: int = 1
    waits: dict[tuple[str, int], asyncio.Event] = field(default_factory=dict[tuple[str, int], asyncio.Event])
    fails: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    done: dict[str, list[int]] = field(default_factory=lambda: {stage: [] for stage in STAGES.values()})
    running: Counter[str] = field(default_factory=Counter[str])
    most: Counter[str] = field(default_factory=Counter[str])
    cancelled: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(
        self, task: str, request: Wire, result: type[ResultT], tell: Callable[[TaskProgress], None]
    ) -> ResultT:
        del tell
        if isinstance(request, ExtractTask | TransformTask | LoadPart):
            await self._partition(STAGES[task], _number(request))
        given = _answer(task, request, self.partitions)
        if isinstance(given, Extracted) and self.empty is not None and _number(request) >= self.empty:
            given = given.model_copy(update={"part": None})
        assert isinstance(given, result)
        return given

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_SECONDS), self.changed:
            await self.changed.wait_for(holds)

    async def _partition(self, stage: str, number: int) -> None:
        self.running[stage] += 1
        self.most[stage] = max(self.most[stage], self.running[stage])
        await self._tell()
        try:
            await self.until(lambda: self.most[stage] >= self.together)
            if (stage, number) in self.waits:
                await self.waits[stage, number].wait()
            if (stage, number) in self.fails:
                message = f"partition {number} is wrong"
                raise PipelineError(FailureCode.PIPELINE_SOURCE_INVALID, message, final=True)
            self.done[stage].append(number)
        except asyncio.CancelledError:
            self.cancelled.append((stage, number))
            raise
        finally:
            self.running[stage] -= 1
            await self._tell()

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class FakeArtefacts:
    async def keep(self, content: bytes, media_type: str = "text/plain") -> Artefact:
        return Artefact(sha256="0" * 64, size_bytes=len(content), media_type=media_type)


@dataclass(frozen=True)
class Canal:
    """One worker for pipelines, with its fake."""

    client: Client
    plane: FakePlane

    async def start(self, config: PipelineConfig, resume: PipelineProgress | None = None) -> Handle:
        request: PipelineRequest = request_of(config, resume=resume)
        return await self.client.start_workflow(
            EtlPipelineWorkflow.run, request, id=PIPELINE.workflow_id(request, b""), task_queue=PIPELINE.queue
        )


@asynccontextmanager
async def serve(client: Client, plane: FakePlane) -> AsyncGenerator[Canal]:
    workflows = Worker(
        client,
        task_queue=PIPELINE.queue,
        workflows=[EtlPipelineWorkflow, EtlWindowWorkflow],
        activities=with_batches(FakeHouse().activities()),
        workflow_runner=runner(),
        interceptors=[ActivityEdge()],
        build_id="test",
    )
    rooms = PipelineActivities(plane, FakeArtefacts())
    names = [name for name in dir(rooms) if hasattr(getattr(rooms, name), "__temporal_activity_definition")]
    data = Worker(
        client,
        task_queue=DATA_QUEUE,
        activities=[getattr(rooms, name) for name in names],
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        interceptors=[ActivityEdge()],
        build_id="test",
    )
    async with workflows, data:
        yield Canal(client, plane)


def many_partitions(concurrency: int, **fields: Any) -> PipelineConfig:
    """A pipeline of one source that every partition of passes through each stage by itself."""
    given: dict[str, Any] = {
        "id": f"many-{uuid4().hex[:12]}",
        "version": "1.0.0",
        "sources": [{"name": "items", "type": "csv", "path": "items/*.csv"}],
        "target": {"table": "items", "key": ["id"], "columns": [column.model_dump() for column in COLUMNS]},
        "transformation": {"source": "items", "operations": []},
        "destinations": [{"name": "shop", "type": "postgresql", "connection": "shop", "table": "items"}],
        "concurrency": concurrency,
    }
    return PipelineConfig.model_validate(given | fields)


def _number(task: Any) -> int:
    """Of the partition, from 1."""
    if isinstance(task, ExtractTask):
        return task.partition.number
    name = task.partition if isinstance(task, TransformTask) else task.part.partition
    return int(name.rpartition("-")[2])


def _part(stage: str, name: str) -> DatasetPart:
    digest = f"{stage}{name}".encode().hex().ljust(64, "0")[:64]
    return DatasetPart(
        uri=f"{digest[:2]}/{digest}.parquet",
        rows=ROWS,
        size_bytes=1000,
        sha256=digest,
        schema_hash="0" * 64,
        partition=name,
        origin=f"/data/items/{name}.csv",
    )


def _metrics(stage: Any, name: str) -> StageMetrics:
    return StageMetrics(stage=stage, partition=name, rows_in=ROWS, rows_out=ROWS, size_bytes=1000, seconds=0.1)


def _answer(task: str, request: Any, partitions: int) -> ActivityResult:
    match request:
        case ExtractTask(partition=partition):
            return Extracted(part=_part("extract", partition.name), metrics=_metrics("extract", partition.name))
        case TransformTask(partition=name):
            return Transformed(valid=_part("transform", name), rows=ROWS, metrics=_metrics("transform", name))
        case LoadPart(part=part):
            return PartLoaded(rows=part.rows, inserted=part.rows)
        case RowQualityTask(dataset=dataset):
            return QualityChecked(quality=Quality(), valid=dataset, metrics=_metrics("quality", ""))
        case _:
            return _OTHERS[task](partitions)


def _planned(partitions: int) -> Planned:
    return Planned(
        partitions=tuple(
            Partition(
                name=f"items-{number}",
                number=number,
                slice=ByteRange(file=f"/data/items/items-{number}.csv", end=1000, version="1000-1"),
                size_bytes=1000,
            )
            for number in range(1, partitions + 1)
        ),
        columns=COLUMNS,
        size_bytes=1000 * partitions,
    )


_OTHERS: dict[str, Callable[[int], ActivityResult]] = {
    "plan_partitions": _planned,
    "check_specification": lambda _: SpecificationCheck(),
    "read_watermark": lambda _: Watermark(),
    "prepare_destination": lambda _: DestinationPrepared(),
    "emit_lineage": lambda _: LineageEmitted(),
    "write_report": lambda _: ReportRendered(page="", document="{}"),
    "forget_datasets": lambda _: Forgotten(),
}
