"""Columns of typed sources in the types of a part: at once where every value fits, else as texts, for a look at each.

A text says what the value is, so that the grammar of texts decides about it as about any other.
"""

from collections.abc import Callable
from typing import Any

from towpath.dataplane.core.arrow import ArrowArray, ArrowTable, compute, pa

types: Any = pa.types
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, in days from 1970: what Python, PostgreSQL and DuckDB can all hold."""
_DAY_US = 86_400 * 10**6
_BOUNDS = {
    pa.date32(): (_FIRST_DAY, _LAST_DAY, pa.int32()),
    pa.timestamp("us"): (_FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1, pa.int64()),
}
_Of = Callable[[Any], bool]
_QUICK: tuple[tuple[_Of, _Of], ...] = (
    (types.is_null, lambda _: True),
    (types.is_integer, lambda kind: types.is_integer(kind) or types.is_decimal(kind) or types.is_floating(kind)),
    (types.is_floating, types.is_floating),
    (types.is_decimal, types.is_decimal),
    (types.is_boolean, lambda kind: types.is_boolean(kind) or types.is_integer(kind)),
    (types.is_date, types.is_date),
    (types.is_timestamp, types.is_timestamp),
    (lambda kind: not types.is_nested(kind), types.is_string),
)
"""Conversions that raise where a value would lose something, or lose nothing."""


def fitted(table: ArrowTable, schema: Any) -> ArrowTable:
    """The columns that the schema has in its types where all values fit, else as texts; times never out of range."""
    wanted = {field.name: field.type for field in schema}
    for place, field in enumerate(table.schema):
        values = table[place]
        kind = wanted.get(field.name, _our_own(field.type))
        found = _quick(values, kind)
        if found is not values:
            table = table.set_column(place, field.name, as_texts(values) if found is None else found)
    return table


def _our_own(kind: Any) -> Any:
    return pa.date32() if types.is_date(kind) else pa.timestamp("us") if types.is_timestamp(kind) else kind


def _quick(values: ArrowArray, kind: Any) -> ArrowArray | None:
    """None where a value does not fit, or may not."""
    given = values.type
    if given.equals(kind):
        return values if _within(values) else None
    if not any(of(given) and to(kind) for of, to in _QUICK):
        return None
    try:
        cast = values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return cast if _within(cast) else None


def _within(values: ArrowArray) -> bool:
    bounds = _BOUNDS.get(values.type)
    if bounds is None:
        return True
    least, greatest, number = bounds
    found = compute.min_max(values.cast(number)).as_py()
    return found["min"] is None or (found["min"] >= least and found["max"] <= greatest)


def as_texts(values: ArrowArray) -> ArrowArray:
    """As the engine would write them, so that a row has the same digest wherever it is read."""
    kind = values.type
    if types.is_timestamp(kind) and kind.tz is not None:
        values = values.cast(pa.timestamp(kind.unit))
    try:
        texts = values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        texts = pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())
    if types.is_timestamp(kind):
        texts = compute.replace_substring_regex(texts, r"([.][0-9]*[1-9])0+$|[.]0+$", r"\1")
    return texts
