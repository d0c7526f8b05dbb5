"""The syntax tree of an expression, and what can be told from it without evaluating."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
class Call(Node):
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


def children(node: Node) -> tuple[Node, ...]:
    return _CHILDREN.get(type(node), _none)(node)


def _none(_: Any) -> tuple[Node, ...]:
    return ()


_CHILDREN: Mapping[type[Node], Callable[[Any], tuple[Node, ...]]] = {
    Member: lambda node: (node.of, node.key),
    Unary: lambda node: (node.operand,),
    Binary: lambda node: (node.left, node.right),
    Conditional: lambda node: (node.test, node.then, node.other),
    Call: lambda node: node.arguments,
    Each: lambda node: (node.items, node.body),
    ListOf: lambda node: node.items,
    ObjectOf: lambda node: tuple(value for _, value in node.fields),
}


def references(node: Node, *, guarded: bool = False, bound: frozenset[str] = frozenset()) -> Iterator[Reference]:
    """All reads of roots, in the order of the text. Loop variables are not roots."""
    match node:
        case Name(name=name):
            if name not in bound:
                yield Reference((name,), node.at, guarded)
        case Member():
            yield from _member_references(node, guarded, bound)
        case Binary(operator="??", left=left, right=right):
            yield from references(left, guarded=True, bound=bound)
            yield from references(right, guarded=guarded, bound=bound)
        case Call(function="has", arguments=arguments):
            for argument in arguments:
                yield from references(argument, guarded=True, bound=bound)
        case Each(items=items, variable=variable, body=body):
            yield from references(items, guarded=guarded, bound=bound)
            yield from references(body, guarded=guarded, bound=bound | {variable})
        case _:
            for child in children(node):
                yield from references(child, guarded=guarded, bound=bound)


def _member_references(node: Member, guarded: bool, bound: frozenset[str]) -> Iterator[Reference]:
    keys: list[str] = []
    computed: list[Node] = []
    current: Node = node
    optional = False
    while isinstance(current, Member):
        optional = optional or current.optional
        if isinstance(current.key, Literal) and type(current.key.value) is str:
            keys.append(current.key.value)
        else:
            computed.append(current.key)
            keys.clear()
        current = current.of
    if not isinstance(current, Name):
        yield from references(current, guarded=guarded, bound=bound)
    elif current.name not in bound:
        path = (current.name, *reversed(keys))
        yield Reference(path, current.at, guarded or optional, computed=bool(computed) and len(path) == 1)
    for key in reversed(computed):
        yield from references(key, guarded=guarded, bound=bound)
