"""The values of the expression language, its limits, and its one error. JSON's types, and moments and durations."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeGuard

from pydantic import JsonValue

Value = Any
"""None, bool, int, float, str, list, dict; beyond JSON an aware datetime in UTC or a timedelta. Exact types only."""

LANGUAGE_VERSION = 1
"""Stored with each run. A change of meaning adds a version."""

MAX_TEXT = 4_096
MAX_DEPTH = 64
MAX_NODES = 500
MAX_WORK = 100_000
MAX_RESULT = 1_000_000
INT_LIMIT = 2**63

ErrorCode = Literal["syntax", "limit", "missing", "type", "value", "name"]
NUMBERS = frozenset({int, float})
NOWHERE = -1
"""Place of an error that does not know its own: the call that it happens in puts its place there."""


class ExpressionError(Exception):
    """What is wrong with an expression or its evaluation, and where: `at` counts characters from 0."""

    def __init__(self, code: ErrorCode, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.at = at


class MissingError(ExpressionError):
    """Something that is read is not there: what `??`, `?.` and `has` catch."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__("missing", message, at)


class Scope:
    """What an expression may read: its roots by name. `work` counts down over one evaluation.

    `uuid` is called only where an expression asks for one: in a workflow each is drawn from the run's randomness.
    """

    __slots__ = ("names", "now", "uuid", "work")

    def __init__(
        self, names: dict[str, Value], now: datetime | None = None, uuid: Callable[[], str] | None = None
    ) -> None:
        self.names = names
        self.now = now
        self.uuid = uuid
        self.work = MAX_WORK

    def spend(self, amount: int) -> None:
        """Raises ExpressionError when the evaluation does too much."""
        self.work -= amount
        if self.work < 0:
            raise ExpressionError("limit", f"more than {MAX_WORK:,} units of work", NOWHERE)

    def with_name(self, name: str, value: Value) -> "Scope":
        """The same scope with one more root; work is counted apart."""
        return Scope({**self.names, name: value}, self.now, self.uuid)


def is_object(value: Value) -> TypeGuard[dict[str, Value]]:
    return type(value) is dict


def is_list(value: Value) -> TypeGuard[list[Value]]:
    return type(value) is list


def kind(value: Value) -> str:
    """The type's name as a person writes it."""
    return _KINDS.get(value.__class__, "unknown")


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
    datetime: "date",
    timedelta: "duration",
}


def as_json(value: Value) -> JsonValue:
    """The value as JSON: a date as RFC 3339 in UTC, a duration as `300s`."""
    if is_object(value):
        return {name: as_json(item) for name, item in value.items()}
    if is_list(value):
        return [as_json(item) for item in value]
    if type(value) is datetime or type(value) is timedelta:
        return as_text(value)
    return value


def as_text(value: Value) -> str:
    """How a value stands in a text: strings as they are, the rest as compact JSON with sorted names."""
    if type(value) is str:
        return value
    if type(value) is datetime:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if type(value) is timedelta:
        return f"{value.total_seconds():g}s"
    return json.dumps(as_json(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def size_of(value: Value, limit: int = MAX_RESULT) -> int:
    """About how many bytes of JSON a value makes; stops counting a little over `limit`."""
    total, waiting = 0, [value]
    while waiting and total <= limit:
        item = waiting.pop()
        if type(item) is str:
            total += len(item) + 2
        elif is_list(item):
            total += 2 + len(item)
            waiting.extend(item)
        elif is_object(item):
            total += 2 + sum(len(name) + 4 for name in item)
            waiting.extend(item.values())
        else:
            total += 8
    return total


def equal(left: Value, right: Value, scope: Scope) -> bool:
    """Deep equality. Numbers compare by value, whatever their type; a boolean equals no number."""
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if one is other:
            continue
        if type(one) is not type(other):
            if type(one) in NUMBERS and type(other) in NUMBERS and one == other:
                continue
            return False
        if is_list(one):
            if len(one) != len(other):
                return False
            scope.spend(len(one))
            waiting.extend(zip(one, other, strict=True))
        elif is_object(one):
            if one.keys() != other.keys():
                return False
            scope.spend(len(one))
            waiting.extend((item, other[name]) for name, item in one.items())
        elif one != other:
            return False
    return True
