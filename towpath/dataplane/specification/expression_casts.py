"""Casts in expressions: a text is read as everywhere, by the grammar of its type; numbers and times as SQL has it.

So `CAST(1.5 AS INTEGER)` is 2, and the text `1.5` is no integer.
"""

import re

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.specification.casting import exact_cast

_DECIMAL = re.compile(r"DECIMAL\((\d+), (\d+)\)")
_TYPES = {
    "INTEGER": ColumnType.INTEGER,
    "BIGINT": ColumnType.INTEGER,
    "DOUBLE": ColumnType.FLOAT,
    "BOOLEAN": ColumnType.BOOLEAN,
    "DATE": ColumnType.DATE,
    "TIMESTAMP": ColumnType.TIMESTAMP,
}
_TEXT = Column(name="v", type=ColumnType.TEXT)


def strict_cast(value: str, to: str) -> str:
    """SQL that raises for a value that is none of the type."""
    if to == "VARCHAR":
        return f"CAST({value} AS VARCHAR)"
    raising = f"CASE WHEN {value} IS NOT NULL THEN CAST('!' AS {to}) END"
    text = f"coalesce(CAST({_of_text(value, to)} AS {to}), {raising})"
    return f"CASE WHEN typeof({value}) = 'VARCHAR' THEN {text} ELSE CAST({value} AS {to}) END"


def lenient_cast(value: str, to: str) -> str:
    """SQL that is null for a value that is none of the type."""
    if to == "VARCHAR":
        return f"CAST({value} AS VARCHAR)"
    text = f"TRY_CAST({_of_text(value, to)} AS {to})"
    return f"CASE WHEN typeof({value}) = 'VARCHAR' THEN {text} ELSE TRY_CAST({value} AS {to}) END"


def _of_text(value: str, to: str) -> str:
    decimal = _DECIMAL.fullmatch(to)
    if decimal:
        wanted = Column(name="v", type=ColumnType.DECIMAL, precision=int(decimal[1]), scale=int(decimal[2]))
    else:
        wanted = Column(name="v", type=_TYPES[to])
    return exact_cast(f"CAST({value} AS VARCHAR)", _TEXT, wanted)
