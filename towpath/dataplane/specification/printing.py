"""SQL printed anew from the tree of an expression, with every operator in parentheses. There is no other printing."""

import re
from collections.abc import Callable
from typing import Final

from towpath.dataplane.core.columns import literal, quoted
from towpath.dataplane.specification.errors import RefusedExpressionError, not_allowed
from towpath.dataplane.specification.expression_casts import lenient_cast, strict_cast
from towpath.dataplane.specification.functions import CALLS, Kind, argument_problem, once
from towpath.dataplane.specification.tree import SqlNode, SqlNodeKind

_NUMBER = re.compile(r"-?\d{1,38}(\.\d{1,38})?([eE][+-]?\d{1,3})?", re.ASCII)


def printed(node: SqlNode) -> str:
    """SQL of a node and all below it. Raises ExpressionError."""
    return _PRINTERS[node.kind](node, [printed(child) for child in node.children])


def _number(node: SqlNode, _: list[str]) -> str:
    if not _NUMBER.fullmatch(node.value):
        raise RefusedExpressionError("literal", "a number has at most 38 digits and an exponent of three")
    return f"({node.value})" if node.value.startswith("-") else node.value


def _cast(node: SqlNode, children: list[str]) -> str:
    """Raises where the value is not of the type; a TRY_CAST is null there, which is what it asks for."""
    return once(children[0], lambda value: strict_cast(value, node.value))


def _try_cast(node: SqlNode, children: list[str]) -> str:
    return once(children[0], lambda value: lenient_cast(value, node.value))


def _case(node: SqlNode, children: list[str]) -> str:
    *chosen, otherwise = children
    subject = f" {chosen.pop(0)}" if node.kind == "switch" else ""
    branches = " ".join(f"WHEN {when} THEN {then}" for when, then in zip(chosen[::2], chosen[1::2], strict=True))
    return f"(CASE{subject} {branches} ELSE {otherwise} END)"


def _call(node: SqlNode, children: list[str]) -> str:
    call = CALLS.get(node.value)
    if call is None:
        raise not_allowed(node.value.lower())
    if not call.least <= len(node.children) <= call.most:
        raise RefusedExpressionError("function", f"{node.value} takes {call.least} to {call.most} arguments")
    for place, kind in call.literals.items():
        if place < len(node.children):
            _check_literal(node.value, kind, node.children[place])
    return call.prints(children)


def _check_literal(function: str, kind: Kind, argument: SqlNode) -> None:
    problem = "this argument has to be a literal"
    if argument.kind in {"text", "number"}:
        problem = argument_problem(kind, argument.value, number=argument.kind == "number")
    if problem:
        raise RefusedExpressionError("argument", f"{function}: {problem}")


_PRINTERS: Final[dict[SqlNodeKind, Callable[[SqlNode, list[str]], str]]] = {
    "column": lambda node, _: quoted(node.value),
    "text": lambda node, _: literal(node.value),
    "number": _number,
    "word": lambda node, _: node.value,
    "cast": _cast,
    "try_cast": _try_cast,
    "case": _case,
    "switch": _case,
    "call": _call,
}
