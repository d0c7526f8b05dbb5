"""Casts that lose nothing: a value that is not of the wanted type, to its last digit, becomes NULL.

DuckDB's own casts round '1.5' to 2 and drop the offset of '2024-01-01T00:00:00+09:00'; these do neither. Which texts
are values of a type is in `texts`.
"""

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.columns import literal, sql_type
from towpath.dataplane.specification import texts
from towpath.dataplane.specification.errors import RefusedExpressionError
from towpath.dataplane.specification.functions import is_format

_TEXT, _INTEGER, _DECIMAL, _FLOAT = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.FLOAT
_DATE, _TIMESTAMP, _JSON, _BOOLEAN = ColumnType.DATE, ColumnType.TIMESTAMP, ColumnType.JSON, ColumnType.BOOLEAN
FIRST_MOMENT, LAST_MOMENT = "TIMESTAMP '0001-01-01 00:00:00'", "TIMESTAMP '9999-12-31 23:59:59.999999'"
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
    if kinds == (_TIMESTAMP, _DATE):
        return _day(value)
    if wanted.type is _TEXT or (given.type in _TIMES and wanted.type in _TIMES) or kinds == (_BOOLEAN, _INTEGER):
        return f"CAST({value} AS {sql_type(wanted)})"
    raise RefusedExpressionError("cast", f"{given.type} cannot become {wanted.type}")


def _of_text(value: str, wanted: Column, formats: tuple[str, ...]) -> str:
    tried = f"TRY_CAST({value} AS {sql_type(wanted)})"
    match wanted.type:
        case ColumnType.INTEGER:
            cast = _digits(value, texts.INTEGER, sql_type(wanted))
        case ColumnType.DECIMAL:
            cast = _digits(value, texts.decimal(wanted), sql_type(wanted))
        case ColumnType.FLOAT:
            cast = f"CASE WHEN {texts.matches(value, texts.FLOAT)} AND isfinite({tried}) THEN {tried} END"
        case ColumnType.JSON:
            cast = f"CASE WHEN {texts.is_json(value)} THEN {value} END"
        case ColumnType.DATE | ColumnType.TIMESTAMP if formats:
            cast = _formatted(value, wanted, formats)
        case ColumnType.DATE:
            cast = f"CASE WHEN {texts.matches(value, texts.DATE)} THEN {tried} END"
        case ColumnType.TIMESTAMP:
            by_utc = _in_range(f"TRY_CAST(TRY_CAST({value} AS TIMESTAMPTZ) AS TIMESTAMP)")
            cast = (
                f"CASE WHEN {texts.matches(value, texts.LOCAL)} THEN {tried}"
                f" WHEN {texts.matches(value, texts.WITH_ZONE)} THEN {by_utc} END"
            )
        case _:
            cast = tried
    return cast


def _digits(value: str, grammar: str, to: str) -> str:
    """What has an exponent is written out first: the engine would round it."""
    plain = f"without_exponent({value})"
    return (
        f"CASE WHEN {texts.matches(value, grammar)} THEN TRY_CAST({value} AS {to})"
        f" WHEN {texts.matches(value, texts.EXPONENT)} AND {texts.matches(plain, grammar)}"
        f" THEN TRY_CAST({plain} AS {to}) END"
    )


def _in_range(moment: str) -> str:
    return f"CASE WHEN {moment} BETWEEN {FIRST_MOMENT} AND {LAST_MOMENT} THEN {moment} END"


def _formatted(value: str, wanted: Column, formats: tuple[str, ...]) -> str:
    """By the first format that has the text. A text without an offset is UTC."""
    tries = " ".join(
        f"WHEN {texts.matches(value, texts.of_format(one))} THEN {_parsed(value, one, wanted)}" for one in formats
    )
    return f"CASE {tries} END"


def _parsed(value: str, one: str, wanted: Column) -> str:
    if "%z" not in one:
        moment = f"try_strptime({value}, {literal(one)})"
    else:
        offset = f"regexp_replace({value}, {literal(texts.UTC_SIGN)}, {literal(texts.UTC_OFFSET)})"
        moment = _in_range(f"CAST(try_strptime({offset}, {literal(one)}) AS TIMESTAMP)")
    if wanted.type is _TIMESTAMP:
        return moment
    return _day(moment) if texts.has_time_of_day(one) else f"CAST({moment} AS DATE)"


def _day(moment: str) -> str:
    """A time of the day would be lost."""
    return f"CASE WHEN CAST({moment} AS DATE) = {moment} THEN CAST({moment} AS DATE) END"


def _number(value: str, given: Column, wanted: Column) -> str:
    """A binary fraction is the decimal one that is written for it: 0.1 is 0.1, and 0.00005 has five places."""
    tried = f"TRY_CAST({value} AS {sql_type(wanted)})"
    if wanted.type is _FLOAT or (given.type is _INTEGER and wanted.type is _DECIMAL):
        return tried
    if given.type is _FLOAT and wanted.type is _DECIMAL:
        return _of_text(f"CAST({value} AS VARCHAR)", wanted, ())
    return f"CASE WHEN {tried} = {value} THEN {tried} END"
