"""What values look like, without the values: that of a personal column is all that leaves the data plane."""

import re
from collections.abc import Collection, Iterable

from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.dataset import Column

LONGEST = 40


def shape_of(text: str) -> str:
    """Digits as 9 and letters as A."""
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text))[:LONGEST]


def personal_in(columns: Iterable[Column]) -> frozenset[str]:
    return frozenset(column.name for column in columns if column.personal)


def masked(row: JsonObject, personal: Collection[str]) -> JsonObject:
    """The row, with shapes in place of personal values."""
    return {
        name: shape_of(str(value)) if name in personal and value is not None else value for name, value in row.items()
    }
