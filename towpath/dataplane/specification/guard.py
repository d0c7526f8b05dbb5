"""Expressions read, never run as they are: an allow-listed tree, and the SQL that is printed from it.

First wall: the text is parsed, every node has to be in a closed table, and SQL is printed anew from the tree. Then
DuckDB's own parser reads both texts and has to see the same tree, so that no difference between parsers can be used.
"""

from collections.abc import Collection
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from towpath.contracts.core.wire import clip
from towpath.dataplane.specification.agreement import readable, same_meaning
from towpath.dataplane.specification.errors import RefusedExpressionError
from towpath.dataplane.specification.limits import check_growth, check_size, check_text
from towpath.dataplane.specification.printing import Printer
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
    tree = _parsed(text)
    check_size(tree)
    check_growth(tree)
    printer = Printer(columns)
    sql = printer.sql(tree)
    if not readable(text):
        mend = 'a column whose name is a word of SQL stands in double quotes, as "order"'
        raise RefusedExpressionError("syntax", "the engine cannot read this expression", mend)
    if not same_meaning(text, sql):
        raise RefusedExpressionError(
            "ambiguous",
            "two parsers read this expression differently",
            "write it with parentheses, and with the plain names of functions and types",
        )
    return Guarded(sql, tuple(sorted(printer.read)), uses_of(tree))


def _parsed(text: str) -> exp.Expr:
    try:
        statements = sqlglot.parse(f"SELECT {text} AS x__", dialect="duckdb")
    except RecursionError:
        raise RefusedExpressionError("size", "the expression is nested too deeply") from None
    except SqlglotError as error:
        raise RefusedExpressionError("syntax", f"no expression: {_first_line(error)}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise RefusedExpressionError("shape", "one expression is wanted, and nothing else")
    return _only_projection(statements[0])


def _only_projection(select: exp.Select) -> exp.Expr:
    others = [name for name, value in select.args.items() if name != "expressions" and value]
    if others or len(select.expressions) != 1:
        raise RefusedExpressionError("shape", "one expression is wanted, and nothing else")
    projection: object = select.expressions[0]
    if not isinstance(projection, exp.Alias) or projection.alias != "x__":
        raise RefusedExpressionError("shape", "one expression is wanted, without a name")
    tree: object = projection.this
    if not isinstance(tree, exp.Expr):
        raise RefusedExpressionError("shape", "one expression is wanted, and nothing else")
    return tree


def _first_line(error: SqlglotError) -> str:
    told = str(error).splitlines()
    return clip(told[0].split(". Line")[0], 120) if told else "it cannot be read"
