"""Running a specification over parts: valid rows, quarantined rows, and the count of everything left out."""

import resource
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb

from towpath.contracts.dataset import Column, ColumnType, Dataset, DatasetPart, QuarantinedRows, StageMetrics
from towpath.contracts.stages import Duplicates, DuplicatesTask, Transformed, TransformTask
from towpath.contracts.transformation import Deduplicate
from towpath.dataplane.columns import ROW as SOURCE_ROW
from towpath.dataplane.columns import literal, quoted
from towpath.dataplane.quarantine import COLUMNS
from towpath.dataplane.specification.builder import FAILED, LEFT_OUT, PART, POSITION, ROW
from towpath.dataplane.specification.compile import compile_specification
from towpath.dataplane.specification.inputs import PartFile, rows_of
from towpath.dataplane.specification.running import (
    QUARANTINE,
    Outcome,
    add_related,
    add_superseded,
    engine,
    run_stages,
    valid_rows,
)
from towpath.dataplane.sql import statement
from towpath.dataplane.workspace import Workspace

_INTEGER = ColumnType.INTEGER
_DUPLICATE_COLUMNS = (Column(name="part", type=_INTEGER), Column(name="row", type=_INTEGER))
_FORMAT = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"


def transform(task: TransformTask, work: Workspace) -> Transformed:
    """Raises SpecificationError for a specification that does not compile, SchemaError and EngineError.

    Rows that fail are quarantined as they came in; the same parts give the same files, byte by byte.
    """
    began, cpu = time.perf_counter(), time.process_time()
    compiled = compile_specification(task)
    whole = len(compiled.stages) > 1
    if whole and compiled.key is not None and task.superseded is None:
        # All parts are here, so nobody has looked at their keys before.
        task = task.model_copy(update={"superseded": find_duplicates(_duplicates_task(task), work).superseded})
    parts = [_part_file(part, work) for part in task.parts]
    rows = sum(part.rows for part in task.parts)
    many = whole or len(parts) > 1
    with engine(work) as connection:
        add_related(connection, compiled, _related(task.related, work), task.others)
        superseded = work.local(task.superseded) if task.superseded else None
        add_superseded(connection, superseded, task.first, len(parts))
        outcome = run_stages(
            connection, compiled, rows_of(connection, parts, task.source, first=task.first, types=task.types)
        )
        work.progress(rows, 0)
        columns = [quoted(column.name) for column in task.target]
        if not many:
            columns.append(f"{_source_row(parts[0])} AS {quoted(SOURCE_ROW)}")
        query = valid_rows(columns, order=bool(compiled.joined or compiled.key))
        valid = _keep(connection, work, query, task.target, task.partition or task.parts[0].partition)
        quarantined = _quarantined(connection, work, task, outcome)
    if valid is not None and not many:
        valid = valid.model_copy(update={"origin": task.parts[0].origin})
    metrics = StageMetrics(
        stage="transform",
        partition=task.partition or task.parts[0].partition,
        rows_in=rows,
        rows_out=valid.rows if valid else 0,
        rows_quarantined=quarantined.part.rows if quarantined else 0,
        size_bytes=valid.size_bytes if valid else 0,
        seconds=round(time.perf_counter() - began, 3),
        cpu_seconds=round(time.process_time() - cpu, 3),
        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    return Transformed(
        valid=valid,
        quarantined=quarantined,
        rows=rows,
        left_out=dict(sorted(outcome.left_out.items())),
        nulls_made=dict(sorted(outcome.nulls_made.items())),
        metrics=metrics,
    )


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
        connection.execute(f"CREATE TEMP VIEW input AS {rows.sql}")
        keys = rank(connection, compiled.stages[0].sql, compiled.key)
        work.progress(sum(part.rows for part in task.parts), 0)
        superseded = _keep(connection, work, "SELECT part, row FROM losers ORDER BY part, row", _DUPLICATE_COLUMNS, "")
    return Duplicates(superseded=superseded, keys=keys, rows=superseded.rows if superseded else 0)


def rank(connection: duckdb.DuckDBPyConnection, sql: str, operation: Deduplicate) -> int:
    """Fills the view `losers` (part, row); the number of keys that occur more than once."""
    key = ", ".join(quoted(name) for name in operation.key)
    newest = quoted(operation.newest_by) if operation.newest_by else "NULL"
    whole = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in operation.key)
    known = f"({quoted(FAILED)} IS NULL OR {newest} IS NOT NULL)" if operation.newest_by else "TRUE"
    connection.execute(
        statement(
            "CREATE TEMP VIEW ranked AS SELECT {key}, {newest} AS newest, {part} AS part, {row} AS row"
            " FROM ({sql}) WHERE {left_out} IS NULL AND {whole} AND {known}",
            key=key,
            newest=newest,
            part=quoted(PART),
            row=quoted(ROW),
            sql=sql,
            left_out=quoted(LEFT_OUT),
            whole=whole,
            known=known,
        )
    )
    # A key is looked up by its hash first: eight bytes for each, and those that share one are told apart below.
    connection.execute(
        statement(
            "CREATE TEMP TABLE twice AS SELECT hash({key}) AS h FROM ranked GROUP BY h HAVING count(*) > 1", key=key
        )
    )
    connection.execute(
        statement(
            "CREATE TEMP TABLE placed AS SELECT {key}, part, row, row_number() OVER (PARTITION BY {key}"
            " ORDER BY newest DESC NULLS LAST, part DESC, row DESC) AS place"
            " FROM ranked WHERE hash({key}) IN (SELECT h FROM twice)",
            key=key,
        )
    )
    connection.execute("CREATE TEMP VIEW losers AS SELECT part, row FROM placed WHERE place > 1")
    counted = connection.execute("SELECT count(*) FROM placed WHERE place = 2").fetchone()
    return int(counted[0]) if counted else 0


def _duplicates_task(task: TransformTask) -> DuplicatesTask:
    return DuplicatesTask.model_validate(task.model_dump(include={*DuplicatesTask.model_fields}))


def _quarantined(
    connection: duckdb.DuckDBPyConnection, work: Workspace, task: TransformTask, outcome: Outcome
) -> QuarantinedRows | None:
    partition = task.partition or task.parts[0].partition
    part = _keep(connection, work, statement("SELECT * FROM {table}", table=QUARANTINE), COLUMNS, partition)
    return (
        QuarantinedRows(stage="transform", part=part, by_rule=dict(sorted(outcome.by_rule.items()))) if part else None
    )


def _keep(
    connection: duckdb.DuckDBPyConnection, work: Workspace, query: str, columns: tuple[Column, ...], partition: str
) -> DatasetPart | None:
    """The rows of a query as a part, or None when there are none."""
    file = work.folder / "result.parquet"
    written = connection.execute(f"COPY ({query}) TO {literal(str(file.resolve()))} {_FORMAT}").fetchone()
    rows = int(written[0]) if written else 0
    if not rows:
        file.unlink(missing_ok=True)
        return None
    return work.keep(file, rows, columns, partition)


def _part_file(part: DatasetPart, work: Workspace) -> PartFile:
    return PartFile(work.local(part), part.origin or part.partition)


def _related(datasets: Mapping[str, Dataset], work: Workspace) -> dict[str, list[Path]]:
    return {name: [work.local(part) for part in dataset.parts] for name, dataset in datasets.items()}


def _source_row(part: PartFile) -> str:
    """The number that ends the position, for whoever looks at the row next."""
    return f"CAST(substring({quoted(POSITION)}, {len(part.origin) + 2}) AS BIGINT)"
