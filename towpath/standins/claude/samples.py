"""Remarks on a sample of rows, by plain tests: placeholders, texts that are cut, numbers far from the others."""

import re
import statistics
from collections.abc import Callable

from pydantic import JsonValue

from towpath.standins.claude.given import MARKS, JsonObject, lines

_PLACEHOLDER = re.compile(r"(?i)\s*(n/?a|none|null|test|todo|tbd|unknown|dummy|x{2,}|-+|\?+|asdf\w*)\s*")
FAR = 20.0
"""A number so many times the median is far from the others."""
FEWEST = 5
"""Numbers that are needed to tell."""
MOST = 10


def remarks(given: JsonObject) -> JsonObject:
    found: list[JsonValue] = []
    rows = _rows(given)
    for column in (line.split(" ")[0] for line in lines(given, "target")):
        values = [row.get(column) for row in rows]
        for issue, indexes in (
            ("a placeholder stands where a value should be", _placeholders(values)),
            ("a number is far from the others", _far(values)),
        ):
            if indexes:
                found.append({"column": column, "issue": f"{MARKS['en']} {issue}", "rows": [*indexes]})
    return {"issues": found[:MOST]}


def _rows(given: JsonObject) -> list[JsonObject]:
    sample = given.get("sample")
    return [row for row in sample if isinstance(row, dict)] if isinstance(sample, list) else []


def _placeholders(values: list[JsonValue]) -> list[int]:
    return [index for index, value in enumerate(values) if isinstance(value, str) and _PLACEHOLDER.fullmatch(value)]


def _far(values: list[JsonValue]) -> list[int]:
    numbers = {index: abs(value) for index, value in enumerate(values) if isinstance(value, int | float)}
    if len(numbers) < FEWEST:
        return []
    usual = statistics.median(numbers.values())
    return [index for index, value in numbers.items() if usual > 0 and value > FAR * usual]


HANDLERS: dict[str, Callable[[JsonObject], JsonObject]] = {"ValidationAnswer": remarks}
"""By the title of the output schema."""
