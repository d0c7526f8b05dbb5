"""Types of expressions, as DuckDB binds them over columns of known types. Nothing is run and no row is read."""

import re
from collections.abc import Mapping
from functools import lru_cache

import duckdb

from towpath.contracts.core.wire import clip
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core import macros
from towpath.dataplane.core.columns import quoted, sql_type, statement
from towpath.dataplane.specification.errors import RefusedExpressionError

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_WHOLE = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
}
_PLAIN = {
    **dict.fromkeys(_WHOLE, ColumnType.INTEGER),
    "DOUBLE": ColumnType.FLOAT,
    "FLOAT": ColumnType.FLOAT,
    "VARCHAR": ColumnType.TEXT,
    "BOOLEAN": ColumnType.BOOLEAN,
    "DATE": ColumnType.DATE,
    "TIMESTAMP": ColumnType.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": ColumnType.TIMESTAMP,
    "JSON": ColumnType.JSON,
}
MAX_BOUND_DEPTH = 250


@lru_cache(maxsize=1)
def _binder() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    macros.define(connection)
    for setting in (
        f"SET max_expression_depth = {MAX_BOUND_DEPTH}",
        "SET enable_external_access = false",
        "SET TimeZone = 'UTC'",
        "SET lock_configuration = true",
    ):
        connection.execute(setting)
    return connection


def bound_type(sql: str, columns: Mapping[str, Column]) -> Column | None:
    """The type of guarded SQL, under the name `x__`; None for a bare NULL. Raises ExpressionError for no fit."""
    given = ", ".join(f"NULL::{sql_type(column)} AS {quoted(name)}" for name, column in columns.items())
    try:
        described = statement("DESCRIBE SELECT TRY({sql}) AS x__ FROM (SELECT {given})", sql=sql, given=given or "1")
        row = _binder().execute(described).fetchone()
    except duckdb.Error as error:
        raise RefusedExpressionError("type", _told(error), _cast_before(sql, columns)) from None
    name = str(row[1]) if row else ""
    if name == '"NULL"':
        return None
    found = column_of("x__", name)
    if found is None:
        raise RefusedExpressionError("type", f"the result is of type {clip(name, 40)}, which no column can be")
    return found


def _cast_before(sql: str, columns: Mapping[str, Column]) -> str:
    """The mend, with the columns of text that the expression reads."""
    texts = [name for name, column in columns.items() if column.type is ColumnType.TEXT and quoted(name) in sql]
    if not texts:
        return "cast the operands: DuckDB converts no text by itself"
    one = texts[0]
    named = f"{', '.join(texts)} {'is' if len(texts) == 1 else 'are'} text"
    return f"{named}; cast before: {{op: cast, column: {one}, to: {{name: {one}, type: …}}}}"


def column_of(name: str, type_name: str) -> Column | None:
    """The column that a type of DuckDB's is, or None for types that we do not have."""
    decimal = _DECIMAL.fullmatch(type_name)
    if decimal:
        return Column(name=name, type=ColumnType.DECIMAL, precision=int(decimal[1]), scale=int(decimal[2]))
    return Column(name=name, type=_PLAIN[type_name]) if type_name in _PLAIN else None


def _told(error: duckdb.Error) -> str:
    first = str(error).splitlines()[0] if str(error) else "it does not fit its columns"
    return clip(first.partition("Error: ")[2] or first, 200)
