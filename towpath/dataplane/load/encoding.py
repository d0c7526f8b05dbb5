"""Rows in a form that PostgreSQL's COPY takes: binary by pgpq where that is installed, else text by Arrow alone.

pgpq has no wheel for Linux on ARM. Text takes more CPU time, and says the same: dates and times go as Julian days,
which PostgreSQL reads in all its range, numbers with all their digits.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, LiteralString, Protocol, cast

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.arrow import ArrowArray, compute, pa

QUICK = find_spec("pgpq") is not None
"""Whether rows can go in binary."""
_NULL, _TAB, _NOTHING, _END = ("\\N", "\t", "", "\n")
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
"""The backslash first: the others bring one."""
_TEXT = pa.large_string()
_JULIAN_EPOCH = 2_440_588
"""The Julian day of 1 January 1970."""


class Encoder(Protocol):
    """All the bytes of a COPY, in order: what begins it, batches of exactly the columns, what ends it."""

    format: LiteralString

    def begin(self) -> bytes: ...

    def batch(self, rows: Any) -> bytes: ...

    def end(self) -> bytes: ...


class _Making(Protocol):
    def __call__(self, columns: Sequence[Column], jsonb: frozenset[str]) -> Encoder: ...


def encoder_of(columns: Sequence[Column], jsonb: frozenset[str]) -> Encoder:
    """`jsonb` names the columns that are of this type in the table."""
    if not QUICK:
        return TextEncoder(columns)
    # By its name: where there is no pgpq it cannot be imported.
    making = cast("_Making", import_module("towpath.dataplane.load.binary_encoding").BinaryEncoder)
    return making(columns, jsonb)


class TextEncoder:
    """Lines of fields between tabs. What each field is, is known by the table that it goes into."""

    format: LiteralString = "text"

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def begin(self) -> bytes:
        return b""

    def batch(self, rows: Any) -> bytes:
        fields = [_field(column.type, rows.column(place)) for place, column in enumerate(self._columns)]
        joined = compute.binary_join_element_wise(
            *fields, pa.scalar(_TAB, _TEXT), null_handling="replace", null_replacement=_NULL
        )
        lines = compute.binary_join_element_wise(joined, pa.scalar(_NOTHING, _TEXT), pa.scalar(_END, _TEXT))
        return lines.buffers()[2].to_pybytes() if len(lines) else b""

    def end(self) -> bytes:
        return b""


def _field(kind: ColumnType, values: ArrowArray) -> ArrowArray:
    match kind:
        case ColumnType.TEXT | ColumnType.JSON:
            return _escaped(values.cast(_TEXT))
        case ColumnType.DATE:
            return _julian(values)
        case ColumnType.TIMESTAMP:
            time = values.cast(pa.time64("us")).cast(_TEXT)
            return compute.binary_join_element_wise(_julian(values.cast(pa.date32())), time, pa.scalar(" ", _TEXT))
        case _:
            return values.cast(_TEXT)


def _julian(days: ArrowArray) -> ArrowArray:
    numbers = compute.add(days.cast(pa.int32()).cast(pa.int64()), _JULIAN_EPOCH).cast(_TEXT)
    return compute.binary_join_element_wise(pa.scalar("J", _TEXT), numbers, pa.scalar(_NOTHING, _TEXT))


def _escaped(values: ArrowArray) -> ArrowArray:
    if not compute.any(compute.match_substring_regex(values, r"[\\\t\n\r]")).as_py():
        return values
    for plain, escape in _ESCAPES:
        values = compute.replace_substring(values, plain, escape)
    return values
