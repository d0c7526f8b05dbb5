"""The tasks that a child process can do, by name: plain functions of a request and the child's workspace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.dataplane.checking import check_pipeline
from towpath.dataplane.core.retention import find_specification, forget_datasets, hold_datasets, keep_specification
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.extraction import extract_partition, plan_partitions
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
from towpath.dataplane.report.page import write_report
from towpath.dataplane.report.telling import emit_lineage
from towpath.dataplane.source_profile import profile_source
from towpath.dataplane.specification.backtest import back_test, check_specification
from towpath.dataplane.specification.lineage import trace_columns
from towpath.dataplane.specification.profile import profile_dataset
from towpath.dataplane.specification.transform import find_duplicates, transform_part


@dataclass(frozen=True, slots=True)
class Task:
    """`run` takes a validated request. It raises HouseError for what it knows; anything else is a crash of the task."""

    request: type[Wire]
    run: Callable[[Any, Workspace], ActivityResult]


def _task(run: Callable[[Any, Workspace], ActivityResult]) -> Task:
    """The type of the request is what the function says of its first parameter."""
    request, *_ = get_type_hints(run).values()
    return Task(request, run)


TASKS: Mapping[str, Task] = {
    run.__name__: _task(run)
    for run in (
        plan_partitions,
        extract_partition,
        check_specification,
        trace_columns,
        back_test,
        find_specification,
        keep_specification,
        find_duplicates,
        transform_part,
        profile_dataset,
        check_pipeline,
        read_quarantine,
        profile_source,
        check_quality,
        emit_lineage,
        write_report,
        read_watermark,
        find_table,
        prepare_destination,
        load_part,
        advance_watermark,
        clean_destination,
        hold_datasets,
        forget_datasets,
    )
}
"""By the name of the activity that asks for it; what only the command line asks for has none."""
