"""The target in PostgreSQL: made where it is missing, grown where it lacks columns, refused where it does not fit."""

import re
from dataclasses import dataclass

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.loading import DestinationPrepared
from towpath.dataplane.core.columns import quoted
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.load.ledger import Run
from towpath.dataplane.load.target import LoadTarget, split_name, wider, written

_TYPES = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "bigint",
    ColumnType.FLOAT: "double precision",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMP: "timestamp with time zone",
    ColumnType.JSON: "jsonb",
}
_COPIED = {
    ColumnType.TEXT: {"text", "character varying"},
    ColumnType.INTEGER: {"bigint"},
    ColumnType.DECIMAL: {"numeric"},
    ColumnType.FLOAT: {"double precision"},
    ColumnType.BOOLEAN: {"boolean"},
    ColumnType.DATE: {"date"},
    ColumnType.TIMESTAMP: {"timestamp with time zone", "timestamp without time zone"},
    ColumnType.JSON: {"jsonb", "text"},
}
"""Types of a target that take the binary form of ours as it is."""
_ASSIGNED = {
    ColumnType.TEXT: {"character"},
    ColumnType.INTEGER: {"integer", "smallint", "numeric"},
    ColumnType.FLOAT: {"real", "numeric"},
    ColumnType.DATE: {"timestamp with time zone", "timestamp without time zone"},
}
"""Types that take our values by assignment, which refuses what does not fit."""


@dataclass(frozen=True, slots=True)
class Table:
    """A target that is there. `types` are PostgreSQL's, without length or precision."""

    name: str
    types: dict[str, str]

    def copies(self, columns: tuple[Column, ...]) -> bool:
        """Whether rows can be copied in as they are, with no staging table to convert them."""
        return all(self.types[column.name] in _COPIED[column.type] for column in columns)


def postgresql_type(column: Column) -> str:
    if column.type is ColumnType.DECIMAL:
        return f"numeric({column.precision},{column.scale})"
    return _TYPES[column.type]


def prepare_table(run: Run, table: str, target: LoadTarget) -> DestinationPrepared:
    """In the transaction that is open, behind a lock of this target. Raises LoadError for a table that does not fit."""
    found = _columns(run, table)
    if not found:
        return _create(run, table, target)
    added = [column for column in target.stored if column.name not in found]
    needed = [column.name for column in added if column.name in target.unique]
    if needed:
        raise LoadError(f"table {table} is there without {', '.join(needed)}: load into a new table")
    widened: list[str] = []
    changes = [f"ADD COLUMN {quoted(column.name)} {postgresql_type(column)}" for column in added]
    for column in target.stored:
        if column.name in found and _check_type(table, column, found[column.name]):
            widened.append(column.name)
            changes.append(f"ALTER COLUMN {quoted(column.name)} TYPE {postgresql_type(column)}")
    if target.unique and not _is_unique(run, table, target.unique):
        raise LoadError(f"table {table} has no unique index on {', '.join(target.unique)}: make one, or another table")
    if changes:
        run(f"ALTER TABLE {written(table)} {', '.join(changes)}", ())
    return DestinationPrepared(added=tuple(column.name for column in added), widened=tuple(widened))


def read_table(run: Run, table: str) -> Table:
    return Table(name=written(table), types={name: _base(kind) for name, kind in _columns(run, table).items()})


def _create(run: Run, table: str, target: LoadTarget) -> DestinationPrepared:
    schema, _ = split_name(table)
    if schema is not None and not run("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)):
        run(f"CREATE SCHEMA {quoted(schema)}", ())
    lines = [
        f"{quoted(column.name)} {postgresql_type(column)}{'' if column.nullable else ' NOT NULL'}"
        for column in target.stored
    ]
    if target.unique:
        lines.append(f"PRIMARY KEY ({', '.join(quoted(name) for name in target.unique)})")
    run(f"CREATE TABLE {written(table)} ({', '.join(lines)})", ())
    return DestinationPrepared(created=True)


def _columns(run: Run, table: str) -> dict[str, str]:
    found = run(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped",
        (written(table),),
    )
    return {str(name): str(kind) for name, kind in found}


def _is_unique(run: Run, table: str, names: tuple[str, ...]) -> bool:
    """Whether ON CONFLICT can find these columns: by a unique index over exactly them, whole and valid."""
    found = run(
        "SELECT array_agg(CAST(a.attname AS text)) FROM pg_index i"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
        " WHERE i.indrelid = to_regclass(?) AND i.indisunique AND i.indisvalid"
        " AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = i.indnatts GROUP BY i.indexrelid",
        (written(table),),
    )
    return any(set(row[0]) == set(names) for row in found)


def _check_type(table: str, column: Column, kind: str) -> bool:
    """Whether a decimal needs more digits than it has. Raises LoadError for a type that does not take the values."""
    base = _base(kind)
    if base not in _COPIED[column.type] | _ASSIGNED.get(column.type, set()):
        raise LoadError(
            f"column {column.name} of {table} is {kind} and the target's is {column.type}:"
            " alter the table, or cast in the transformation"
        )
    digits = re.fullmatch(r"numeric\((\d+),(\d+)\)", kind)
    if column.type is not ColumnType.DECIMAL or digits is None:
        return False
    return wider(column, int(digits[1]), int(digits[2]))


def _base(kind: str) -> str:
    return re.sub(r"\(\d+(,-?\d+)?\)", "", kind)
