"""Columns in DuckDB's words: types, names, literals. Every name and value in SQL of ours is written through here.

The text of a statement is always a literal of this code.
"""

import hashlib
from collections.abc import Iterable
from typing import LiteralString

from towpath.contracts.pipeline.dataset import Column, ColumnType

ROW = "_row"
"""The column of an extracted part that says where its origin has the row."""

_TYPES = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.FLOAT: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "TIMESTAMP",
    ColumnType.JSON: "VARCHAR",
}


def sql_type(column: Column) -> str:
    """The type in DuckDB. A timestamp is UTC and has no zone; JSON is kept as its text."""
    if column.type is ColumnType.DECIMAL:
        return f"DECIMAL({column.precision},{column.scale})"
    return _TYPES[column.type]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def packed(names: Iterable[str]) -> str:
    """The columns as one structure."""
    return f"struct_pack({', '.join(f'{quoted(name)} := {quoted(name)}' for name in names)})"


def schema_hash(columns: Iterable[Column]) -> str:
    """Digest over names and types, in order."""
    told = "\n".join(f"{column.name} {sql_type(column)} {column.type}" for column in columns)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def statement(text: LiteralString, **parts: str) -> str:
    """The statement with its `{parts}`: names by `quoted`, values by `literal`, or SQL that was made here."""
    return text.format_map(parts)
