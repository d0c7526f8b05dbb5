"""Names of columns, from whatever a source calls them."""

import re
from collections.abc import Iterable

from towpath.contracts.pipeline.dataset import Column

RESERVED = "_row"
_UNFIT = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST = 60


def column_names(told: Iterable[str]) -> tuple[str, ...]:
    """One name for each, in order, that a database takes unquoted in any case: letters, digits, `_`, all different.

    What is nothing then is called by its place; the second of two alike gets `_2`.
    """
    names: list[str] = []
    taken = {RESERVED}
    for number, text in enumerate(told, 1):
        name = _UNFIT.sub("_", text.strip()).strip("_") if _UNFIT.search(text) else text
        name = (f"_{name}" if name[:1].isdigit() else name)[:_LONGEST] or f"column_{number}"
        unique, count = name, 2
        while unique.lower() in taken:
            unique, count = f"{name}_{count}", count + 1
        taken.add(unique.lower())
        names.append(unique)
    return tuple(names)


def source_names(column: Column) -> tuple[str, ...]:
    """What the source may call it: its description where the name was made from that, and its own name."""
    told = column.description
    if told and told != column.name:
        made = column_names((told,))[0]
        if column.name == made or re.fullmatch(re.escape(made) + r"_\d+", column.name):
            return (told, column.name)
    return (column.name,)


def identifier(text: str) -> str:
    """A name for a source, from that of a file."""
    name = _UNFIT.sub("-", text.lower()).strip("-_")[:_LONGEST]
    return name if name[:1].isalpha() and name.isascii() else f"source-{name}".rstrip("-")
