"""Running a specification over parts: valid rows, quarantined rows, and the count of everything left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString

import duckdb

from towpath.contracts.pipeline.dataset import Column, ColumnType, Dataset, DatasetPart, QuarantinedRows
from towpath.contracts.pipeline.stages import Duplicates, DuplicatesTask, Transformed, TransformTask
from towpath.contracts.pipeline.transformation import Deduplicate
from towpath.dataplane.core.columns import quoted, statement
from towpath.dataplane.core.engine import copy_rows
from towpath.dataplane.core.memory import StageMeter
from towpath.dataplane.core.quarantine import COLUMNS
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.specification.builder import FAILED, LEFT_OUT, NEW, PART, ROW
from towpath.dataplane.specification.compile import CompiledSpecification, compile_specification
from towpath.dataplane.specification.inputs import PartFile, Rows, rows_of
from towpath.dataplane.specification.running import (
    QUARANTINE,
    TransformationCounts,
    add_related,
    add_superseded,
    engine,
    run_stages,
    valid_rows,
)
from towpath.dataplane.specification.streaming import VALID, partition_of, run_stream

_INTEGER = ColumnType.INTEGER
_DUPLICATE_COLUMNS = (Column(name="part", type=_INTEGER), Column(name="row", type=_INTEGER))


def transform_part(task: TransformTask, work: Workspace) -> Transformed:
    """Raises SpecificationError for a specification that does not compile, SchemaError and EngineError.

    Rows that fail are quarantined as they came in; the same parts give the same files, byte by byte.
    """
    meter = StageMeter(task.stage)
    compiled = compile_specification(task, unique=True)
    whole = len(compiled.stages) > 1
    if whole and compiled.key is not None and task.superseded is None:
        # All parts are here, so nobody has looked at their keys before.
        task = task.model_copy(update={"superseded": find_duplicates(_duplicates_task(task), work).superseded})
    with engine(work) as connection:
        add_related(connection, compiled, _related(task.related, work), task.others)
        superseded = work.local(task.superseded) if task.superseded else None
        add_superseded(connection, superseded, task.first, len(task.parts))
        if whole or len(task.parts) > 1:
            valid, quarantined, outcome = _staged(connection, task, work)
        else:
            valid, quarantined, outcome = _streamed(connection, compiled, task, work)
    rows = sum(part.rows for part in task.parts)
    work.progress(rows, 0)
    metrics = meter.metrics(
        partition_of(task),
        rows_in=rows,
        rows_out=valid.rows if valid else 0,
        rows_quarantined=quarantined.part.rows if quarantined else 0,
        size_bytes=valid.size_bytes if valid else 0,
    )
    return Transformed(
        valid=valid,
        quarantined=quarantined,
        rows=rows,
        left_out=dict(sorted(outcome.left_out.items())),
        nulls_made=dict(sorted(outcome.nulls_made.items())),
        errors=dict(sorted(outcome.errors.items())),
        metrics=metrics,
    )


def _streamed(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledSpecification, task: TransformTask, work: Workspace
) -> tuple[DatasetPart | None, QuarantinedRows | None, TransformationCounts]:
    """Each row of the result names its line in its source."""
    rows, quarantined, outcome = run_stream(connection, compiled, task, _rows(connection, task, work), work)
    if not rows:
        return None, quarantined, outcome
    valid = work.keep(work.folder / VALID, rows, task.target, partition_of(task), task.parts[0].origin)
    return valid, quarantined, outcome


def _staged(
    connection: duckdb.DuckDBPyConnection, task: TransformTask, work: Workspace
) -> tuple[DatasetPart | None, QuarantinedRows | None, TransformationCounts]:
    outcome = run_stages(connection, compile_specification(task), _rows(connection, task, work))
    query = valid_rows([quoted(column.name) for column in task.target])
    valid = _keep(connection, work, query, task.target, partition_of(task))
    bad = _keep(connection, work, statement("SELECT * FROM {table}", table=QUARANTINE), COLUMNS, partition_of(task))
    if bad is None:
        return valid, None, outcome
    return valid, QuarantinedRows(stage=task.stage, part=bad, by_rule=dict(sorted(outcome.by_rule.items()))), outcome


def _rows(connection: duckdb.DuckDBPyConnection, task: TransformTask, work: Workspace) -> Rows:
    parts = [_part_file(part, work) for part in task.parts]
    return rows_of(connection, parts, task.source, first=task.first, types=task.types)


def find_duplicates(task: DuplicatesTask, work: Workspace) -> Duplicates:
    """Looks at the keys of all parts once: only keys that occur twice need a look beyond their own part.

    Rows that are left out before, or whose key is not whole, supersede nothing and are not superseded. Of a key the
    row with the greatest `newest_by` stays, null being the least; of equals, the last. A row that failed takes part,
    for an older version is no better; unless its `newest_by` is what failed.
    """
    compiled = compile_specification(task, until_key=True)
    if compiled.key is None or not task.parts:
        return Duplicates()
    with engine(work) as connection:
        add_related(connection, compiled, _related(task.related, work), task.others)
        rows = rows_of(connection, [_part_file(part, work) for part in task.parts], task.source, types=task.types)
        keys = rank(connection, rows, compiled.stages[0].sql, compiled.key)
        work.progress(sum(part.rows for part in task.parts), 0)
        superseded = _keep(connection, work, "SELECT part, row FROM losers ORDER BY part, row", _DUPLICATE_COLUMNS, "")
    return Duplicates(superseded=superseded, keys=keys, rows=superseded.rows if superseded else 0)


def rank(connection: duckdb.DuckDBPyConnection, rows: Rows, sql: str, operation: Deduplicate) -> int:
    """Fills the view `losers` (part, row) from a stage over the rows; the number of keys that occur more than once.

    A key is looked up by its hash first, eight bytes for each. Only rows whose hash occurs twice are computed whole.
    """
    names = {
        "key": ", ".join(quoted(name) for name in operation.key),
        "part": quoted(PART),
        "row": quoted(ROW),
        "sql": sql,
        "whole": " AND ".join(f"{quoted(name)} IS NOT NULL" for name in operation.key),
        "newest": quoted(operation.newest_by) if operation.newest_by else "NULL",
        "left_out": quoted(LEFT_OUT),
        "new": quoted(NEW),
        "failed": quoted(FAILED),
        "known": f"{quoted(NEW)} IS NOT NULL" if operation.newest_by else "TRUE",
        "rows": rows.sql,
    }

    def run(text: LiteralString) -> None:
        connection.execute(statement(text, **names))

    run("CREATE OR REPLACE TEMP VIEW input AS {rows}")
    run("CREATE TEMP TABLE twice AS SELECT hash({key}) AS h FROM ({sql}) WHERE {whole} GROUP BY h HAVING count(*) > 1")
    run(
        "CREATE TEMP TABLE candidates AS SELECT {part}, {row} FROM ({sql})"
        " WHERE {whole} AND hash({key}) IN (SELECT h FROM twice)"
    )
    run("CREATE OR REPLACE TEMP VIEW input AS SELECT * FROM ({rows}) SEMI JOIN candidates USING ({part}, {row})")
    # A table of its own: in one query the conditions below would be computed for all rows, before the join.
    run(
        "CREATE TEMP TABLE computed AS SELECT {part}, {row}, {key}, {newest} AS {new}, {failed}, {left_out}"
        " FROM ({sql})"
    )
    run(
        "CREATE TEMP TABLE placed AS SELECT {part} AS part, {row} AS row, row_number() OVER (PARTITION BY {key}"
        " ORDER BY {new} DESC NULLS LAST, {part} DESC, {row} DESC) AS place"
        " FROM computed WHERE {left_out} IS NULL AND {whole} AND ({failed} IS NULL OR {known})"
    )
    run("CREATE TEMP VIEW losers AS SELECT part, row FROM placed WHERE place > 1")
    return int(connection.execute("SELECT count(*) FROM placed WHERE place = 2").fetchall()[0][0])


def _duplicates_task(task: TransformTask) -> DuplicatesTask:
    return DuplicatesTask.model_validate(task.model_dump(include={*DuplicatesTask.model_fields}))


def _keep(
    connection: duckdb.DuckDBPyConnection, work: Workspace, query: str, columns: tuple[Column, ...], partition: str
) -> DatasetPart | None:
    """The rows of a query as a part, or None when there are none."""
    file = work.folder / "result.parquet"
    rows = copy_rows(connection, query, file)
    return work.keep(file, rows, columns, partition) if rows else None


def _part_file(part: DatasetPart, work: Workspace) -> PartFile:
    return PartFile(work.local(part), part.origin or part.partition)


def _related(datasets: Mapping[str, Dataset], work: Workspace) -> dict[str, list[Path]]:
    return {name: [work.local(part) for part in dataset.parts] for name, dataset in datasets.items()}
