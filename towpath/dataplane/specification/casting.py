"""Casts that lose nothing: a value that is not of the wanted type, to its last digit, becomes NULL.

DuckDB's own casts round '1.5' to 2 and drop the offset of '2024-01-01T00:00:00+09:00'; these do neither.
"""

import re

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.columns import literal, sql_type
from towpath.dataplane.specification.errors import RefusedExpressionError
from towpath.dataplane.specification.functions import is_format

_TEXT, _INTEGER, _DECIMAL, _FLOAT = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.FLOAT
_DATE, _TIMESTAMP, _JSON, _BOOLEAN = ColumnType.DATE, ColumnType.TIMESTAMP, ColumnType.JSON, ColumnType.BOOLEAN
_DIRECTIVE = re.compile(r"%-?.", re.DOTALL)
_NUMBERS = {_INTEGER, _DECIMAL, _FLOAT}
_TIMES = {_DATE, _TIMESTAMP}


def same_type(given: Column, wanted: Column) -> bool:
    return given.type is wanted.type and sql_type(given) == sql_type(wanted)


def exact_cast(value: str, given: Column, wanted: Column, formats: tuple[str, ...] = ()) -> str:
    """SQL of `value` as the wanted type, NULL where it is not one. Raises ExpressionError where no value could be.

    `formats` are strptime's, tried in order, for texts that become dates and times.
    """
    if formats and not (given.type is _TEXT and wanted.type in _TIMES):
        raise RefusedExpressionError("cast", "formats are for texts that become dates and times")
    for one in formats:
        if not is_format(one):
            raise RefusedExpressionError("cast", f"{one[:40]!r} is no format", "as %Y-%m-%d %H:%M:%S; see strptime")
    kinds = (given.type, wanted.type)
    if same_type(given, wanted) or kinds in {(_JSON, _TEXT), (_JSON, _JSON)}:
        return value
    if given.type is _TEXT:
        return _of_text(value, wanted, formats)
    if given.type in _NUMBERS and wanted.type in _NUMBERS:
        return _number(value, given, wanted)
    if wanted.type is _TEXT or (given.type in _TIMES and wanted.type in _TIMES) or kinds == (_BOOLEAN, _INTEGER):
        return f"CAST({value} AS {sql_type(wanted)})"
    raise RefusedExpressionError("cast", f"{given.type} cannot become {wanted.type}")


def _of_text(value: str, wanted: Column, formats: tuple[str, ...]) -> str:
    to = sql_type(wanted)
    tried = f"TRY_CAST({value} AS {to})"
    if wanted.type is _INTEGER:
        return f"CASE WHEN TRY_CAST({value} AS DECIMAL(38,10)) = {tried} THEN {tried} END"
    if wanted.type is _DECIMAL:
        wide = f"DECIMAL(38,{38 - wanted.precision + wanted.scale})"
        # What is plainly short enough needs no second look, which costs more than the cast.
        return (
            f"CASE WHEN regexp_full_match({value}, {literal(_plain(wanted))}) THEN {tried}"
            f" WHEN TRY_CAST({value} AS {wide}) = {tried} THEN {tried} END"
        )
    if wanted.type is _FLOAT:
        return f"CASE WHEN isfinite({tried}) THEN {tried} END"
    if wanted.type is _JSON:
        return f"CASE WHEN json_valid({value}) THEN {value} END"
    if wanted.type in _TIMES:
        return _time(value, wanted, formats)
    return tried


def _time(value: str, wanted: Column, formats: tuple[str, ...]) -> str:
    """A text without an offset is UTC. Infinity and `epoch` are words of DuckDB's, and no times."""
    to = sql_type(wanted)
    if formats:
        tries = (_parsed(value, one, formats) for one in formats)
        return f"TRY_CAST(coalesce({', '.join(tries)}) AS {to})"
    if wanted.type is _DATE:
        return f"CASE WHEN regexp_full_match({value}, '\\s*[0-9]{{4}}-[0-9].*') THEN TRY_CAST({value} AS DATE) END"
    plain = f"length({value}) = 19 AND substring({value}, 17, 1) = ':'"
    by_utc = f"TRY_CAST(TRY_CAST({value} AS TIMESTAMPTZ) AS TIMESTAMP)"
    return (
        f"CASE WHEN {plain} THEN TRY_CAST({value} AS TIMESTAMP)"
        f" WHEN regexp_full_match({value}, '\\s*[0-9]{{4}}-[0-9].*') THEN {by_utc} END"
    )


def _plain(wanted: Column) -> str:
    whole = wanted.precision - wanted.scale
    digits = f"[0-9]{{1,{whole}}}" if whole else "0"
    return f"-?{digits}" + (f"(\\.[0-9]{{1,{wanted.scale}}})?" if wanted.scale else "")


def _parsed(value: str, one: str, formats: tuple[str, ...]) -> str:
    """A try that fails costs ten times as much as one that does not: a sign that only this format has is looked for."""
    others = "".join(other for other in formats if other != one)
    own = next((sign for sign in _DIRECTIVE.sub("", one) if sign not in others and not sign.isspace()), None)
    parsed = f"try_strptime({value}, {literal(one)})"
    return parsed if own is None else f"CASE WHEN contains({value}, {literal(own)}) THEN {parsed} END"


def _number(value: str, given: Column, wanted: Column) -> str:
    tried = f"TRY_CAST({value} AS {sql_type(wanted)})"
    if wanted.type is _FLOAT or (given.type is _INTEGER and wanted.type is _DECIMAL):
        return tried
    if given.type is _FLOAT and wanted.type is _DECIMAL:
        return tried
    return f"CASE WHEN {tried} = {value} THEN {tried} END"
