"""A syntax tree to closures. Compiled once, an evaluation makes no objects beside its result."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from towpath.engine.expression.functions import FUNCTIONS, bounded_json, bounded_text, check_number, contains
from towpath.engine.expression.nodes import (
    Binary,
    Call,
    Conditional,
    Each,
    ListOf,
    Literal,
    Member,
    Name,
    Node,
    ObjectOf,
    Unary,
)
from towpath.engine.expression.values import (
    NUMBERS,
    ExpressionError,
    MissingError,
    Scope,
    Value,
    equal,
    kind,
)

Evaluate = Callable[[Scope], Value]
_Results = Iterator[tuple[Value, Value]]

_ORDERED = frozenset({str, datetime, timedelta})
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


def compile_node(node: Node) -> Evaluate:
    match node:
        case Literal(value=value):
            return lambda _: value
        case Name() | Member():
            return _read(node)
        case Unary():
            return _unary(node)
        case Binary():
            return _binary(node)
        case Conditional(test=test, then=then, other=other, at=at):
            return _conditional(compile_node(test), compile_node(then), compile_node(other), at)
        case Call():
            return _call(node)
        case Each():
            return _each(node)
        case ListOf(items=items):
            parts = [compile_node(item) for item in items]
            return lambda scope: [part(scope) for part in parts]
        case ObjectOf(fields=fields):
            named = [(name, compile_node(value)) for name, value in fields]
            return lambda scope: {name: value(scope) for name, value in named}
        case _:
            raise TypeError(type(node).__name__)


def boolean(value: Value, at: int, what: str) -> bool:
    if value is True or value is False:
        return value
    raise ExpressionError("type", f"{what} must be true or false, not a {kind(value)}", at)


def _read(node: Name | Member) -> Evaluate:
    """A path of constant keys is one loop; anything else goes part by part."""
    keys: list[str] = []
    current: Node = node
    while isinstance(current, Member) and not current.optional:
        if not isinstance(current.key, Literal) or type(current.key.value) is not str:
            break
        keys.append(current.key.value)
        current = current.of
    if not isinstance(current, Name):
        return _member(node) if isinstance(node, Member) else _missing_root(node)
    root, path, at = current.name, tuple(reversed(keys)), node.at

    def read(scope: Scope) -> Value:
        try:
            value = scope.names[root]
            for key in path:
                value = value[key]
        except (KeyError, TypeError):
            raise _explain(scope, root, path, at) from None
        return value

    return read


def _missing_root(node: Name) -> Evaluate:
    def read(scope: Scope) -> Value:
        raise MissingError(f"{node.name} is not known here", node.at)

    return read


def _explain(scope: Scope, root: str, path: tuple[str, ...], at: int) -> ExpressionError:
    if root not in scope.names:
        return MissingError(f"{root} is not known here", at)
    value, so_far = scope.names[root], root
    for key in path:
        if type(value) is not dict:
            if value is None:
                return MissingError(f"{so_far} is null, so it has no {key!r}", at)
            return ExpressionError("type", f"{so_far} is a {kind(value)}, so it has no {key!r}", at)
        if key not in value:
            return MissingError(f"{so_far} has no {key!r}", at)
        value, so_far = value[key], f"{so_far}.{key}"
    return MissingError(f"{so_far} is missing", at)


def _member(node: Member) -> Evaluate:
    of, key, at = compile_node(node.of), compile_node(node.key), node.at

    def read(scope: Scope) -> Value:
        return _item(of(scope), key(scope), at)

    def read_optional(scope: Scope) -> Value:
        try:
            value = of(scope)
            return None if value is None else _item(value, key(scope), at)
        except MissingError:
            return None

    return read_optional if node.optional else read


def _item(value: Value, key: Value, at: int) -> Value:
    if type(value) is dict and type(key) is str:
        if key not in value:
            raise MissingError(f"there is no {key!r}", at)
        return value[key]
    if type(value) is list and type(key) is int:
        if not -len(value) <= key < len(value):
            raise MissingError(f"there is no item {key}: the list has {len(value)}", at)
        return value[key]
    if value is None:
        raise MissingError("the value is null", at)
    raise ExpressionError("type", f"a {kind(value)} has no item by a {kind(key)}", at)


def _unary(node: Unary) -> Evaluate:
    operand, at = compile_node(node.operand), node.at
    if node.operator == "!":
        return lambda scope: not boolean(operand(scope), at, "what ! negates")

    def negative(scope: Scope) -> Value:
        value = operand(scope)
        if type(value) in NUMBERS:
            return check_number(-value, at)
        if type(value) is timedelta:
            return -value
        raise ExpressionError("type", f"a {kind(value)} has no negative", at)

    return negative


def _binary(node: Binary) -> Evaluate:
    left, right, at = compile_node(node.left), compile_node(node.right), node.at
    match node.operator:
        case "||":
            return lambda scope: boolean(left(scope), at, "the left of ||") or boolean(right(scope), at, "its right")
        case "&&":
            return lambda scope: boolean(left(scope), at, "the left of &&") and boolean(right(scope), at, "its right")
        case "??":
            return _coalesce(left, right)
        case "==":
            return lambda scope: _same(left(scope), right(scope), scope, at)
        case "!=":
            return lambda scope: not _same(left(scope), right(scope), scope, at)
        case "in":
            return lambda scope: _within(left(scope), right(scope), scope, at)
        case "/" | "%":
            return _dividing(node.operator, left, right, at)
        case operator if operator in _ORDER:
            return _ordering(operator, left, right, at)
        case operator:
            return _arithmetic(operator, left, right, at)


def _coalesce(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        try:
            value = left(scope)
        except MissingError:
            return right(scope)
        return right(scope) if value is None else value

    return evaluate


def _same(one: Value, other: Value, scope: Scope, at: int) -> bool:
    """Comparing with null is always allowed; comparing a number with a string is a mistake, and said to be one."""
    if type(one) is type(other) or one is None or other is None:
        return equal(one, other, scope, at)
    if type(one) in NUMBERS and type(other) in NUMBERS:
        return bool(one == other)
    raise ExpressionError("type", f"a {kind(one)} is compared with a {kind(other)}", at)


def _within(item: Value, where: Value, scope: Scope, at: int) -> bool:
    if type(where) is str:
        raise ExpressionError(
            "type", "`in` looks into lists and objects: for strings there is contains(text, part)", at
        )
    if type(where) not in {list, dict}:
        raise ExpressionError("type", f"`in` looks into lists and objects, not into a {kind(where)}", at)
    return contains(where, item, scope, at)


def _ordering(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    compare = _ORDER[operator]

    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        same = type(one)
        if same in NUMBERS:
            if type(other) in NUMBERS:
                return compare(one, other)
        elif same in _ORDERED and type(other) is same:
            return compare(one, other)
        raise ExpressionError("type", f"a {kind(one)} and a {kind(other)} have no order: {operator}", at)

    return evaluate


def _arithmetic(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    apply = _ARITHMETIC[operator]

    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        if type(one) in NUMBERS and type(other) in NUMBERS:
            return check_number(apply(one, other), at)
        return _combine(operator, one, other, scope, at)

    return evaluate


def _combine(operator: str, one: Value, other: Value, scope: Scope, at: int) -> Value:
    """What + - * mean beyond numbers: joining texts and lists, and the arithmetic of dates and durations."""
    kinds = (kind(one), operator, kind(other))
    if operator == "+" and type(one) is str and type(other) is str:
        bounded_text(len(one) + len(other), scope, at)
        return one + other
    if operator == "+" and type(one) is list and type(other) is list:
        scope.spend(len(one) + len(other), at)
        return one + other
    try:
        if kinds in _DATES:
            return _ARITHMETIC[operator](one, other)
    except OverflowError as error:
        raise ExpressionError("limit", "the result is out of range", at) from error
    hint = ": text(…) makes a string" if operator == "+" and "string" in kinds else ""
    raise ExpressionError("type", f"{kinds[0]} {operator} {kinds[2]} has no meaning{hint}", at)


_DATES = frozenset(
    {
        ("date", "+", "duration"),
        ("duration", "+", "date"),
        ("date", "-", "duration"),
        ("date", "-", "date"),
        ("duration", "+", "duration"),
        ("duration", "-", "duration"),
        ("duration", "*", "number"),
        ("number", "*", "duration"),
    }
)


def _dividing(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        if operator == "/" and type(one) is timedelta and type(other) in NUMBERS and other:
            return _scaled(one, other, at)
        if type(one) not in NUMBERS or type(other) not in NUMBERS:
            raise ExpressionError("type", f"{kind(one)} {operator} {kind(other)} has no meaning", at)
        if not other:
            raise ExpressionError("value", "division by zero", at)
        return check_number(_divide(one, other) if operator == "/" else _remainder(one, other), at)

    return evaluate


def _scaled(duration: timedelta, divisor: float, at: int) -> timedelta:
    try:
        return duration / divisor
    except OverflowError as error:
        raise ExpressionError("limit", "the result is out of range", at) from error


def _divide(one: float, other: float) -> float:
    """Exact integers stay integers: 10 / 2 is 5, 7 / 2 is 3.5."""
    if type(one) is int and type(other) is int and one % other == 0:
        return one // other
    try:
        return one / other
    except OverflowError:
        return float("inf")


def _remainder(one: float, other: float) -> float:
    """The sign is the dividend's, as in CEL and C."""
    remainder = abs(one) % abs(other)
    return -remainder if one < 0 else remainder


def _conditional(test: Evaluate, then: Evaluate, other: Evaluate, at: int) -> Evaluate:
    return lambda scope: then(scope) if boolean(test(scope), at, "what stands before ?") else other(scope)


def _call(node: Call) -> Evaluate:
    function, at = FUNCTIONS[node.function], node.at
    arguments = [compile_node(argument) for argument in node.arguments]
    if node.function == "has":
        return _has(arguments[0])
    allowed = [frozenset(takes.split("|")) for takes in function.takes]

    def evaluate(scope: Scope) -> Value:
        scope.spend(1, at)
        values = [argument(scope) for argument in arguments]
        for value, kinds in zip(values, allowed, strict=False):
            if "any" not in kinds and kind(value) not in kinds:
                raise ExpressionError("type", f"{function.usage}: it was given a {kind(value)}", at)
        return function.apply(values, scope, at)

    return evaluate


def _has(path: Evaluate) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        try:
            return path(scope) is not None
        except MissingError:
            return False

    return evaluate


def _each(node: Each) -> Evaluate:
    items, body, at, name = compile_node(node.items), compile_node(node.body), node.at, node.variable

    def evaluate(scope: Scope) -> Value:
        given = items(scope)
        if type(given) is not list:
            raise ExpressionError("type", f"{node.function}: a list is needed, not a {kind(given)}", at)
        outer = scope.names
        scope.names = inner = {**outer}
        try:
            return _COLLECT[node.function](_results(given, inner, name, body, scope, at), node.function, at)
        finally:
            scope.names = outer

    return evaluate


def _results(given: list[Value], inner: dict[str, Value], name: str, body: Evaluate, scope: Scope, at: int) -> _Results:
    for item in given:
        scope.spend(2, at)
        inner[name] = item
        yield item, body(scope)


def _mapped(results: _Results, function: str, at: int) -> list[Value]:
    return [result for _, result in results]


def _filtered(results: _Results, function: str, at: int) -> list[Value]:
    return [item for item, result in results if boolean(result, at, "the condition of filter")]


def _any(results: _Results, function: str, at: int) -> bool:
    return any(boolean(result, at, "the condition of any") for _, result in results)


def _all(results: _Results, function: str, at: int) -> bool:
    return all(boolean(result, at, "the condition of all") for _, result in results)


_COLLECT: Mapping[str, Callable[[_Results, str, int], Value]] = {
    "map": _mapped,
    "filter": _filtered,
    "any": _any,
    "all": _all,
}


def bounded_result(evaluate: Evaluate) -> Evaluate:
    """For an expression that makes values: refuse what is larger than a result may be."""

    def checked(scope: Scope) -> Value:
        value = evaluate(scope)
        bounded_json(value, scope, 0)
        return value

    return checked
