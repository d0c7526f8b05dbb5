"""How an expression uses its columns: for its value, or to choose between values; in clear, or hashed."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlglot import exp

_HASHES = (exp.MD5, exp.SHA2)


class Use(NamedTuple):
    """`chooses`: the value of the column only decides which other one is taken. `masked`: it cannot be read back."""

    column: str
    chooses: bool = False
    masked: bool = False


def uses_of(tree: exp.Expr) -> tuple[Use, ...]:
    """Sorted, each once; a column that is used in several ways is there in each. The tree is one that was allowed."""
    found = set(_uses(tree, Use("")))
    # A hash beside the value itself hides nothing.
    return tuple(sorted(use for use in found if not (use.masked and use._replace(masked=False) in found)))


def _uses(node: exp.Expr, way: Use) -> Iterator[Use]:
    if isinstance(node, exp.Column):
        yield way._replace(column=node.name)
        return
    inner = way._replace(masked=True) if isinstance(node, _HASHES) else way
    for child in node.iter_expressions():
        chooses = isinstance(node, (exp.Case, exp.If)) and child.arg_key == "this"
        yield from _uses(child, inner._replace(chooses=inner.chooses or chooses))
