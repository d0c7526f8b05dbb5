"""The syntax tree of an expression, and what can be told from it without evaluating."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from towpath.engine.expression.values import Value


@dataclass(frozen=True, slots=True)
class Node:
    """`at` is where the node stands in its text."""

    at: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: Value


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`of.key` or `of[key]`; with `optional`, null where there is nothing."""

    of: Node
    key: Node
    optional: bool


@dataclass(frozen=True, slots=True)
class Unary(Node):
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    test: Node
    then: Node
    other: Node


@dataclass(frozen=True, slots=True)
class CallExpression(Node):
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Each(Node):
    """map, filter, any, all: `body` for each item of `items`, which it knows as `variable`."""

    function: str
    items: Node
    variable: str
    body: Node


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ObjectOf(Node):
    fields: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """One read of a root: `steps.a.b` is ("steps", "a", "b"). A key that is computed ends the path.

    `guarded` says that the expression provides for its being missing.
    """

    path: tuple[str, ...]
    at: int
    guarded: bool
    computed: bool = False


_CHILDREN: Mapping[type[Node], Callable[[Any], tuple[Node, ...]]] = {
    Member: lambda node: (node.of, node.key),
    Unary: lambda node: (node.operand,),
    Binary: lambda node: (node.left, node.right),
    Conditional: lambda node: (node.test, node.then, node.other),
    CallExpression: lambda node: node.arguments,
    Each: lambda node: (node.items, node.body),
    ListOf: lambda node: node.items,
    ObjectOf: lambda node: tuple(value for _, value in node.fields),
}


def children(node: Node) -> tuple[Node, ...]:
    of = _CHILDREN.get(type(node))
    return () if of is None else of(node)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in an expression: under a guard, among loop variables, after `has` of some paths."""

    guarded: bool = False
    bound: frozenset[str] = frozenset()
    present: frozenset[tuple[str, ...]] = frozenset()


def references(node: Node, *, guarded: bool = False, bound: frozenset[str] = frozenset()) -> Iterator[Reference]:
    """All reads of roots, in the order of the text. Loop variables are not roots."""
    return _references(node, _Place(guarded, bound))


def _references(node: Node, place: _Place) -> Iterator[Reference]:
    if isinstance(node, (Name, Member)):
        yield from _reads(node, place)
        return
    for child, where in _places(node, place):
        yield from _references(child, where)


def _places(node: Node, place: _Place) -> Iterator[tuple[Node, _Place]]:
    """The children of a node, and what holds where each stands."""
    match node:
        case Binary(operator="??", left=left, right=right):
            yield left, replace(place, guarded=True)
            yield right, place
        case Binary(operator="&&", left=left, right=right):
            yield left, place
            yield right, replace(place, present=place.present | _present(left))
        case Conditional(test=test, then=then, other=other):
            yield test, place
            yield then, replace(place, present=place.present | _present(test))
            yield other, place
        case CallExpression(function="has", arguments=arguments):
            yield arguments[0], replace(place, guarded=True)
        case Each(items=items, variable=variable, body=body):
            yield items, place
            yield body, replace(place, bound=place.bound | {variable})
        case _:
            for child in children(node):
                yield child, place


def _present(test: Node) -> frozenset[tuple[str, ...]]:
    """The paths that are there when a condition is true: `has(a.b) && …`."""
    match test:
        case CallExpression(function="has", arguments=(Name() | Member() as path,)):
            root, keys, computed = _path(path)
            return frozenset() if computed or not isinstance(root, Name) else frozenset({(root.name, *keys)})
        case Binary(operator="&&", left=left, right=right):
            return _present(left) | _present(right)
        case _:
            return frozenset()


def _path(node: Node) -> tuple[Node, list[str], list[Node]]:
    """Where a chain of members begins, its constant names up to the first computed key, and the computed keys."""
    keys: list[str] = []
    computed: list[Node] = []
    current = node
    while isinstance(current, Member):
        if isinstance(current.key, Literal) and type(current.key.value) is str:
            keys.append(current.key.value)
        else:
            computed.append(current.key)
            keys.clear()
        current = current.of
    return current, keys[::-1], computed[::-1]


def constant_path(node: Node) -> tuple[str, ...] | None:
    """`steps.a.b` as its names; None for anything that is not only a root and constant names after it."""
    keys: list[str] = []
    current = node
    while isinstance(current, Member):
        if current.optional or not isinstance(current.key, Literal) or not isinstance(current.key.value, str):
            return None
        keys.append(current.key.value)
        current = current.of
    return (current.name, *reversed(keys)) if isinstance(current, Name) else None


def _reads(node: Name | Member, place: _Place) -> Iterator[Reference]:
    root, keys, computed = _path(node)
    # Only the last `?.` guards: in a?.b.c the read of c fails on the null that ?. gave.
    optional = isinstance(node, Member) and node.optional
    if not isinstance(root, Name):
        yield from _references(root, replace(place, guarded=place.guarded or optional))
    elif root.name not in place.bound:
        path = (root.name, *keys)
        guarded = place.guarded or optional or any(path[: len(there)] == there for there in place.present)
        yield Reference(path, root.at, guarded, computed=bool(computed) and len(path) == 1)
    for key in computed:
        yield from _references(key, place)
