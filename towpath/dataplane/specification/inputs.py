"""Parts as tables of the engine: columns as they are declared, and beside them where each row came from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.schema import SchemaAction
from towpath.dataplane.core.columns import ROW as SOURCE_ROW
from towpath.dataplane.core.columns import literal, packed, quoted, sql_type, statement
from towpath.dataplane.core.errors import SchemaError
from towpath.dataplane.specification.binding import column_of
from towpath.dataplane.specification.builder import FAILED, LEFT_OUT, LINE, PART, POSITION, ROW, SOURCE
from towpath.dataplane.specification.casting import exact_cast, same_type
from towpath.dataplane.specification.errors import RefusedExpressionError


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part on this disk. `origin` is what its rows are counted in."""

    path: Path
    origin: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A query for the rows of parts with all their marks, and the reasons of the failures that it may mark."""

    sql: str
    rules: dict[str, str]


def rows_of(
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[PartFile],
    declared: tuple[Column, ...],
    *,
    first: int = 0,
    types: SchemaAction = SchemaAction.QUARANTINE_ROW,
) -> Rows:
    """A column that the parts lack is null. Raises SchemaError for types that no cast reaches, and for `freeze`.

    A value that is not of its declared type fails its row, leaves it out, or becomes null, as `types` says.
    """
    scan = scan_of(part.path for part in parts)
    kinds = _kinds(connection, scan)
    there = _columns(kinds)
    failures: list[tuple[str, str]] = []
    rules: dict[str, str] = {}
    shown: list[str] = []
    for column in declared:
        given = there.get(column.name)
        if given is None:
            shown.append(f"CAST(NULL AS {sql_type(column)}) AS {quoted(column.name)}")
            continue
        value = _declared(given, column, types)
        if value == quoted(column.name):
            value = _stored(value, kinds[column.name], column)
        else:
            rule = f"source.{column.name}.type"
            rules[rule] = f"{column.name}: {column.type} is declared"
            failures.append((rule, f"{quoted(column.name)} IS NOT NULL AND ({value}) IS NULL"))
        shown.append(f"{value} AS {quoted(column.name)}")
    marks = _marks(parts, there, first, failures, types)
    hidden = [f"{value} AS {quoted(name)}" for name, value in marks.items()]
    return Rows(statement("SELECT {shown} FROM {scan}", shown=", ".join((*shown, *hidden)), scan=scan), rules)


def plain_rows(connection: duckdb.DuckDBPyConnection, paths: Iterable[Path], declared: tuple[Column, ...]) -> str:
    """A query for the declared columns only; a value that is not of its type is null."""
    scan = scan_of(paths)
    there = _columns(_kinds(connection, scan))
    shown = [
        f"{_declared(there[column.name], column, SchemaAction.DISCARD_VALUE) if column.name in there else 'NULL'}"
        f" AS {quoted(column.name)}"
        for column in declared
    ]
    return statement("SELECT {shown} FROM {scan}", shown=", ".join(shown), scan=scan)


def _marks(
    parts: Sequence[PartFile],
    there: dict[str, Column],
    first: int,
    failures: list[tuple[str, str]],
    types: SchemaAction,
) -> dict[str, str]:
    origins = ", ".join(literal(part.origin) for part in parts)
    row = quoted(SOURCE_ROW) if SOURCE_ROW in there else "file_row_number"
    branches = " ".join(f"WHEN {condition} THEN {literal(rule)}" for rule, condition in failures)
    marked = f"CASE {branches} END" if branches else "CAST(NULL AS VARCHAR)"
    nothing = "CAST(NULL AS VARCHAR)"
    return {
        PART: f"CAST({first} + file_index AS BIGINT)",
        ROW: "file_row_number",
        LINE: row,
        POSITION: f"([{origins}])[CAST(file_index AS BIGINT) + 1] || ':' || {row}",
        FAILED: marked if types is SchemaAction.QUARANTINE_ROW else nothing,
        LEFT_OUT: marked if types is SchemaAction.DISCARD_ROW else nothing,
        SOURCE: packed(name for name in there if name != SOURCE_ROW),
    }


def _declared(given: Column, wanted: Column, types: SchemaAction) -> str:
    if same_type(given, wanted):
        return quoted(wanted.name)
    if types is SchemaAction.FREEZE:
        raise SchemaError(
            f"column {wanted.name} is {given.type}, {wanted.type} is declared, and the contract is frozen"
        )
    try:
        return exact_cast(quoted(wanted.name), given, wanted)
    except RefusedExpressionError as error:
        raise SchemaError(f"column {wanted.name}: {error.message}") from None


def scan_of(paths: Iterable[Path]) -> str:
    """What a query over these files reads from."""
    return f"read_parquet([{', '.join(literal(str(path.resolve())) for path in paths)}], union_by_name = true)"


def _stored(value: str, kind: str, column: Column) -> str:
    """A column of the declared type in the one way that we store it: 64 bits, UTC without a zone, JSON as text."""
    return value if kind == sql_type(column) else f"CAST({value} AS {sql_type(column)})"


def columns_in(connection: duckdb.DuckDBPyConnection, scan: str) -> dict[str, Column]:
    """The columns that the files have; those of types that we do not have are not there."""
    return _columns(_kinds(connection, scan))


def _kinds(connection: duckdb.DuckDBPyConnection, scan: str) -> dict[str, str]:
    """Types of the columns that the files have, in DuckDB's words."""
    rows = connection.execute(statement("DESCRIBE SELECT * FROM {scan}", scan=scan)).fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def _columns(kinds: Mapping[str, str]) -> dict[str, Column]:
    """Columns of types that we do not have are not there."""
    found = {name: column_of(name, kind) for name, kind in kinds.items()}
    return {name: column for name, column in found.items() if column is not None}
