"""Cron expressions of five fields, as Temporal reads them, and what it would silently read otherwise."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from towpath.engine.language.vocabulary import any_case

FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    ("day of week", 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)
MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(
    r"(?P<first>\*|[A-Za-z]{3}|[0-9]{1,2})(?:-(?P<last>[A-Za-z]{3}|[0-9]{1,2}))?(?:/(?P<step>[0-9]{1,3}))?"
)
MACROS: Mapping[str, str] = {
    **dict.fromkeys(("@yearly", "@annually"), "0 0 1 1 *"),
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    **dict.fromkeys(("@daily", "@midnight"), "0 0 * * *"),
    "@hourly": "0 * * * *",
}


def cron_pattern() -> str:
    """A regular expression of what `cron_problem` takes, but for ranges that run backwards and days that never come."""
    macros = "|".join(any_case(name) for name in MACROS)
    fields = r"\s+".join(rf"{part}(?:,{part})*" for part in map(_part_pattern, FIELDS))
    return rf"^\s*(?:{macros}|{fields})\s*$"


def _part_pattern(field: tuple[str, int, int, tuple[str, ...]]) -> str:
    _, low, high, names = field
    numbers = (rf"0?{number}" if number < 10 else str(number) for number in range(low, high + 1))
    value = "|".join([*numbers, *map(any_case, names)])
    return rf"(?:\*|{value})(?:-(?:{value}))?(?:/0{{0,2}}[1-9][0-9]{{0,2}})?"


def cron_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with a cron expression and how to mend it; None for a good one."""
    if text.strip().lower() in MACROS:
        return None
    if "TZ=" in text:
        return "the time zone stands in the expression", "use the field timezone"
    fields = text.split()
    if len(fields) in {6, 7}:
        return (
            f"{len(fields)} fields: the sixth is a year here, never seconds",
            "write five: minute hour day month weekday",
        )
    if len(fields) != 5:
        return f"{len(fields)} fields instead of five", "write minute hour day month weekday, like 0 9 * * MON"
    for written, (name, low, high, names) in zip(fields, FIELDS, strict=True):
        for part in written.split(","):
            problem = _part_problem(part, low, high, names)
            if problem is not None:
                return f"{name}: {problem}", f"write {low} to {high}, *, lists, ranges or steps" + (
                    f", or {names[0]} to {names[-1]}" if names else ""
                )
    return _never(fields[2], fields[3])


def _never(days: str, months: str) -> tuple[str, str] | None:
    """A day that no month has."""
    first = min(_values(days, *FIELDS[2][1:]))
    longest = max(MONTHS[month - 1] for month in _values(months, *FIELDS[3][1:]))
    return None if first <= longest else (f"no such month has a day {first}: it never comes", "write an earlier day")


def _values(field: str, low: int, high: int, names: tuple[str, ...]) -> Iterator[int]:
    """The numbers that a field without mistakes stands for."""
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            continue
        first = None if match["first"] == "*" else _number(match["first"], names, low)
        last = high if first is None or (match["step"] and not match["last"]) else first
        end = _number(match["last"], names, low) if match["last"] else None
        yield from range(low if first is None else first, (last if end is None else end) + 1, int(match["step"] or 1))


def fires_all_day(text: str) -> bool:
    """Whether every hour of the clock has its firings: a change of clocks then neither loses nor adds a moment."""
    hours = _fields(text)[1]
    return set(_values(hours, *FIELDS[1][1:])) == set(range(24))


def firings(text: str, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The minutes on the clock, from `begin` to before `end`, at which a cron expression without mistakes fires.

    Day of the month and day of the week must both match, as Temporal reads them.
    """
    fields = [set(_values(part, *field[1:])) for part, field in zip(_fields(text), FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = fields
    moment = begin
    while moment < end:
        weekday = {moment.isoweekday(), moment.isoweekday() % 7} & weekdays
        day = moment.day in days and moment.month in months and weekday
        if day and moment.hour in hours and moment.minute in minutes:
            yield moment
        moment += timedelta(minutes=1)


def names_weekdays(text: str) -> bool:
    return _fields(text)[4] != "*"


def _fields(text: str) -> list[str]:
    return MACROS.get(text.strip().lower(), text).split()


def _part_problem(part: str, low: int, high: int, names: tuple[str, ...]) -> str | None:
    match = _PART.fullmatch(part)
    if match is None:
        if part == "?":
            return "? is not understood"
        if "#" in part or part.endswith("L") or "W" in part.upper():
            return f"{part} (the n-th or last day) is not understood, and would be ignored"
        return f"{part!r} is no number, name, range or step"
    ends = [_number(end, names, low) for end in (match["first"], match["last"]) if end is not None and end != "*"]
    problem = None
    if any(end is None or not low <= end <= high for end in ends):
        problem = f"{part} is out of range"
    elif len(ends) == 2 and (ends[0] or 0) > (ends[1] or 0):
        problem = f"{part} runs backwards"
    elif match["step"] is not None and int(match["step"]) == 0:
        problem = "a step of 0 never comes"
    return problem


def _number(text: str, names: tuple[str, ...], low: int) -> int | None:
    if text.isdecimal():
        return int(text)
    return names.index(text.upper()) + low if text.upper() in names else None
