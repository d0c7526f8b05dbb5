"""Expressions read, never run as they are: an allow-listed tree, and the SQL that is printed from it.

The parser is the one of the engine that will run it, so that nothing can be read in two ways; every node has to be in a
closed table, and SQL is printed anew from the tree.
"""

from collections.abc import Collection
from dataclasses import dataclass

from towpath.dataplane.specification.errors import RefusedExpressionError, no_column
from towpath.dataplane.specification.limits import check_growth, check_size, check_text
from towpath.dataplane.specification.printing import printed
from towpath.dataplane.specification.tree import parsed
from towpath.dataplane.specification.uses import Use, uses_of

__all__ = ["Guarded", "RefusedExpressionError", "guard"]


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
