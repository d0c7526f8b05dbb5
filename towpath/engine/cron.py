"""Cron expressions of five fields, as Temporal reads them, and what it would silently read otherwise."""

import re

FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    ("day of week", 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)
_PART = re.compile(r"(?P<first>\*|[A-Za-z]{3}|\d{1,2})(?:-(?P<last>[A-Za-z]{3}|\d{1,2}))?(?:/(?P<step>\d{1,3}))?")
_MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})


def cron_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with a cron expression and how to mend it; None for a good one."""
    if text.strip().lower() in _MACROS:
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
    return None


def _part_problem(part: str, low: int, high: int, names: tuple[str, ...]) -> str | None:
    if "#" in part or part.endswith("L") or "W" in part.upper().replace("WED", ""):
        return f"{part} (the n-th or last day) is not understood, and would be ignored"
    if part == "?":
        return "? is not understood"
    match = _PART.fullmatch(part)
    if match is None:
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
