"""Expressions read, never run as they are: an allow-listed tree, and the SQL that is printed from it.

The parser is the one of the engine that will run it, so that nothing can be read in two ways; every node has to be in a
closed table, and SQL is printed anew from the tree.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from towpath.dataplane.specification.errors import RefusedExpressionError, no_column
from towpath.dataplane.specification.limits import check_growth, check_size, check_text
from towpath.dataplane.specification.printing import printed
from towpath.dataplane.specification.tree import SqlNode, parsed

__all__ = ["Guarded", "RefusedExpressionError", "guard"]


_HASHES = {"md5", "sha256"}


class Use(NamedTuple):
    """`chooses`: the value of the column only decides which other one is taken. `masked`: it cannot be read back."""

    column: str
    chooses: bool = False
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Guarded:
    """An expression that may run: SQL printed from its tree, and the columns that it reads, sorted."""

    sql: str
    columns: tuple[str, ...]
    uses: tuple[Use, ...]


def guard(text: str, columns: Collection[str]) -> Guarded:
    """The expression `text` over `columns`, guarded. Raises ExpressionError."""
    check_text(text)
    tree = parsed(text)
    check_size(tree)
    check_growth(tree)
    sql, uses = printed(tree), uses_of(tree)
    read = sorted({use.column for use in uses})
    for name in read:
        if name not in columns:
            raise no_column(name, columns)
    return Guarded(sql, tuple(read), uses)


def uses_of(tree: SqlNode) -> tuple[Use, ...]:
    """Sorted, each once; a column that is used in several ways is there in each. The tree is one that was allowed."""
    found = set(_uses(tree, Use("")))
    # A hash beside the value itself hides nothing.
    return tuple(sorted(use for use in found if not (use.masked and use._replace(masked=False) in found)))


def _uses(node: SqlNode, way: Use) -> Iterator[Use]:
    if node.kind == "column":
        yield way._replace(column=node.value)
        return
    inner = way._replace(masked=True) if node.kind == "call" and node.value in _HASHES else way
    for place, child in enumerate(node.children):
        yield from _uses(child, inner._replace(chooses=inner.chooses or place in node.choosing))
