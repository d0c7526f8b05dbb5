"""Values of Parquet that no column of ours has as they are: nested ones, old times, bytes that are no text."""

import re
from decimal import Decimal
from typing import Any, cast

from pydantic import JsonValue

from towpath.dataplane.core.arrow import ArrowArray, ArrowTable, compute, is_utf8, pa
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.json_values import Digits, written

_NUL = re.compile(rb"\0")
_NANOSECONDS = 1_000


def flat(table: ArrowTable) -> ArrowTable:
    """Lists and structures as JSON texts, bytes as what they are."""
    for number, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            table = table.set_column(number, field.name, _json(table[number]))
        elif pa.types.is_dictionary(field.type):
            table = table.set_column(number, field.name, table[number].cast(field.type.value_type))
    return table


def _json(values: ArrowArray) -> ArrowArray:
    texts = [None if value is None else written(_plain(value)) for value in map(_value, values)]
    return pa.array(texts, pa.string())


def _value(scalar: Any) -> Any:
    """A time that Python does not know is no JSON: whoever takes the column for JSON sets the row aside."""
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return Digits("out of range")


def _plain(value: Any) -> JsonValue:
    """The same in types of JSON. A number keeps its digits; one that is none is no JSON, as above."""
    if isinstance(value, bool | Digits | None):
        return value
    if isinstance(value, Decimal | int | float):
        return Digits(f"{value:f}" if isinstance(value, Decimal) else repr(value))
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast("list[Any]", value)]
    return value.hex() if isinstance(value, bytes) else str(value)


def whole_times(microseconds: ArrowArray, nanoseconds: ArrowArray) -> ArrowArray:
    """The times in microseconds; as texts with nine decimals when one of them would be cut.

    Nanoseconds in 64 bits go round after 584 years, but their difference to the microseconds does not.
    """
    whole = compute.multiply(microseconds.cast(pa.int64()), _NANOSECONDS)
    rest = compute.subtract(pa.chunked_array([nanoseconds]).cast(pa.int64()), whole)
    if not compute.any(compute.not_equal(rest, 0)).as_py():
        return microseconds
    texts = microseconds.cast(pa.timestamp("us")).cast(pa.string())
    digits = compute.utf8_lpad(rest.cast(pa.string()), 3, "0")
    return compute.binary_join_element_wise(texts, digits, "")


def without_bad_texts(table: ArrowTable, intake: RowIntake) -> ArrowTable:
    """Rejects rows with bytes that are no UTF-8, and with a NUL, which PostgreSQL keeps in no text."""
    bad: set[int] = set()
    for name in table.column_names:
        if _has_bytes(table[name].type) and not _is_clean(table[name]):
            values = table[name].cast(pa.large_binary()).to_pylist()
            bad |= {place for place, value in enumerate(values) if value is not None and not _is_text(value)}
    if not bad:
        return table
    for place in sorted(bad):
        row = {name: _shown(table[name][place]) for name in table.column_names}
        intake.reject(rule="encoding", reason="bytes that are no UTF-8, or a NUL", line=row.pop(ROW), row=row)
    return table.filter(pa.array([place not in bad for place in range(table.num_rows)]))


def _has_bytes(kind: Any) -> bool:
    types = pa.types
    return any(
        of(kind)
        for of in (
            *(types.is_string, types.is_large_string, types.is_string_view),
            *(types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary),
        )
    )


def _is_clean(values: ArrowArray) -> bool:
    for chunk in values.chunks:
        try:
            texts = chunk.cast(pa.large_binary()).cast(pa.large_string())
        except pa.ArrowInvalid:
            return False
        content = texts.buffers()[2]
        if content is not None and _NUL.search(memoryview(content)) is not None:
            return False
    return True


def _is_text(value: bytes) -> bool:
    return _NUL.search(value) is None and is_utf8(value)


def _shown(scalar: Any) -> Any:
    """For the quarantine."""
    if _has_bytes(scalar.type):
        content: bytes | None = scalar.cast(pa.large_binary()).as_py()
        return None if content is None else content.decode(errors="backslashreplace")
    value = _value(scalar)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
