"""What a text or a value is in a type, read by Python alone: no engine and no code of ours takes part.

`SET_ASIDE` where it is no value of the type, to its last digit.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import JsonValue

from towpath.contracts.pipeline.dataset import Column, ColumnType

SET_ASIDE = "set aside"
BLANKS = " \t\r\n"
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_CLOCK = r"[T ](?P<hour>\d{1,2}):(?P<minute>\d{1,2})(:(?P<second>\d{1,2})(\.(?P<part>\d+))?)?"
_ZONE = re.compile(r"(Z|(?P<sign>[+-])(?P<hours>\d{2})(:?(?P<minutes>\d{2}))?)$", re.ASCII)
_MIDNIGHT = time()
LARGEST_OFFSET = 15
"""Hours."""
_MOMENT = re.compile(
    rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})"
    rf"({_CLOCK}(?P<zone>Z| UTC|(?P<sign>[+-])(?P<hours>\d{{2}})(:?(?P<minutes>\d{{2}}))?)?)?",
    re.ASCII,
)


def of_text(text: str, column: Column) -> Any:
    """The value that a text is."""
    return _READERS[column.type](text, column)


def _integer(text: str, _: Column) -> Any:
    number = _number(text)
    whole = number is not None and number == number.to_integral_value() and -(2**63) <= number < 2**63
    return int(number) if number is not None and whole else SET_ASIDE


def _float(text: str, _: Column) -> Any:
    number = _number(text)
    value = float("inf") if number is None else float(number)
    return SET_ASIDE if value in {float("inf"), float("-inf")} else value


def _boolean(text: str, _: Column) -> Any:
    known = {
        **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
        **dict.fromkeys(("false", "f", "no", "n", "0"), False),
    }
    return known.get(text.lower(), SET_ASIDE)


def _date(text: str, _: Column) -> Any:
    bare = text.strip(" ")
    moment = None if bare.endswith(" UTC") or re.search(r"T.*[+-]| .*[+-]", bare) else _moment(bare)
    return SET_ASIDE if moment is None or moment.time() != _MIDNIGHT else moment.date()


def by_format(text: str, form: str, kind: str) -> Any:
    """As `strptime` reads it; but no blank is read that the format does not have."""
    if len(text.split()) != len(form.split()):
        return SET_ASIDE
    body, zone = text.strip(BLANKS), "+0000"
    if form.endswith("%z"):
        told = _ZONE.search(body)
        if told is None or int(told["hours"] or 0) > LARGEST_OFFSET:
            return SET_ASIDE
        body = body[: told.start()]
        zone = f"{told['sign'] or '+'}{told['hours'] or '00'}{told['minutes'] or '00'}"
    try:
        moment = datetime.strptime(f"{body}{zone}", f"{form.removesuffix('%z')}%z")
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return SET_ASIDE
    if kind == "timestamp":
        return moment
    return moment.date() if moment.time() == _MIDNIGHT else SET_ASIDE


def _number(text: str) -> Decimal | None:
    bare = text.strip(BLANKS)
    try:
        return Decimal(bare) if _NUMBER.fullmatch(bare) else None
    except InvalidOperation:
        return None


def _decimal(number: Decimal | None, column: Column) -> Any:
    if number is None:
        return SET_ASIDE
    scaled = number.as_tuple()
    digits = int("".join(map(str, scaled.digits)))
    shift = int(scaled.exponent) + column.scale
    whole, rest = (digits * 10**shift, 0) if shift >= 0 else divmod(digits, 10**-shift)
    if rest or whole >= 10**column.precision:
        return SET_ASIDE
    return Decimal(("-" if scaled.sign and whole else "") + f"{whole}e{-column.scale}")


def _moment(text: str) -> datetime | None:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    part = (found["part"] or "").rstrip("0")
    hours, minutes = int(found["hours"] or 0), int(found["minutes"] or 0)
    if len(part) > 6 or hours > LARGEST_OFFSET or minutes > 59:
        return None
    day = f"{int(found['year']):04}-{int(found['month']):02}-{int(found['day']):02}"
    clock = ":".join(f"{int(found[name] or 0):02}" for name in ("hour", "minute", "second"))
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{part:0<6}+00:00")
        offset = timedelta(hours=hours, minutes=minutes) * (-1 if found["sign"] == "-" else 1)
        return (moment - offset).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def is_number(text: str) -> bool:
    """A number of JSON."""
    return is_json(text) and text[:1] in "-0123456789"


def is_json(text: str) -> bool:
    def refuse(word: str) -> None:
        raise ValueError(word)

    def once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a name twice")
        return dict(pairs)

    try:
        told = json.loads(text, object_pairs_hook=once, parse_constant=refuse, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return not any("\0" in part for part in _parts(told))


def _parts(told: JsonValue) -> Iterator[str]:
    if isinstance(told, dict):
        told = [*told, *told.values()]
    if isinstance(told, list):
        for one in told:
            yield from _parts(one)
    elif isinstance(told, str):
        yield told


_READERS: dict[ColumnType, Callable[[str, Column], Any]] = {
    ColumnType.TEXT: lambda text, _: text,
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: lambda text, column: _decimal(_number(text), column),
    ColumnType.FLOAT: _float,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.DATE: _date,
    ColumnType.TIMESTAMP: lambda text, _: _moment(text.strip(" ")) or SET_ASIDE,
    ColumnType.JSON: lambda text, _: text if is_json(text) else SET_ASIDE,
}
