"""Tables in PostgreSQL: their types, and which of them take ours."""

from dataclasses import dataclass

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.load.ledger import Run
from towpath.dataplane.load.table import Dialect, without_digits
from towpath.dataplane.load.target import written

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


def read_table(run: Run, table: str) -> Table:
    return Table(name=written(table), types={name: without_digits(kind) for name, kind in _columns(run, table).items()})


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


def _takes(column: Column) -> set[str]:
    return _COPIED[column.type] | _ASSIGNED.get(column.type, set())


POSTGRESQL = Dialect(postgresql_type, _takes, _columns, _is_unique)
