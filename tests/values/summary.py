"""What arrived through which door, as a table for people."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple


class Arrived(NamedTuple):
    door: str
    kind: str
    destination: str


def table(arrived: Mapping[Arrived, Counter[str]]) -> str:
    """Door by type: exact, set aside, refused, over all destinations, in Markdown."""
    kinds = list(dict.fromkeys(one.kind for one in arrived))
    lines = ["| door | destinations | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 2) + "|"]
    for door in dict.fromkeys(one.door for one in arrived):
        cells: list[str] = []
        for kind in kinds:
            found = [counts for one, counts in arrived.items() if (one.door, one.kind) == (door, kind)]
            total = sum(found, Counter[str]())
            cells.append(" / ".join(str(total[name]) for name in ("exact", "set aside", "refused")))
        destinations = sorted({one.destination for one in arrived if one.door == door})
        lines.append(f"| {door} | {', '.join(destinations)} | {' | '.join(cells)} |")
    return "\n".join(["exact / set aside / refused", "", *lines])
