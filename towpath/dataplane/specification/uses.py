"""How an expression uses its columns: for its value, or to choose between values; in clear, or hashed."""

from collections.abc import Iterator
from typing import NamedTuple

from towpath.dataplane.specification.tree import SqlNode

_HASHES = {"md5", "sha256"}


class Use(NamedTuple):
    """`chooses`: the value of the column only decides which other one is taken. `masked`: it cannot be read back."""

    column: str
    chooses: bool = False
    masked: bool = False


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
