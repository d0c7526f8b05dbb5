"""A compiled specification run over parts: stage after stage in tables of the engine, each row with its marks."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from towpath.contracts.pipeline.dataset import Column
from towpath.dataplane.core import macros
from towpath.dataplane.core.columns import literal, quoted, statement
from towpath.dataplane.core.engine import EngineLimits, open_engine
from towpath.dataplane.core.errors import EngineError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.specification.builder import FAILED, LEFT_OUT, PART, POSITION, ROW, SOURCE, SqlStage
from towpath.dataplane.specification.compile import CompiledSpecification
from towpath.dataplane.specification.inputs import Rows, plain_rows
from towpath.dataplane.specification.operations import SUPERSEDED

QUARANTINE = "quarantine"
STAGED = "staged"


@dataclass(slots=True)
class TransformationCounts:
    """Counts of a run. `by_rule` are failed rows, `left_out` rows by the operation that left them out.

    `errors` are rows in which an operation failed and made a null, by the operation; none of them is quarantined.
    """

    by_rule: Counter[str] = field(default_factory=Counter[str])
    left_out: Counter[str] = field(default_factory=Counter[str])
    nulls_made: Counter[str] = field(default_factory=Counter[str])
    errors: Counter[str] = field(default_factory=Counter[str])


@contextmanager
def engine(work: Workspace, seconds: float = 3600.0) -> Generator[duckdb.DuckDBPyConnection]:
    """The engine of one task, with our functions. Raises EngineError for what it ends by itself."""
    limits = EngineLimits(memory_bytes=work.memory_bytes, threads=work.threads, seconds=seconds)
    connection = open_engine(work.folder, limits)
    try:
        macros.define(connection)
        yield connection
    except duckdb.OutOfMemoryException as error:
        raise EngineError("OutOfMemoryException", out_of_memory=True) from error
    except duckdb.Error as error:
        raise EngineError(type(error).__name__) from error
    finally:
        connection.close()


def add_related(
    connection: duckdb.DuckDBPyConnection,
    compiled: CompiledSpecification,
    files: Mapping[str, Sequence[Path]],
    columns: Mapping[str, tuple[Column, ...]],
) -> None:
    """The tables that joins read; a source without rows is empty."""
    for number, source in enumerate(compiled.joined):
        declared = columns[source]
        if files.get(source):
            query = plain_rows(connection, files[source], declared)
        else:
            nothing = ", ".join(f"NULL AS {quoted(column.name)}" for column in declared)
            query = statement("SELECT {nothing} WHERE FALSE", nothing=nothing)
        connection.execute(f"CREATE TEMP VIEW other_{number} AS {query}")


def add_superseded(connection: duckdb.DuckDBPyConnection, file: Path | None, first: int, parts: int) -> None:
    """The rows of these parts that a newer one replaces."""
    query = "SELECT CAST(NULL AS BIGINT) AS part, CAST(NULL AS BIGINT) AS row WHERE FALSE"
    if file is not None:
        query = statement(
            "SELECT part, row FROM read_parquet({file}) WHERE part BETWEEN {first} AND {last}",
            file=literal(str(file.resolve())),
            first=str(first),
            last=str(first + parts - 1),
        )
    connection.execute(f"CREATE TEMP TABLE {SUPERSEDED} AS {query}")


def run_stages(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledSpecification, rows: Rows
) -> TransformationCounts:
    """Leaves the rows of the last stage in `input`; QUARANTINE has those that failed: reason, rule, position, row."""
    outcome = TransformationCounts()
    reasons = {**rows.rules, **compiled.rules}
    connection.execute(f"CREATE TEMP VIEW input AS {rows.sql}")
    create_quarantine(connection)
    for number, stage in enumerate(compiled.stages):
        table = f"{STAGED}_{number}"
        _stage(connection, stage, table)
        _count(connection, stage, table, outcome)
        _quarantine(connection, table, reasons)
        if number:
            connection.execute(f"DROP TABLE {STAGED}_{number - 1}")
        connection.execute(statement("CREATE OR REPLACE TEMP VIEW input AS SELECT * FROM {table}", table=table))
    return outcome


def _stage(connection: duckdb.DuckDBPyConnection, stage: SqlStage, table: str) -> None:
    """The row as it was is kept, as JSON, for rows that failed only."""
    connection.execute(
        statement(
            "CREATE TEMP TABLE {table} AS SELECT * REPLACE ("
            "CASE WHEN {failed} IS NOT NULL THEN CAST(to_json({source}) AS VARCHAR) END AS {source}) FROM ({sql})",
            table=table,
            failed=quoted(FAILED),
            source=quoted(SOURCE),
            sql=stage.sql,
        )
    )


def _count(connection: duckdb.DuckDBPyConnection, stage: SqlStage, table: str, outcome: TransformationCounts) -> None:
    marks = {"table": table, "failed": quoted(FAILED), "left_out": quoted(LEFT_OUT)}
    marked = statement(
        "SELECT {failed}, {left_out}, count(*) FROM {table}"
        " WHERE {failed} IS NOT NULL OR {left_out} IS NOT NULL GROUP BY ALL",
        **marks,
    )
    for rule, operation, rows in connection.execute(marked).fetchall():
        if operation is not None:
            outcome.left_out[str(operation)] += int(rows)
        else:
            outcome.by_rule[str(rule)] += int(rows)
    passing = statement("{failed} IS NULL AND {left_out} IS NULL", **marks)
    outcome.nulls_made.update(_sums(connection, table, passing, stage.counters))
    outcome.errors.update(_sums(connection, table, statement("{failed} IS NULL", **marks), stage.errors))


def _sums(connection: duckdb.DuckDBPyConnection, table: str, where: str, counters: Mapping[str, str]) -> dict[str, int]:
    """Rows in which hidden columns are true, by what the columns stand for."""
    if not counters:
        return {}
    sums = ", ".join(f"count_if({quoted(counter)})" for counter in counters)
    counted = statement("SELECT {sums} FROM {table} WHERE {where}", sums=sums, table=table, where=where)
    found: Counter[str] = Counter()
    for name, rows in zip(counters.values(), connection.execute(counted).fetchone() or (), strict=True):
        if rows:
            found[name] += int(rows)
    return found


def create_quarantine(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"CREATE TEMP TABLE {QUARANTINE} (reason VARCHAR, rule VARCHAR, position VARCHAR, row VARCHAR)")


def reason_of(failed: str, reasons: Mapping[str, str]) -> str:
    """SQL for the reason of the rule that `failed` names."""
    branches = " ".join(f"WHEN {literal(rule)} THEN {literal(reason)}" for rule, reason in reasons.items())
    return f"CASE {failed} {branches} ELSE {failed} END" if branches else failed


def _quarantine(connection: duckdb.DuckDBPyConnection, table: str, reasons: Mapping[str, str]) -> None:
    failed = quoted(FAILED)
    connection.execute(
        statement(
            "INSERT INTO {quarantine} SELECT {told}, {failed}, {position}, {source} FROM {table}"
            " WHERE {failed} IS NOT NULL AND {left_out} IS NULL ORDER BY {part}, {row}",
            quarantine=QUARANTINE,
            told=reason_of(failed, reasons),
            failed=failed,
            position=quoted(POSITION),
            source=quoted(SOURCE),
            table=table,
            left_out=quoted(LEFT_OUT),
            part=quoted(PART),
            row=quoted(ROW),
        )
    )


def valid_rows(columns: Sequence[str]) -> str:
    """The query for the rows that are through, in the order of their source."""
    return statement(
        "SELECT {columns} FROM input WHERE {failed} IS NULL AND {left_out} IS NULL ORDER BY {part}, {row}",
        columns=", ".join(columns),
        failed=quoted(FAILED),
        left_out=quoted(LEFT_OUT),
        part=quoted(PART),
        row=quoted(ROW),
    )
