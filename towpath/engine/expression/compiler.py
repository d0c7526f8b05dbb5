"""A syntax tree to closures: reads of paths, calls and loops; operators are made in `operators`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from towpath.engine.expression.functions import FUNCTIONS, bounded_json
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
)
from towpath.engine.expression.operators import Evaluate, binary, boolean, unary
from towpath.engine.expression.values import (
    CHARACTERS_PER_WORK,
    AbsentError,
    ExpressionError,
    MissingError,
    OtherKindError,
    Scope,
    Value,
    a_kind,
    class_of,
    kind,
)

_Results = Iterable[tuple[Value, Value]]


def compile_node(node: Node) -> Evaluate:
    return _COMPILE[type(node)](node)


def _literal(node: Literal) -> Evaluate:
    value = node.value
    return lambda _: value


def _name(node: Name) -> Evaluate:
    return _path(node.name, (), node.at)


def _read(node: Member) -> Evaluate:
    """A path of constant names is one loop; anything else goes part by part."""
    names: list[str] = []
    current: Node = node
    while isinstance(current, Member) and not current.optional:
        if not isinstance(current.key, Literal) or type(current.key.value) is not str:
            break
        names.append(current.key.value)
        current = current.of
    return _path(current.name, tuple(reversed(names)), node.at) if isinstance(current, Name) else _member(node)


def _path(root: str, path: tuple[str, ...], at: int) -> Evaluate:
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
    value: Value = scope.names[root]
    so_far = root
    for key in path:
        of = class_of(value)
        if of is not dict:
            if value is None:
                return MissingError(f"{so_far} is null, so it has no {key!r}", at)
            return OtherKindError(f"{so_far} is {a_kind(value)}, so it has no {key!r}", at)
        if key not in value:
            return MissingError(f"{so_far} has no {key!r}", at)
        value, so_far = value[key], f"{so_far}.{key}"
    return MissingError(f"{so_far} is missing", at)


def _member(node: Member) -> Evaluate:
    of, key, at = compile_node(node.of), compile_node(node.key), node.at
    # A key that is computed is data, and data stays out of messages.
    name = repr(node.key.value) if isinstance(node.key, Literal) else "such name"

    def read(scope: Scope) -> Value:
        return _item(of(scope), key(scope), name, at)

    def read_optional(scope: Scope) -> Value:
        try:
            value = of(scope)
        except AbsentError as error:
            return _nothing(error, scope)
        if value is None:
            return None
        wanted = key(scope)
        try:
            return _item(value, wanted, name, at)
        except AbsentError as error:
            return _nothing(error, scope)

    return read_optional if node.optional else read


def _nothing(error: AbsentError, scope: Scope) -> None:
    """What is read where there is nothing. Raises the error where the run's version of the language does."""
    if not error.is_missing(scope):
        raise error


def _item(value: Value, key: Value, name: str, at: int) -> Value:
    of = class_of(value)
    if of is dict and type(key) is str:
        if key not in value:
            raise MissingError(f"there is no {name}", at)
        return value[key]
    if of is list and type(key) is int:
        if not -len(value) <= key < len(value):
            raise MissingError(f"the list has {len(value)} items, and not that one", at)
        return value[key]
    if value is None:
        raise MissingError("the value is null", at)
    fitting = type(key) is str or type(key) is int
    message = f"{a_kind(value)} has no item by {a_kind(key)}"
    raise OtherKindError(message, at) if fitting else ExpressionError("type", message, at)


def _conditional(node: Conditional) -> Evaluate:
    test, then, other, at = compile_node(node.test), compile_node(node.then), compile_node(node.other), node.at
    return lambda scope: then(scope) if boolean(test(scope), at, "what stands before ?") else other(scope)


def _list(node: ListOf) -> Evaluate:
    parts = [compile_node(item) for item in node.items]
    return lambda scope: [part(scope) for part in parts]


def _object(node: ObjectOf) -> Evaluate:
    parts = [(name, compile_node(value)) for name, value in node.fields]
    return lambda scope: {name: part(scope) for name, part in parts}


def _call(node: CallExpression) -> Evaluate:
    function, at = FUNCTIONS[node.function], node.at
    arguments = [compile_node(argument) for argument in node.arguments]
    if node.function == "has":
        return _has(arguments[0])
    allowed = [None if takes == "any" else frozenset(takes.split("|")) for takes in function.takes]
    apply, charge = function.apply, _no_charge if node.function == "size" else _charge

    def evaluate(scope: Scope) -> Value:
        values = [argument(scope) for argument in arguments]
        for value, kinds in zip(values, allowed, strict=False):
            if kinds is not None and kind(value) not in kinds:
                raise ExpressionError("type", f"{function.usage}: it was given {a_kind(value)}", at)
        try:
            scope.spend(charge(values))
            return apply(scope, values)
        except ExpressionError as error:
            error.at = at
            raise
        except OverflowError as error:
            raise ExpressionError("limit", "the result is out of range", at) from error

    return evaluate


def _charge(values: list[Value]) -> int:
    """A unit for an item of a list or object, and for 64 characters: a function may look at all of them."""
    work = 1
    for value in values:
        of = class_of(value)
        if of is str:
            work += len(value) // CHARACTERS_PER_WORK
        elif of is list or of is dict:
            work += len(value)
    return work


def _no_charge(_: list[Value]) -> int:
    return 1


def _has(path: Evaluate) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        try:
            return path(scope) is not None
        except AbsentError as error:
            _nothing(error, scope)
            return False

    return evaluate


def _each(node: Each) -> Evaluate:
    items, at, name, collect = compile_node(node.items), node.at, node.variable, _COLLECT[node.function]
    body = compile_node(node.body)
    each = body if node.function == "map" else _test(body, f"the condition of {node.function}", at)

    def results(given: list[Value], inner: dict[str, Value], scope: Scope) -> Iterator[tuple[Value, Value]]:
        for item in given:
            scope.spend(2, at)
            inner[name] = item
            yield item, each(scope)

    def evaluate(scope: Scope) -> Value:
        given = items(scope)
        if class_of(given) is not list:
            raise ExpressionError("type", f"{node.function}: a list is needed, not {a_kind(given)}", at)
        outer = scope.names
        scope.names = inner = {**outer}
        try:
            return collect(results(given, inner, scope))
        finally:
            scope.names = outer

    return evaluate


def _test(body: Evaluate, what: str, at: int) -> Evaluate:
    return lambda scope: boolean(body(scope), at, what)


def _mapped(results: _Results) -> list[Value]:
    return [result for _, result in results]


def _filtered(results: _Results) -> list[Value]:
    return [item for item, result in results if result]


def _any(results: _Results) -> bool:
    return any(result for _, result in results)


def _all(results: _Results) -> bool:
    return all(result for _, result in results)


_COLLECT: Mapping[str, Callable[[_Results], Value]] = {
    "map": _mapped,
    "filter": _filtered,
    "any": _any,
    "all": _all,
}


def _unary(node: Unary) -> Evaluate:
    return unary(node.operator, compile_node(node.operand), node.at)


def _binary(node: Binary) -> Evaluate:
    return binary(node.operator, compile_node(node.left), compile_node(node.right), node.at)


_COMPILE: Mapping[type[Node], Callable[[Any], Evaluate]] = {
    Literal: _literal,
    Name: _name,
    Member: _read,
    Unary: _unary,
    Binary: _binary,
    Conditional: _conditional,
    CallExpression: _call,
    Each: _each,
    ListOf: _list,
    ObjectOf: _object,
}


def bounded_result(evaluate: Evaluate) -> Evaluate:
    """For an expression that makes values: refuse what is larger than a result may be."""

    def checked(scope: Scope) -> Value:
        value = evaluate(scope)
        of = class_of(value)
        if of is str or of is list or of is dict:
            bounded_json(value, scope)
        return value

    return checked
