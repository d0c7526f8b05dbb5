"""The target in a DuckDB file: made where missing, grown where it lacks columns, refused where it does not fit."""

import re

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.loading import DestinationPrepared
from towpath.dataplane.core.columns import quoted, sql_type, statement
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.load.ledger import Run
from towpath.dataplane.load.target import LoadTarget, split_name, wider, written

_TAKEN = {
    ColumnType.INTEGER: {"INTEGER", "SMALLINT", "HUGEINT"},
    ColumnType.FLOAT: {"FLOAT"},
    ColumnType.TIMESTAMP: {"TIMESTAMP WITH TIME ZONE"},
    ColumnType.DATE: {"TIMESTAMP"},
    ColumnType.JSON: {"JSON"},
}
"""Types that take our values besides our own: what does not fit is refused at run time."""


def prepare_table(run: Run, table: str, target: LoadTarget) -> DestinationPrepared:
    """In the transaction that is open. Raises LoadError for a table that does not fit. There are no keys in it:
    whoever writes holds the file alone, and looks at the keys itself.
    """
    schema, name = split_name(table)
    found = _columns(run, schema or "main", name)
    if not found:
        if schema is not None:
            run(statement("CREATE SCHEMA IF NOT EXISTS {schema}", schema=quoted(schema)), ())
        columns = ", ".join(
            f"{quoted(column.name)} {sql_type(column)}{'' if column.nullable else ' NOT NULL'}"
            for column in target.stored
        )
        run(statement("CREATE TABLE {table} ({columns})", table=written(table), columns=columns), ())
        return DestinationPrepared(created=True)
    added = [column for column in target.stored if column.name not in found]
    needed = [column.name for column in added if column.name in target.unique]
    if needed:
        raise LoadError(f"table {table} is there without {', '.join(needed)}: load into a new table")
    wide = [column for column in target.stored if column.name in found and _grows(table, column, found[column.name])]
    for change in (
        *(f"ADD COLUMN {quoted(column.name)} {sql_type(column)}" for column in added),
        *(f"ALTER {quoted(column.name)} TYPE {sql_type(column)}" for column in wide),
    ):
        run(statement("ALTER TABLE {table} {change}", table=written(table), change=change), ())
    names = tuple(column.name for column in added), tuple(column.name for column in wide)
    return DestinationPrepared(added=names[0], widened=names[1])


def has_table(run: Run, table: str) -> bool:
    schema, name = split_name(table)
    return bool(_columns(run, schema or "main", name))


def _columns(run: Run, schema: str, table: str) -> dict[str, str]:
    found = run(
        "SELECT column_name, data_type FROM duckdb_columns()"
        " WHERE database_name = current_database() AND schema_name = ? AND table_name = ?",
        (schema, table),
    )
    return {str(name): str(kind) for name, kind in found}


def _grows(table: str, column: Column, kind: str) -> bool:
    digits = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
    if column.type is ColumnType.DECIMAL and digits is not None:
        return wider(column, int(digits[1]), int(digits[2]))
    if kind != sql_type(column) and kind not in _TAKEN.get(column.type, set()):
        raise LoadError(
            f"column {column.name} of {table} is {kind} and the target's is {column.type}:"
            " alter the table, or cast in the transformation"
        )
    return False
