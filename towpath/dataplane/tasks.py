"""The tasks that a child process can do, by name: plain functions of a request and the child's workspace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.contracts.pipeline.inspection import PipelineCheckTask, ReadQuarantine, SourceProfileTask
from towpath.contracts.pipeline.keeping import FindSpecification, ForgetTask, HoldTask, KeepSpecification
from towpath.contracts.pipeline.loading import (
    AdvanceWatermark,
    CleanDestination,
    FindTable,
    LoadPart,
    PrepareDestination,
)
from towpath.contracts.pipeline.stages import (
    BackTestTask,
    DuplicatesTask,
    ExtractionPlanTask,
    ExtractTask,
    LineageTask,
    ProfileTask,
    ReportTask,
    RowQualityTask,
    SpecificationTask,
    TransformTask,
    WatermarkTask,
)
from towpath.contracts.pipeline.tracing import TraceTask
from towpath.dataplane.checking import check_pipeline
from towpath.dataplane.core.keeping import find_specification, forget_datasets, hold_datasets, keep_specification
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.extraction import extract_partition
from towpath.dataplane.extract.planning import plan_partitions
from towpath.dataplane.load.parts import (
    advance_watermark,
    clean_destination,
    find_table,
    load_part,
    prepare_destination,
    read_watermark,
)
from towpath.dataplane.quality.checking import check_quality
from towpath.dataplane.quality.quarantine_rows import read_quarantine
from towpath.dataplane.report.report import write_report
from towpath.dataplane.report.telling import emit_lineage
from towpath.dataplane.source_profile import profile_source
from towpath.dataplane.specification.backtest import back_test, check_specification
from towpath.dataplane.specification.lineage import trace_columns
from towpath.dataplane.specification.profile import profile_dataset
from towpath.dataplane.specification.transform import find_duplicates, transform


@dataclass(frozen=True, slots=True)
class Task:
    """`run` takes a validated request. It raises HouseError for what it knows; anything else is a crash of the task."""

    request: type[Wire]
    run: Callable[[Any, Workspace], ActivityResult]


TASKS: Mapping[str, Task] = {
    "plan_partitions": Task(ExtractionPlanTask, plan_partitions),
    "extract_partition": Task(ExtractTask, extract_partition),
    "check_specification": Task(SpecificationTask, check_specification),
    "trace_columns": Task(TraceTask, trace_columns),
    "back_test": Task(BackTestTask, back_test),
    "find_specification": Task(FindSpecification, find_specification),
    "keep_specification": Task(KeepSpecification, keep_specification),
    "find_duplicates": Task(DuplicatesTask, find_duplicates),
    "transform_part": Task(TransformTask, transform),
    "profile_dataset": Task(ProfileTask, profile_dataset),
    "check_pipeline": Task(PipelineCheckTask, check_pipeline),
    "read_quarantine": Task(ReadQuarantine, read_quarantine),
    "profile_source": Task(SourceProfileTask, profile_source),
    "check_quality": Task(RowQualityTask, check_quality),
    "emit_lineage": Task(LineageTask, emit_lineage),
    "write_report": Task(ReportTask, write_report),
    "read_watermark": Task(WatermarkTask, read_watermark),
    "find_table": Task(FindTable, find_table),
    "prepare_destination": Task(PrepareDestination, prepare_destination),
    "load_part": Task(LoadPart, load_part),
    "advance_watermark": Task(AdvanceWatermark, advance_watermark),
    "clean_destination": Task(CleanDestination, clean_destination),
    "hold_datasets": Task(HoldTask, hold_datasets),
    "forget_datasets": Task(ForgetTask, forget_datasets),
}
"""By the name of the activity that asks for it; what only the command line asks for has none."""
