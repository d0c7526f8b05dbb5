"""What is in a source, before anything is run on it: shares of it are read as they are, profiled, and forgotten."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import duckdb

from towpath.contracts.pipeline.dataset import Column, ColumnType, Dataset, DatasetPart
from towpath.contracts.pipeline.inspection import SourceProfiled, SourceProfileTask
from towpath.contracts.pipeline.pipeline import ByFile, FileSource, Source
from towpath.contracts.pipeline.stages import Extracted, ExtractionPlanTask, ExtractTask, Partition, Planned
from towpath.dataplane.core.columns import quoted, sql_type, statement
from towpath.dataplane.core.engine import copy_rows
from towpath.dataplane.core.shapes import personal_in
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.extraction import extract_partition, plan_partitions
from towpath.dataplane.report.rendering import render
from towpath.dataplane.specification.casting import exact_cast
from towpath.dataplane.specification.inputs import scan_of
from towpath.dataplane.specification.profile import profile_of
from towpath.dataplane.specification.running import engine
from towpath.policy.pipeline.contract import decide

SHARE_BYTES = 8 * 1024**2
GOLDEN = 0.6180339887498949
"""Multiples of it, less their whole part, are spread evenly however many of them are taken."""
_LOOKED_FOR = (ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.BOOLEAN, ColumnType.DATE, ColumnType.TIMESTAMP)
LONGEST_DATE = len("2026-11-27")
_ZEROS = "regexp_matches({name}, '^0[0-9]')"
"""A number that begins with a zero is a code."""


def profile_source(task: SourceProfileTask, work: Workspace) -> SourceProfiled:
    """Raises DataError."""
    private = replace(work, store=DatasetStore(str(work.folder / "kept")))
    source = _as_it_is(task.source)
    planned = plan_partitions(ExtractionPlanTask(source=source, full=True), private)
    found = list(_read(source, planned, task.rows, private))
    parts = tuple(one.part for one in found if one.part is not None)
    personal = personal_in(source.columns)
    columns = tuple(one.model_copy(update={"personal": one.name in personal}) for one in planned.columns)
    dataset = _typed(Dataset(name=source.name, parts=parts, columns=columns), private)
    with engine(private) as connection:
        names = {column.name for column in dataset.columns}
        key = task.key if names.issuperset(task.key) else ()
        profile = profile_of(connection, private, dataset, key, most=max(1, dataset.rows))
    declared = task.source.columns
    changes = decide(task.source.contract, declared, planned.columns).changes if planned.columns else ()
    result = SourceProfiled(
        profile=profile,
        declared=planned.columns,
        partitions=len(planned.partitions),
        partitions_read=len(found),
        size_bytes=planned.size_bytes,
        unreadable=sum(one.metrics.rows_quarantined for one in found),
        notes=planned.notes,
        changes=tuple(f"{change.message} ({change.action})" for change in changes),
    )
    return result.model_copy(update={"page": render("source_profile.html", found=result)})


def _as_it_is(source: Source) -> Source:
    """Without what a run checks, and in shares of a size to look at."""
    update: dict[str, object] = {"validation": (), "cursor": None}
    if isinstance(source, FileSource):
        update["partition"] = ByFile(size_bytes=SHARE_BYTES)
    return source.model_copy(update=update)


def _read(source: Source, planned: Planned, rows: int, work: Workspace) -> Iterator[Extracted]:
    """Shares from everywhere in the source until there are so many rows; of pages, one after the other."""
    waiting = sorted(planned.partitions, key=lambda one: one.number * GOLDEN % 1)
    got = 0
    while waiting and got < rows:
        partition: Partition = waiting.pop(0)
        sharing = replace(work, progress=partial(_further, work, got))
        found = extract_partition(ExtractTask(source=source, partition=partition, columns=planned.columns), sharing)
        got += 0 if found.part is None else found.part.rows
        waiting += [] if found.next is None else [found.next]
        yield found


def _further(work: Workspace, before: int, rows: int, size_bytes: int) -> None:
    work.progress(before + rows, size_bytes)


def _typed(dataset: Dataset, work: Workspace) -> Dataset:
    """The same rows, columns of text as what all their values are."""
    if not dataset.parts:
        return dataset
    with engine(work) as connection:
        columns = _types(connection, dataset, work)
        parts = tuple(_retyped(connection, part, columns, work) for part in dataset.parts)
    return dataset.model_copy(update={"parts": parts, "columns": columns})


def _types(connection: duckdb.DuckDBPyConnection, dataset: Dataset, work: Workspace) -> tuple[Column, ...]:
    scan = scan_of(work.local(part) for part in dataset.parts)
    texts = [column for column in dataset.columns if column.type is ColumnType.TEXT]
    if not texts:
        return dataset.columns
    asked = ", ".join(_asked(column, kind) for column in texts for kind in _LOOKED_FOR)
    answers = connection.execute(statement("SELECT {asked} FROM {scan}", asked=asked, scan=scan)).fetchone() or ()
    kinds: dict[str, ColumnType] = {}
    pairs = ((column.name, kind) for column in texts for kind in _LOOKED_FOR)
    for (name, kind), answer in zip(pairs, answers, strict=True):
        if answer:
            kinds.setdefault(name, kind)
    return tuple(column.model_copy(update={"type": kinds.get(column.name, column.type)}) for column in dataset.columns)


def _asked(column: Column, kind: ColumnType) -> str:
    """True when there are values and a cast would take each: 1.5 is no integer."""
    name = quoted(column.name)
    wanted = f"({exact_cast(name, column, column.model_copy(update={'type': kind}))}) IS NOT NULL"
    if kind in {ColumnType.INTEGER, ColumnType.FLOAT}:
        wanted = f"{wanted} AND NOT {_ZEROS.format(name=name)}"
    if kind is ColumnType.BOOLEAN:
        wanted = f"lower({name}) IN ('true', 'false')"
    if kind is ColumnType.DATE:
        wanted = f"{wanted} AND length({name}) <= {LONGEST_DATE}"
    return f"bool_and({wanted}) FILTER ({name} IS NOT NULL)"


def _retyped(
    connection: duckdb.DuckDBPyConnection, part: DatasetPart, columns: tuple[Column, ...], work: Workspace
) -> DatasetPart:
    file = work.folder / "typed.parquet"
    shown = ", ".join(
        f"try_cast({quoted(column.name)} AS {sql_type(column)}) AS {quoted(column.name)}" for column in columns
    )
    query = statement("SELECT {shown} FROM {scan}", shown=shown, scan=scan_of([work.local(part)]))
    copy_rows(connection, query, file)
    return work.keep(file, part.rows, columns)
