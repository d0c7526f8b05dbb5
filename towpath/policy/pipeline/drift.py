"""What a drifted schema leads to, in words: likely renames, and what comes from the columns that changed."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.schema import SchemaChange
from towpath.contracts.pipeline.tracing import ColumnUse

ALIKE = 0.7
"""Names that share less than this of their letters are not taken for one another."""
MOST_NAMED = 8
_VERBS = {"new_column": "is new", "missing_column": "is gone", "type": "has another type"}


def few(notes: Iterable[str]) -> Iterator[str]:
    """Each once, and the first of them only: a source of a thousand partitions may say a thousand things."""
    told = list(dict.fromkeys(notes))
    yield from told[:MOST_NAMED]
    if len(told) > MOST_NAMED:
        yield f"{len(told) - MOST_NAMED} notes more of its partitions"


def likely_renames(declared: Sequence[Column], seen: Sequence[Column]) -> list[tuple[str, str]]:
    """Old and new name: of columns that are alike in their letters, the most alike first, or alone in their place."""
    known, there = {column.name for column in declared}, {column.name for column in seen}
    gone = [column.name for column in declared if column.name not in there]
    new = [column.name for column in seen if column.name not in known]
    pairs = sorted((-_likeness(one, other), one, other) for one in gone for other in new)
    found: dict[str, str] = {}
    for likeness, one, other in pairs:
        if -likeness >= ALIKE and one not in found and other not in found.values():
            found[one] = other
    if not found and len(gone) == len(new) == 1 and _place(declared, gone[0]) == _place(seen, new[0]):
        found[gone[0]] = new[0]
    return [(name, found[name]) for name in gone if name in found]


def rename_notes(source: str, renames: Iterable[tuple[str, str]]) -> Iterator[str]:
    for old, new in renames:
        yield (
            f"{source}: {old} may have been renamed to {new}; if it was, declare {new} in its place and begin the"
            f" transformation with {{op: rename, columns: {{{new}: {old}}}}}"
        )


def impact_notes(changes: dict[str, tuple[SchemaChange, ...]], uses: Iterable[ColumnUse]) -> Iterator[str]:
    """What each changed column is used for, as its lineage through the specification tells."""
    by_column = {(use.source, use.column): use for use in uses}
    for source, changed in changes.items():
        for change in changed:
            use = by_column.get((source, change.column))
            if use is not None:
                yield f"{source}.{change.column} {_VERBS[change.kind]}: {_used(use)}"


def _used(use: ColumnUse) -> str:
    more = f" and {len(use.makes) - MOST_NAMED} more" if len(use.makes) > MOST_NAMED else ""
    made = f"target columns {', '.join(use.makes[:MOST_NAMED])}{more} come from it" if use.makes else ""
    decides = "it decides which rows there are" if use.decides else ""
    return "; ".join(filter(None, (made, decides))) or "nothing downstream reads it"


def _likeness(one: str, other: str) -> float:
    first, second = (name.lower().replace("_", "") for name in (one, other))
    return 1.0 if first == second else SequenceMatcher(None, first, second).ratio()


def _place(columns: Sequence[Column], name: str) -> int:
    return next(number for number, column in enumerate(columns) if column.name == name)
