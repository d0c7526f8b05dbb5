"""What a report tells, as data: the document beside the page, and all that the page is made of."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from towpath.contracts.core.run import StepRecord
from towpath.contracts.core.wire import Wire
from towpath.contracts.pipeline.dataset import Column, Profile, StageMetrics
from towpath.contracts.pipeline.pipeline import PipelineResult
from towpath.contracts.pipeline.stages import ReportTask
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.report.quarantine import QuarantineTotal, quarantine_totals
from towpath.dataplane.specification.lineage import DIRECT, origins_of
from towpath.policy.pipeline.wording import in_words

SCHEMA_RULES: Mapping[str, str] = {
    "contract": "with a value in a column that nobody declared",
    "type": "with a value that is not of its column's type",
}
"""What rows have in common that the schema contract sets aside."""


class StageTotal(Wire):
    """A stage over all its partitions. `seconds` and `cpu_seconds` are their sums: partitions ran side by side."""

    stage: str
    partitions: int
    rows_in: int
    rows_out: int
    rows_quarantined: int
    size_bytes: int
    seconds: float
    cpu_seconds: float
    slowest_seconds: float
    peak_rss_bytes: int
    attempts: int
    quarantine: int = 0
    """Which entry of the quarantine has the most of its rows, from 1 on; 0: none has any."""


class CountedRows(Wire):
    """So many rows have something in common. `quarantine` is the entry of the quarantine that shows them, from 1 on; 0:
    they are not there.
    """

    counted: str
    rows: int
    quarantine: int = 0


class OperationTotal(Wire):
    """An operation in words, with all that is counted about it."""

    words: str
    counts: tuple[CountedRows, ...] = ()


class ColumnOrigin(Wire):
    """`target` comes of `column` of `source`; with `direct` false the column only decides.

    Between values of this target, where it is `conditional`; else which rows there are, and so about every column.
    """

    target: str
    source: str
    column: str
    kind: str
    direct: bool
    masking: bool = False
    """Hashed, or counted only: the value cannot be read back."""


class ReportFacts(Wire):
    workflow_id: str
    result: PipelineResult
    stages: tuple[StageTotal, ...]
    lineage: tuple[ColumnOrigin, ...]
    profile: Profile | None = None
    notes: tuple[str, ...] = ()
    failure: str = ""
    steps: tuple[StepRecord, ...] = ()
    specification: tuple[str, ...] = ()
    """The operations in words."""
    operations: tuple[OperationTotal, ...] = ()
    """The same, with the rows that each set aside."""
    schema_rows: tuple[CountedRows, ...] = ()
    """Rows that do not have the declared schema, where that sets them aside."""
    quarantine: tuple[QuarantineTotal, ...] = ()


def facts_of(task: ReportTask, profile: Profile | None, work: Workspace) -> ReportFacts:
    frozen = task.result.specification
    operations = () if frozen is None else frozen.specification.operations
    quarantine = quarantine_totals(task.result.quarantine, _columns(task), work)
    return ReportFacts(
        workflow_id=task.workflow_id,
        result=task.result,
        stages=tuple(_with_place(one, quarantine) for one in stage_totals(task.result.metrics)),
        lineage=_lineage(task),
        profile=profile,
        notes=task.notes,
        failure=task.failure,
        steps=task.steps,
        specification=tuple(map(in_words, operations)),
        operations=tuple(
            OperationTotal(words=in_words(one), counts=tuple(_set_aside(number, quarantine)))
            for number, one in enumerate(operations)
        ),
        schema_rows=tuple(
            CountedRows(counted=SCHEMA_RULES[one.rule], rows=one.rows, quarantine=place)
            for place, one in enumerate(quarantine, 1)
            if one.stage == "extract" and one.rule in SCHEMA_RULES
        ),
        quarantine=quarantine,
    )


def _with_place(stage: StageTotal, quarantine: tuple[QuarantineTotal, ...]) -> StageTotal:
    """The most rows come first."""
    place = next((number for number, one in enumerate(quarantine, 1) if one.stage == stage.stage), 0)
    return stage.model_copy(update={"quarantine": place if stage.rows_quarantined else 0})


def _set_aside(number: int, quarantine: tuple[QuarantineTotal, ...]) -> Iterator[CountedRows]:
    for place, one in enumerate(quarantine, 1):
        if one.stage == "transform" and one.rule.startswith(f"operations.{number}."):
            yield CountedRows(counted="set aside", rows=one.rows, quarantine=place)


def _columns(task: ReportTask) -> list[Column]:
    """All that the run knows, declared or found."""
    declared = [column for source in task.config.sources for column in source.columns]
    found = [column for columns in task.source_columns.values() for column in columns]
    return [*declared, *found, *task.config.target.columns]


def stage_totals(metrics: Iterable[StageMetrics]) -> tuple[StageTotal, ...]:
    """By stage, and loading by destination, in the order in which they first occur."""
    stages: dict[str, list[StageMetrics]] = defaultdict(list)
    for one in metrics:
        destination = one.partition.rpartition("/")[0] if one.stage == "load" else ""
        stages[f"{one.stage}/{destination}" if destination else one.stage].append(one)
    return tuple(
        StageTotal(
            stage=stage,
            partitions=len(found),
            rows_in=sum(one.rows_in for one in found),
            rows_out=sum(one.rows_out for one in found),
            rows_quarantined=sum(one.rows_quarantined for one in found),
            size_bytes=sum(one.size_bytes for one in found),
            seconds=round(sum(one.seconds for one in found), 3),
            cpu_seconds=round(sum(one.cpu_seconds for one in found), 3),
            slowest_seconds=max(one.seconds for one in found),
            peak_rss_bytes=max(one.peak_rss_bytes for one in found),
            attempts=sum(one.attempt for one in found),
        )
        for stage, found in stages.items()
    )


def _lineage(task: ReportTask) -> tuple[ColumnOrigin, ...]:
    origins = origins_of(task.config, task.result.specification, task.source_columns)
    return tuple(
        ColumnOrigin(
            target=target,
            source=one.source,
            column=one.column,
            kind=one.kind,
            direct=one.kind in DIRECT,
            masking=one.masking,
        )
        for target, found in origins.items()
        for one in found
    )
