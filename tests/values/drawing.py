"""Texts that are nearly values of a type: whole ones, and such that were changed in a place or two."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from towpath.contracts.pipeline.dataset import ColumnType

WORDS = (
    *(
        "epoch",
        "infinity",
        "-infinity",
        "now",
        "today",
        "yesterday",
        "allballs",
        "NaN",
        "nan",
        "inf",
        "NULL",
        "null",
        "",
    ),
    *(
        "1_000",
        "1_0.5",
        "0x10",
        "1e400",
        "1e-400",
        "0b1",
        "０",
        "７",
        "٣",
        "1,000",
        "--1",
        "+-1",
        "1e",
        ".",
        "e5",
        "1.e1",
    ),
    *("2024-01-05 (BC)", "44-01-05 BC", "10000-01-01", "0000-01-01", "0001-01-01", "9999-12-31", "-0001-01-01"),
    *("2024-06-30T23:59:60Z", "2024-01-01 24:00:00", "2024-01-01T00:00:00+24:00", "2024-01-01 00:00:00 UTC+1"),
    *("2024-01-01 00:00:00 PST", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "1710000000", "20240105"),
    *("2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00.1234560000Z", "2024-01-05T23:30:00-05:00", "2024-01"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "9007199254740993", "-0", "0e5", "00"),
    *(
        "5e-5",
        "0.00005",
        "1.10",
        "1.0",
        "1.50000",
        "1e3",
        "15e-1",
        "12345678901234567890.1234",
        "9" * 38,
        "1" + "0" * 38,
    ),
    *(
        "true",
        "TRUE",
        "t",
        "on",
        "yes",
        "N",
        "2",
        "{}",
        "[1,]",
        '{"a":NaN}',
        '"s"',
        "s",
        "[01]",
        '{"a": [1.10, "x,]"]}',
    ),
)
_MARKS = "0123456789+-.eE_,:TZ /x\t"


class Dice(random.Random):
    """The same throws for the same seed."""


def texts(dice: random.Random, kind: ColumnType, count: int) -> list[str]:
    """Some of each sort, of which about half are values of the type."""
    make = _MAKING.get(kind, _number)
    drawn = [_changed(dice, make(dice)) for _ in range(count)]
    return [*WORDS, *drawn]


def formatted(dice: random.Random, form: str, count: int) -> list[str]:
    """Times in a format of strptime's, some of them changed, and words that are none."""
    return [*WORDS, *(_changed(dice, _written(dice, form)) for _ in range(count))]


def _written(dice: random.Random, form: str) -> str:
    moment = _any_moment(dice)
    if dice.random() < 0.3:
        moment = moment.replace(hour=0, minute=0, second=0)
    zone = dice.choice(("+0000", "-05:00", "+1530", "Z"))
    return moment.strftime(form.replace("%Y", f"{moment.year:04}").replace("%z", zone))


def _any_moment(dice: random.Random) -> datetime:
    first, days = datetime(1, 1, 1, tzinfo=UTC), date.max.toordinal()
    part = timedelta(microseconds=dice.randrange(10**6) * dice.choice((0, 1)))
    return first + timedelta(days=dice.randrange(days), seconds=dice.randrange(86_400)) + part


def _changed(dice: random.Random, text: str) -> str:
    for _ in range(dice.choice((0, 0, 0, 1, 1, 2))):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + dice.choice(_MARKS) * dice.choice((0, 1, 1)) + text[at + dice.choice((0, 1)) :]
    return text


def _number(dice: random.Random) -> str:
    whole = str(dice.randrange(10 ** dice.choice((0, 1, 3, 9, 15, 19, 38)) + 1))
    part = "." + str(dice.randrange(10 ** dice.randrange(1, 8))).rjust(dice.randrange(1, 8), "0")
    zeros = "0" * dice.choice((0, 0, 2, 30))
    exponent = f"e{dice.randrange(-9, 10)}" if dice.random() < 0.2 else ""
    sign = dice.choice(("", "", "-", "+"))
    return sign + dice.choice((whole, whole, whole + part + zeros, whole + "." + zeros)) + exponent


def _date(dice: random.Random) -> str:
    day = date.fromordinal(dice.randrange(1, date.max.toordinal() + 1))
    return dice.choice((day.isoformat(), f"{day.year:04}-{day.month}-{day.day}", f"{day.isoformat()}T00:00:00"))


def _moment(dice: random.Random) -> str:
    precision = dice.choice(("seconds", "minutes", "milliseconds", "microseconds"))
    zone = dice.choice(("", "", "Z", "+09", "-05:00", "+0530", "+15:59", "+16:00", " UTC"))
    text = _any_moment(dice).replace(tzinfo=None).isoformat(sep=dice.choice("T "), timespec=precision)
    return text + zone


def _json(dice: random.Random) -> str:
    leaf = dice.choice(('"a"', "1.10", "true", "null", "[]", "{}", '"\\u00e9"', "-0", "1e5", '"\\\\u0000"'))
    other = dice.choice(("k", "j"))
    forms = (
        "{0}",
        "[{0}, {0}]",
        '{{"k": {0}}}',
        '{{"k": [{0}, {0}]}}',
        '{{"k": {0}, "{1}": {0}}}',
        '[[{{"j": {0}, "{1}": 1}}]]',
    )
    return dice.choice(forms).format(leaf, other)


_MAKING: dict[ColumnType, Callable[[random.Random], str]] = {
    ColumnType.DATE: _date,
    ColumnType.TIMESTAMP: _moment,
    ColumnType.JSON: _json,
}
