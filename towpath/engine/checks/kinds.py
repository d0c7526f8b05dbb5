"""Kinds of expressions as far as schemas tell them, and the mistakes that can be seen from kinds alone."""

from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from towpath.engine.expression.functions import FUNCTIONS, odd_letters
from towpath.engine.expression.nodes import (
    Binary,
    CallExpression,
    Conditional,
    Each,
    ListOf,
    Literal,
    Member,
    Name,
    Node,
    ObjectOf,
    Unary,
    children,
    constant_path,
)
from towpath.engine.expression.operators import DATES
from towpath.engine.expression.values import ExpressionError, kind, with_article
from towpath.engine.language.shapes import as_list

KINDS = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "object": "object",
    "array": "list",
    "null": "null",
}
Known = frozenset[str] | None
"""None: nothing is known, and nothing is said."""
BOOLEAN: Known = frozenset({"boolean"})
ORDERED = frozenset({"number", "string", "date", "duration"})
LOGIC = frozenset({"&&", "||"})
COMPARING = frozenset({"<", "<=", ">", ">="})


class Kinds:
    """One expression. `schema` gives the schema of a path."""

    def __init__(self, schema: Callable[[tuple[str, ...]], dict[str, Any]]) -> None:
        self._schema = schema
        self._bound: set[str] = set()
        self.problems: list[ExpressionError] = []

    def of(self, node: Node) -> Known:
        match node:
            case Literal(value=value):
                return frozenset({kind(value)})
            case Name() | Member():
                return self._path(node)
            case Binary():
                return self._binary(node)
            case Unary() | Conditional():
                return self._plain(node)
            case _:
                return self._made(node)

    def _plain(self, node: Unary | Conditional) -> Known:
        if isinstance(node, Unary):
            operand = self.of(node.operand)
            if node.operator == "!":
                self._expect_boolean(operand, node.at, "what ! negates")
                return BOOLEAN
            self._expect(operand, frozenset({"number", "duration"}), node.at, "what - negates")
            return operand
        self._expect_boolean(self.of(node.test), node.at, "what stands before ?")
        then, other = self.of(node.then), self.of(node.other)
        return None if then is None or other is None else then | other

    def _made(self, node: Node) -> Known:
        if isinstance(node, CallExpression):
            self._arguments(node)
            gives = FUNCTIONS[node.function].gives
            return None if gives == "any" else frozenset({gives})
        if isinstance(node, Each):
            self._expect(self.of(node.items), frozenset({"list"}), node.at, f"what {node.function} goes over")
            self._bound.add(node.variable)
            self.of(node.body)
            return BOOLEAN if node.function in {"any", "all"} else frozenset({"list"})
        for child in children(node):
            self.of(child)
        return (
            frozenset({"list"})
            if isinstance(node, ListOf)
            else frozenset({"object"})
            if isinstance(node, ObjectOf)
            else None
        )

    def _path(self, node: Name | Member) -> Known:
        path = constant_path(node)
        if path is None or path[0] in self._bound:
            return None
        return kinds_of(self._schema(path))

    def _pattern(self, node: CallExpression) -> None:
        pattern = node.arguments[1]
        if isinstance(pattern, Literal) and isinstance(pattern.value, str):
            word = odd_letters(pattern.value)
            if word is not None:
                message = f"format_date: {word!r} is no part of a date: write [{word}] for the letters as they are"
                self.problems.append(ExpressionError("value", message, pattern.at))

    def _arguments(self, node: CallExpression) -> None:
        if node.function == "format_date":
            self._pattern(node)
        function = FUNCTIONS[node.function]
        for argument, takes in zip(node.arguments, chain(function.takes, repeat("any")), strict=False):
            given, wanted = self.of(argument), frozenset(takes.split("|"))
            if given is not None and "any" not in wanted and not given & wanted:
                self._say(f"{function.usage}: it is given {a_kinds(given)}", argument.at)

    def _binary(self, node: Binary) -> Known:
        left, right = self.of(node.left), self.of(node.right)
        operator = node.operator
        if operator in LOGIC:
            self._expect_boolean(left, node.at, f"the left of {operator}")
            self._expect_boolean(right, node.at, f"the right of {operator}")
            return BOOLEAN
        if operator == "??":
            return None if left is None or right is None else (left - {"null"}) | right
        if operator in {"==", "!="}:
            if left is not None and right is not None and not left & right and not (left | right) & {"null"}:
                self._say(f"{a_kinds(left)} is never {a_kinds(right)}", node.at)
            return BOOLEAN
        if operator in COMPARING:
            self._ordering(left, right, node)
            return BOOLEAN
        if operator == "in":
            self._expect(right, frozenset({"list", "object"}), node.at, "what `in` looks into")
            return BOOLEAN
        return self._arithmetic(left, right, node)

    def _ordering(self, left: Known, right: Known, node: Binary) -> None:
        for side in (left, right):
            if side is not None and not side & ORDERED:
                self._say(f"{a_kinds(side)} has no order: {node.operator}", node.at)
                return
        if left is not None and right is not None and not left & right:
            self._say(f"{a_kinds(left)} and {a_kinds(right)} have no order: {node.operator}", node.at)

    def _arithmetic(self, left: Known, right: Known, node: Binary) -> Known:
        if left is None or right is None:
            return None
        found = frozenset(filter(None, (_made_of(one, node.operator, other) for one in left for other in right)))
        if not found:
            hint = ": text(…) makes a string" if node.operator == "+" and "string" in left | right else ""
            what = f"{names_of(left)} {node.operator} {names_of(right)} has no meaning{hint}"
            self._say(what, node.at)
        return found or None

    def _expect_boolean(self, given: Known, at: int, what: str) -> None:
        if given is not None and "boolean" not in given:
            self._say(f"{what} must be true or false, not {a_kinds(given)}", at)

    def _expect(self, given: Known, wanted: frozenset[str], at: int, what: str) -> None:
        if given is not None and not given & wanted:
            self._say(f"{what} must be {a_kinds(wanted)}, not {a_kinds(given)}", at)

    def _say(self, message: str, at: int) -> None:
        self.problems.append(ExpressionError("type", message, at))


def _made_of(left: str, operator: str, right: str) -> str | None:
    """The kind that an operator makes of two, None when it has no meaning for them."""
    if left == right == "number" or (operator == "+" and left == right and left in {"string", "list"}):
        return left
    return DATES.get((left, operator, right))


def kinds_of(schema: dict[str, Any]) -> Known:
    special = schema.get("x-kind")
    if isinstance(special, str):
        return frozenset({special})
    given = schema.get("type")
    names = [given] if isinstance(given, str) else as_list(given) or []
    found = frozenset(KINDS[name] for name in names if isinstance(name, str) and name in KINDS)
    return found or None


def names_of(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))


def a_kinds(kinds: frozenset[str]) -> str:
    """`names_of` as it stands in a sentence."""
    return " or ".join(map(with_article, sorted(kinds)))
