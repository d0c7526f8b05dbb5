"""Activities of the ETL pipeline: each hands one task to a process that touches bytes, and heartbeats while it runs."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from temporalio import activity
from temporalio.common import MetricMeter

from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.contracts.pipeline.dataset import StageMetrics
from towpath.contracts.pipeline.loading import (
    AdvanceWatermark,
    CleanDestination,
    DestinationCleaned,
    DestinationPrepared,
    FindTable,
    LoadPart,
    PartLoaded,
    PrepareDestination,
    TableFound,
)
from towpath.contracts.pipeline.plane import TaskProgress
from towpath.contracts.pipeline.retention import (
    FindSpecification,
    ForgetTask,
    Forgotten,
    FoundSpecification,
    Held,
    HoldTask,
    KeepSpecification,
)
from towpath.contracts.pipeline.stages import (
    BackTestTask,
    Duplicates,
    DuplicatesTask,
    Extracted,
    ExtractionPlanTask,
    ExtractTask,
    LineageEmitted,
    LineageTask,
    Planned,
    Profiled,
    ProfileTask,
    QualityChecked,
    ReportRendered,
    ReportTask,
    ReportWritten,
    RowQualityTask,
    SpecificationCheck,
    SpecificationTask,
    Transformed,
    TransformTask,
    Watermark,
    WatermarkTask,
)
from towpath.contracts.pipeline.tracing import ColumnsTraced, TraceTask
from towpath.contracts.pipeline.transformation import BackTest
from towpath.policy.pipeline.metering import load_metrics

HEARTBEAT_SECONDS = 1.0
ResultT = TypeVar("ResultT", bound=ActivityResult)


class Plane(Protocol):
    """The processes that touch bytes."""

    async def run(
        self, task: str, request: Wire, result: type[ResultT], tell: Callable[[TaskProgress], None]
    ) -> ResultT:
        """Raises PipelineError. A cancellation ends the task."""
        ...


class Artefacts(Protocol):
    """Where reports are kept."""

    async def keep(self, content: bytes, media_type: str = "text/plain") -> Artefact: ...


class PipelineActivities:
    """Typed doors to the tasks of the data plane. Requests and results name rows by reference and never hold them."""

    def __init__(self, plane: Plane, artefacts: Artefacts) -> None:
        self._plane = plane
        self._artefacts = artefacts

    @activity.defn(name="plan_partitions")
    async def plan_partitions(self, request: ExtractionPlanTask) -> Planned:
        return await self._run("plan_partitions", request, Planned)

    @activity.defn(name="extract_partition")
    async def extract_partition(self, request: ExtractTask) -> Extracted:
        found = await self._run("extract_partition", request, Extracted)
        _count(found.metrics)
        return found

    @activity.defn(name="profile_dataset")
    async def profile_dataset(self, request: ProfileTask) -> Profiled:
        return await self._run("profile_dataset", request, Profiled)

    @activity.defn(name="check_specification")
    async def check_specification(self, request: SpecificationTask) -> SpecificationCheck:
        return await self._run("check_specification", request, SpecificationCheck)

    @activity.defn(name="trace_columns")
    async def trace_columns(self, request: TraceTask) -> ColumnsTraced:
        return await self._run("trace_columns", request, ColumnsTraced)

    @activity.defn(name="back_test")
    async def back_test(self, request: BackTestTask) -> BackTest:
        return await self._run("back_test", request, BackTest)

    @activity.defn(name="find_specification")
    async def find_specification(self, request: FindSpecification) -> FoundSpecification:
        return await self._run("find_specification", request, FoundSpecification)

    @activity.defn(name="keep_specification")
    async def keep_specification(self, request: KeepSpecification) -> FoundSpecification:
        """The first of two that are kept for the same schemas stays, and is what both get."""
        return await self._run("keep_specification", request, FoundSpecification)

    @activity.defn(name="find_duplicates")
    async def find_duplicates(self, request: DuplicatesTask) -> Duplicates:
        return await self._run("find_duplicates", request, Duplicates)

    @activity.defn(name="transform_part")
    async def transform_part(self, request: TransformTask) -> Transformed:
        done = await self._run("transform_part", request, Transformed)
        _count(done.metrics)
        _count_nulls(done.errors, done.metrics)
        return done

    @activity.defn(name="check_quality")
    async def check_quality(self, request: RowQualityTask) -> QualityChecked:
        checked = await self._run("check_quality", request, QualityChecked)
        _count(checked.metrics)
        return checked

    @activity.defn(name="read_watermark")
    async def read_watermark(self, request: WatermarkTask) -> Watermark:
        return await self._run("read_watermark", request, Watermark)

    @activity.defn(name="find_table")
    async def find_table(self, request: FindTable) -> TableFound:
        return await self._run("find_table", request, TableFound)

    @activity.defn(name="prepare_destination")
    async def prepare_destination(self, request: PrepareDestination) -> DestinationPrepared:
        return await self._run("prepare_destination", request, DestinationPrepared)

    @activity.defn(name="clean_destination")
    async def clean_destination(self, request: CleanDestination) -> DestinationCleaned:
        return await self._run("clean_destination", request, DestinationCleaned)

    @activity.defn(name="load_part")
    async def load_part(self, request: LoadPart) -> PartLoaded:
        loaded = await self._run("load_part", request, PartLoaded)
        _count(load_metrics(request, loaded))
        return loaded

    @activity.defn(name="advance_watermark")
    async def advance_watermark(self, request: AdvanceWatermark) -> PartLoaded:
        return await self._run("advance_watermark", request, PartLoaded)

    @activity.defn(name="emit_lineage")
    async def emit_lineage(self, request: LineageTask) -> LineageEmitted:
        return await self._run("emit_lineage", request, LineageEmitted)

    @activity.defn(name="write_report")
    async def write_report(self, request: ReportTask) -> ReportWritten:
        """The page and its document, kept as artefacts: the same run has the same ones."""
        rendered = await self._run("write_report", request, ReportRendered)
        page = await self._artefacts.keep(rendered.page.encode(), "text/html")
        document = await self._artefacts.keep(rendered.document.encode(), "application/json")
        return ReportWritten(page=page, document=document)

    @activity.defn(name="hold_datasets")
    async def hold_datasets(self, request: HoldTask) -> Held:
        return await self._run("hold_datasets", request, Held)

    @activity.defn(name="forget_datasets")
    async def forget_datasets(self, request: ForgetTask) -> Forgotten:
        return await self._run("forget_datasets", request, Forgotten)

    async def _run(self, task: str, request: Wire, result: type[ResultT]) -> ResultT:
        async with _heartbeats(task) as tell:
            return await self._plane.run(task, request, result, tell)


@asynccontextmanager
async def _heartbeats(task: str) -> AsyncGenerator[Callable[[TaskProgress], None]]:
    """A heartbeat a second with the latest progress, by the clock: a single query of the engine tells nothing."""
    latest = TaskProgress(task=task)

    def tell(progress: TaskProgress) -> None:
        nonlocal latest
        latest = progress

    async def beat() -> None:
        while True:
            activity.heartbeat(latest)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    beating = asyncio.create_task(beat())
    try:
        yield tell
    finally:
        beating.cancel()


def _meter(metrics: StageMetrics) -> MetricMeter:
    _, pipeline, *_ = str(activity.info().workflow_id).split("/")
    return activity.metric_meter().with_additional_attributes({"pipeline": pipeline, "stage": metrics.stage})


def _count_nulls(made: Mapping[str, int], metrics: StageMetrics) -> None:
    meter = _meter(metrics)
    for operation, rows in made.items():
        counted = meter.with_additional_attributes({"operation": operation})
        told = "rows in which an operation failed and made a null"
        counted.create_counter("towpath_pipeline_nulls_made", told).add(rows)


def _count(metrics: StageMetrics) -> None:
    """What Prometheus reads of a partition that is done: by pipeline and stage, never by partition."""
    meter = _meter(metrics)
    meter.create_counter("towpath_pipeline_rows", "rows that came out of a stage").add(metrics.rows_out)
    meter.create_counter("towpath_pipeline_quarantined", "rows that a stage quarantined").add(metrics.rows_quarantined)
    meter.create_counter("towpath_pipeline_bytes", "bytes that a stage read or wrote", "bytes").add(metrics.size_bytes)
    seconds = meter.create_histogram_float("towpath_pipeline_partition_duration", "time of a partition", "seconds")
    seconds.record(metrics.seconds)
