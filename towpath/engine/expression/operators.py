"""What the operators do to values. Each becomes a closure once; an evaluation makes no objects beside its result."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from towpath.engine.expression.values import (
    CHARACTERS_PER_WORK,
    INT_LIMIT,
    MAX_RESULT,
    NUMBERS,
    AbsentError,
    ExpressionError,
    Scope,
    Value,
    a_kind,
    class_of,
    equal,
    kind,
)

Evaluate = Callable[[Scope], Value]
Make = Callable[[Evaluate, Evaluate, int], Evaluate]

ORDERED = frozenset({"number", "string", "date", "duration"})
_ORDERED_TYPES = frozenset({str, datetime, timedelta})
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_APPLY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
DATES: Mapping[tuple[str, str, str], str] = {
    ("date", "+", "duration"): "date",
    ("duration", "+", "date"): "date",
    ("date", "-", "duration"): "date",
    ("date", "-", "date"): "duration",
    ("duration", "+", "duration"): "duration",
    ("duration", "-", "duration"): "duration",
    ("duration", "*", "number"): "duration",
    ("number", "*", "duration"): "duration",
    ("duration", "/", "number"): "duration",
}
"""Kinds that have arithmetic beside numbers, and the kind of the result."""


def boolean(value: Value, at: int, what: str) -> bool:
    if value is True or value is False:
        return value
    raise ExpressionError("type", f"{what} must be true or false, not {a_kind(value)}", at)


def check_number(value: Value, at: int = 0) -> Value:
    """A result that is a proper number: integers of 64 bits, finite floats."""
    if type(value) is int and not -INT_LIMIT <= value < INT_LIMIT:
        raise ExpressionError("limit", "the result is over 64 bits", at)
    if type(value) is float and not math.isfinite(value):
        raise ExpressionError("limit", "the result is not a finite number", at)
    return value


def bounded_text(length: int, scope: Scope, at: int = 0) -> None:
    """Refuse a text of this length before it is made."""
    if length > MAX_RESULT:
        raise ExpressionError("limit", f"the text would be longer than {MAX_RESULT:,} characters", at)
    scope.spend(length // CHARACTERS_PER_WORK, at)


def contains(where: Value, what: Value, scope: Scope, at: int = 0) -> bool:
    """An item of a list, a name of an object, or a part of a string. Looking is charged by the caller."""
    if type(what) is str:
        return what in where
    if class_of(where) is list:
        return any(equal(item, what, scope, at) for item in where)
    raise ExpressionError("type", f"{a_kind(where)} holds strings, not {a_kind(what)}", at)


def divide(one: float, other: float) -> float:
    """Exact integers stay integers: 10 / 2 is 5, 7 / 2 is 3.5. Raises OverflowError."""
    if type(one) is int and type(other) is int and one % other == 0:
        return one // other
    return one / other


def _remainder(one: float, other: float) -> float:
    """The sign is the dividend's, as in CEL and C."""
    remainder = abs(one) % abs(other)
    return -remainder if one < 0 else remainder


def unary(operator: str, operand: Evaluate, at: int) -> Evaluate:
    if operator == "!":
        return lambda scope: not boolean(operand(scope), at, "what ! negates")

    def negative(scope: Scope) -> Value:
        value = operand(scope)
        if type(value) in NUMBERS:
            return check_number(-value, at)
        if type(value) is timedelta:
            return -value
        raise ExpressionError("type", f"{a_kind(value)} has no negative", at)

    return negative


def binary(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    make = _MAKE.get(operator)
    if make is not None:
        return make(left, right, at)
    make_by_name = _ordering if operator in _ORDER else _dividing if operator in {"/", "%"} else _arithmetic
    return make_by_name(operator, left, right, at)


def _or(left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    return lambda scope: boolean(left(scope), at, "the left of ||") or boolean(right(scope), at, "the right of ||")


def _and(left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    return lambda scope: boolean(left(scope), at, "the left of &&") and boolean(right(scope), at, "the right of &&")


def _coalesce(left: Evaluate, right: Evaluate, _: int) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        try:
            value = left(scope)
        except AbsentError as error:
            if not error.is_missing(scope):
                raise
            return right(scope)
        return right(scope) if value is None else value

    return evaluate


def _equals(left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        if type(one) is str and type(other) is str and len(one) <= CHARACTERS_PER_WORK:
            return one == other
        return _same(one, other, scope, at)

    return evaluate


def _differs(left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    return lambda scope: not _same(left(scope), right(scope), scope, at)


def _same(one: Value, other: Value, scope: Scope, at: int) -> bool:
    """Comparing with null is always allowed; comparing a number with a string is a mistake, and said to be one."""
    if type(one) is type(other) or one is None or other is None:
        return equal(one, other, scope, at)
    if type(one) in NUMBERS and type(other) in NUMBERS:
        return bool(one == other)
    raise ExpressionError("type", f"{a_kind(one)} is compared with {a_kind(other)}", at)


def _within(left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        item, where = left(scope), right(scope)
        of = class_of(where)
        if of is list:
            scope.spend(len(where), at)
        elif of is not dict:
            hint = ": for strings there is contains(text, part)" if of is str else f", not into {a_kind(where)}"
            raise ExpressionError("type", f"`in` looks into lists and objects{hint}", at)
        return contains(where, item, scope, at)

    return evaluate


_MAKE: Mapping[str, Make] = {
    "||": _or,
    "&&": _and,
    "??": _coalesce,
    "==": _equals,
    "!=": _differs,
    "in": _within,
}


def _ordering(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    compare = _ORDER[operator]

    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        of = class_of(one)
        if of in NUMBERS:
            if type(other) in NUMBERS:
                return compare(one, other)
        elif of in _ORDERED_TYPES and type(other) is of:
            if of is str and len(one) > CHARACTERS_PER_WORK:
                scope.spend(len(one) // CHARACTERS_PER_WORK, at)
            return compare(one, other)
        raise ExpressionError("type", f"{a_kind(one)} and {a_kind(other)} have no order: {operator}", at)

    return evaluate


def _arithmetic(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    apply = _APPLY[operator]

    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        if type(one) in NUMBERS and type(other) in NUMBERS:
            return _number(apply, one, other, at)
        return _combine(operator, one, other, scope, at)

    return evaluate


def _dividing(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    apply = divide if operator == "/" else _remainder

    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        if type(other) in NUMBERS and not other:
            raise ExpressionError("value", "division by zero", at)
        if type(one) in NUMBERS and type(other) in NUMBERS:
            return _number(apply, one, other, at)
        return _combine(operator, one, other, scope, at)

    return evaluate


def _number(apply: Callable[[Any, Any], Any], one: Value, other: Value, at: int) -> Value:
    """An integer of the scope may be larger than any float."""
    try:
        return check_number(apply(one, other), at)
    except OverflowError as error:
        raise ExpressionError("limit", "the result is out of range", at) from error


def _combine(operator: str, one: Value, other: Value, scope: Scope, at: int) -> Value:
    """What operators mean beyond numbers: joining texts and lists, and the arithmetic of dates and durations."""
    kinds = (kind(one), operator, kind(other))
    if kinds == ("string", "+", "string"):
        bounded_text(len(one) + len(other), scope, at)
        return one + other
    if kinds == ("list", "+", "list"):
        scope.spend(len(one) + len(other), at)
        return one + other
    if kinds not in DATES:
        hint = ": text(…) makes a string" if operator == "+" and "string" in kinds else ""
        raise ExpressionError("type", f"{kinds[0]} {operator} {kinds[2]} has no meaning{hint}", at)
    try:
        return _APPLY[operator](one, other)
    except (OverflowError, ValueError) as error:
        raise ExpressionError("limit", "the result is out of range", at) from error
