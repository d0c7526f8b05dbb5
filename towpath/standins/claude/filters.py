"""What templates of answers can do with a value beyond Jinja's own filters."""

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from towpath.standins.claude.sentences import cut, plain, ranked, sentences, terms, weighed
from towpath.standins.claude.transformation import proposal


def line(value: object) -> str:
    """A text on one line, or nothing where the input holds no text."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def closed(words: str) -> str:
    """With a full stop, unless it ends with a sign."""
    return words if words.endswith((".", "!", "?")) else f"{words}."


def told(text: str, table: Mapping[str, Mapping[str, str]]) -> str | None:
    """The first entry of a table that the text names, or whose pattern `words` it holds."""
    if text.lower() in table:
        return text.lower()
    return next((name for name, entry in table.items() if re.search(entry["words"], text, re.IGNORECASE)), None)


def telling(text: str, table: Mapping[str, Mapping[str, str]]) -> bool:
    return told(text, table) is not None


def without(text: str, pattern: str) -> str:
    return re.sub(pattern, "", text)


def found(text: str, pattern: str) -> list[str]:
    """All that a pattern finds, each once."""
    return list(dict.fromkeys(re.findall(pattern, text)))


def fitting(entries: Sequence[str], room: int, wide: int = 1, extra: int = 0) -> list[str]:
    """As many from the beginning as fit, where each takes `extra` characters more."""
    kept: list[str] = []
    for entry in entries:
        room -= weighed(entry, None, wide) + extra
        if room < 0:
            break
        kept.append(entry)
    return kept


def placed(values: Sequence[object], pattern: str) -> list[int]:
    """Indexes of the texts that are wholly of a pattern."""
    return [index for index, value in enumerate(values) if isinstance(value, str) and re.fullmatch(pattern, value)]


def far(values: Sequence[object], times: float, fewest: int) -> list[int]:
    """Indexes of numbers so many times the median; of fewer numbers none can be told."""
    numbers = {index: abs(value) for index, value in enumerate(values) if isinstance(value, int | float)}
    usual = statistics.median(numbers.values()) if len(numbers) >= fewest else 0
    return [index for index, value in numbers.items() if usual > 0 and value > times * usual]


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": datetime.fromisoformat,
    "proposal": proposal,
    **{one.__name__: one for one in (closed, far, fitting, found, line, placed, told, without)},
    **{one.__name__: one for one in (cut, plain, ranked, sentences, terms, weighed)},
}
TESTS: Mapping[str, Callable[..., bool]] = {"telling": telling}
