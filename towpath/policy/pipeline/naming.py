"""Names of columns, from whatever a source calls them."""

import re
from collections.abc import Iterable

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
