"""A syntax tree to closures. Compiled once, an evaluation makes no objects beside its result."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

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
    NOWHERE,
    NUMBERS,
    ExpressionError,
    MissingError,
    Scope,
    Value,
    equal,
    is_list,
    is_object,
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
    return _COMPILERS[type(node)](node)


def _literal(node: Any) -> Evaluate:
    value = node.value
    return lambda _: value


def _list_of(node: Any) -> Evaluate:
    parts = [compile_node(item) for item in node.items]
    return lambda scope: [part(scope) for part in parts]


def _object_of(node: Any) -> Evaluate:
    named = [(name, compile_node(value)) for name, value in node.fields]
    return lambda scope: {name: value(scope) for name, value in named}


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
        return _member(cast("Member", node))
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


def _explain(scope: Scope, root: str, path: tuple[str, ...], at: int) -> ExpressionError:
    if root not in scope.names:
        return MissingError(f"{root} is not known here", at)
    value, so_far = scope.names[root], root
    for key in path:
        if not is_object(value):
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
    if is_object(value) and type(key) is str:
        if key not in value:
            raise MissingError(f"there is no {key!r}", at)
        return value[key]
    if is_list(value) and type(key) is int:
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
            return check_number(-value)
        if type(value) is timedelta:
            return -value
        raise ExpressionError("type", f"a {kind(value)} has no negative", at)

    return negative


def _binary(node: Binary) -> Evaluate:
    return _OPERATORS[node.operator](node, compile_node(node.left), compile_node(node.right), node.at)


def _logic(node: Binary, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    one, other = f"the left of {node.operator}", f"the right of {node.operator}"
    if node.operator == "||":
        return lambda scope: boolean(left(scope), at, one) or boolean(right(scope), at, other)
    return lambda scope: boolean(left(scope), at, one) and boolean(right(scope), at, other)


def _comparing(node: Binary, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    if node.operator == "==":
        return lambda scope: _same(left(scope), right(scope), scope, at)
    if node.operator == "!=":
        return lambda scope: not _same(left(scope), right(scope), scope, at)
    return lambda scope: _within(left(scope), right(scope), scope, at)


def _coalesce(_: Binary, left: Evaluate, right: Evaluate, __: int) -> Evaluate:
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
        return equal(one, other, scope)
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
    return contains(where, item, scope)


def _ordering(node: Binary, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    operator, compare = node.operator, _ORDER[node.operator]

    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        same: type[object] = type(one)
        if same in NUMBERS:
            if type(other) in NUMBERS:
                return compare(one, other)
        elif same in _ORDERED and type(other) is same:
            return compare(one, other)
        raise ExpressionError("type", f"a {kind(one)} and a {kind(other)} have no order: {operator}", at)

    return evaluate


def _arithmetic(node: Binary, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    operator, apply = node.operator, _ARITHMETIC[node.operator]

    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        if type(one) in NUMBERS and type(other) in NUMBERS:
            return _number_at(apply(one, other), at)
        return _combine(operator, one, other, scope, at)

    return evaluate


def _combine(operator: str, one: Value, other: Value, scope: Scope, at: int) -> Value:
    """What + - * mean beyond numbers: joining texts and lists, and the arithmetic of dates and durations."""
    kinds = (kind(one), operator, kind(other))
    if operator == "+" and type(one) is str and type(other) is str:
        bounded_text(len(one) + len(other), scope)
        return one + other
    if operator == "+" and is_list(one) and is_list(other):
        scope.spend(len(one) + len(other))
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


def _dividing(node: Binary, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    operator = node.operator

    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        if operator == "/" and type(one) is timedelta and type(other) in NUMBERS and other:
            return _scaled(one, other, at)
        if type(one) not in NUMBERS or type(other) not in NUMBERS:
            raise ExpressionError("type", f"{kind(one)} {operator} {kind(other)} has no meaning", at)
        if not other:
            raise ExpressionError("value", "division by zero", at)
        return _number_at(_divide(one, other) if operator == "/" else _remainder(one, other), at)

    return evaluate


def _scaled(duration: timedelta, divisor: float, at: int) -> timedelta:
    try:
        return duration / divisor
    except OverflowError as error:
        raise ExpressionError("limit", "the result is out of range", at) from error


def _divide(one: Value, other: Value) -> Value:
    """Exact integers stay integers: 10 / 2 is 5, 7 / 2 is 3.5."""
    if type(one) is int and type(other) is int and one % other == 0:
        return one // other
    try:
        return one / other
    except OverflowError:
        return float("inf")


def _number_at(value: Value, at: int) -> Value:
    try:
        return check_number(value)
    except ExpressionError as error:
        error.at = at
        raise


def _remainder(one: Value, other: Value) -> Value:
    """The sign is the dividend's, as in CEL and C."""
    remainder = abs(one) % abs(other)
    return -remainder if one < 0 else remainder


def _conditional(node: Conditional) -> Evaluate:
    test, then, other, at = compile_node(node.test), compile_node(node.then), compile_node(node.other), node.at
    return lambda scope: then(scope) if boolean(test(scope), at, "what stands before ?") else other(scope)


def _call(node: Call) -> Evaluate:
    function, at = FUNCTIONS[node.function], node.at
    arguments = [compile_node(argument) for argument in node.arguments]
    if node.function == "has":
        return _has(arguments[0])
    allowed = [frozenset(takes.split("|")) for takes in function.takes]

    def evaluate(scope: Scope) -> Value:
        scope.spend(1)
        values = [argument(scope) for argument in arguments]
        for value, kinds in zip(values, allowed, strict=False):
            if "any" not in kinds and kind(value) not in kinds:
                raise ExpressionError("type", f"{function.usage}: it was given a {kind(value)}", at)
        try:
            return function.apply(values, scope)
        except ExpressionError as error:
            error.at = at if error.at == NOWHERE else error.at
            raise

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
        if not is_list(given):
            raise ExpressionError("type", f"{node.function}: a list is needed, not a {kind(given)}", at)
        outer = scope.names
        scope.names = inner = {**outer}
        try:
            return _collected(node.function, _results(given, inner, name, body, scope), at)
        finally:
            scope.names = outer

    return evaluate


def _results(given: list[Value], inner: dict[str, Value], name: str, body: Evaluate, scope: Scope) -> _Results:
    for item in given:
        scope.spend(2)
        inner[name] = item
        yield item, body(scope)


def _collected(function: str, results: _Results, at: int) -> Value:
    if function == "map":
        return [result for _, result in results]
    truths = ((item, boolean(result, at, f"the condition of {function}")) for item, result in results)
    if function == "filter":
        return [item for item, holds in truths if holds]
    return any(holds for _, holds in truths) if function == "any" else all(holds for _, holds in truths)


def bounded_result(evaluate: Evaluate) -> Evaluate:
    """For an expression that makes values: refuse what is larger than a result may be."""

    def checked(scope: Scope) -> Value:
        value = evaluate(scope)
        bounded_json(value, scope)
        return value

    return checked


_COMPILERS: Mapping[type[Node], Callable[[Any], Evaluate]] = {
    Literal: _literal,
    Name: _read,
    Member: _read,
    Unary: _unary,
    Binary: _binary,
    Conditional: _conditional,
    Call: _call,
    Each: _each,
    ListOf: _list_of,
    ObjectOf: _object_of,
}
_OPERATORS: Mapping[str, Callable[[Binary, Evaluate, Evaluate, int], Evaluate]] = {
    **dict.fromkeys(("||", "&&"), _logic),
    **dict.fromkeys(("==", "!=", "in"), _comparing),
    **dict.fromkeys(_ORDER, _ordering),
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
    **dict.fromkeys(("/", "%"), _dividing),
    "??": _coalesce,
}
