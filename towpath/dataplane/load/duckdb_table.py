"""Tables in a DuckDB file. There are no keys in them: whoever writes holds the file alone, and looks at keys itself."""

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.columns import sql_type
from towpath.dataplane.load.ledger import Run
from towpath.dataplane.load.table import Dialect
from towpath.dataplane.load.target import split_name

_TAKEN = {
    ColumnType.INTEGER: {"INTEGER", "SMALLINT", "HUGEINT"},
    ColumnType.FLOAT: {"FLOAT"},
    ColumnType.TIMESTAMP: {"TIMESTAMP WITH TIME ZONE"},
    ColumnType.DATE: {"TIMESTAMP"},
    ColumnType.JSON: {"JSON"},
}
"""Types that take our values besides our own: what does not fit is refused at run time."""


def has_table(run: Run, table: str) -> bool:
    return bool(_columns(run, table))


def _columns(run: Run, table: str) -> dict[str, str]:
    schema, name = split_name(table)
    found = run(
        "SELECT column_name, data_type FROM duckdb_columns()"
        " WHERE database_name = current_database() AND schema_name = ? AND table_name = ?",
        (schema or "main", name),
    )
    return {str(column): str(kind) for column, kind in found}


def _takes(column: Column) -> set[str]:
    return {sql_type(column), *_TAKEN.get(column.type, ())}


DUCKDB = Dialect(sql_type, _takes, _columns)
