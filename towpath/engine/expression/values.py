"""The values of the expression language, its limits, and its one error. JSON's types, and moments and durations."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import JsonValue

from towpath.contracts.declared.references import SecretName

Value = Any
"""None, bool, int, float, str, list, dict; beyond JSON an aware datetime in UTC, a timedelta or a SecretText. Exact
types only.
"""

class_of: Callable[[Value], type[object]] = type
"""`type`, in a signature that does not narrow its argument to a list or dict of unknown."""

LANGUAGE_VERSION = 4
"""Stored with each run. A change of meaning adds a version. Since 2, what a `set` gives and an object in what is sent
may have fields of any name: `until`, `filter`, `done`, `form` and `output_schema` were left as they are written. Since
3, what is read of a value of another kind is missing, brackets in `format_date` hold letters, and values in a `url` of
`compensate` and `check` are percent-encoded; and exactly as many members of a group win as its `join` asks for. Since
4, a step does not run once one of its `needs` failed and only a race or a group around that one handled it.
"""
KINDS_MISS = 3
BRACKETS = 3

MAX_TEXT = 4_096
MAX_DEPTH = 64
MAX_HEIGHT = 150
"""Of the syntax tree: operators in a row count here, so that no walk over it comes near Python's recursion limit."""
MAX_NODES = 500
MAX_WORK = 100_000
MAX_RESULT = 1_000_000
MAX_NESTING = 128
"""Lists and objects in one another, in a value that is written as JSON or read from it."""
INT_LIMIT = 2**63
CHARACTERS_PER_WORK = 64

ErrorCode = Literal["syntax", "limit", "missing", "type", "value", "name"]
NUMBERS = frozenset({int, float})


@dataclass(frozen=True, slots=True)
class SecretText:
    """A text that holds secrets, by their names. JSON has no such value: data of any shape is none."""

    parts: tuple[str | SecretName, ...]

    def shown(self) -> JsonValue:
        """How it reads as data, where nobody puts a secret in its place."""
        found: list[JsonValue] = [part if isinstance(part, str) else {"$secret": part.secret} for part in self.parts]
        return found[0] if len(found) == 1 else {"$text": found}


class ExpressionError(Exception):
    """What is wrong with an expression or its evaluation, and where: `at` counts characters from 0."""

    def __init__(self, code: ErrorCode, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.at = at


class AbsentError(ExpressionError):
    """There is nothing to read: `??`, `?.` and `has` catch it where `is_missing` says so."""

    def is_missing(self, scope: "Scope") -> bool:
        return self.code == "missing" or scope.language >= KINDS_MISS


class MissingError(AbsentError):
    """Something that is read is not there."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__("missing", message, at)


class OtherKindError(AbsentError):
    """What is read is a part of a value that has no such parts: a field of a number, an item of a text."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__("type", message, at)


class Scope:
    """What an expression may read: its roots by name. `work` counts down over one evaluation.

    `uuid` is called only where an expression asks for one: in a workflow each is drawn from the run's randomness.
    """

    __slots__ = ("language", "names", "now", "uuid", "work")

    def __init__(
        self,
        names: dict[str, Value],
        now: datetime | None = None,
        uuid: Callable[[], str] | None = None,
        language: int = LANGUAGE_VERSION,
    ) -> None:
        self.names = names
        self.now = now
        self.uuid = uuid
        self.language = language
        self.work = MAX_WORK

    def spend(self, amount: int, at: int = 0) -> None:
        """Raises ExpressionError when the evaluation does too much."""
        self.work -= amount
        if self.work < 0:
            raise ExpressionError("limit", f"more than {MAX_WORK:,} units of work", at)

    def with_name(self, name: str, value: Value) -> "Scope":
        """The same scope with one more root; work is counted apart."""
        return Scope({**self.names, name: value}, self.now, self.uuid, self.language)


def kind(value: Value) -> str:
    """The type's name as a person writes it."""
    of = class_of(value)
    return _KINDS.get(of, "unknown")


def a_kind(value: Value) -> str:
    """`kind` as it stands in a sentence."""
    return with_article(kind(value))


def with_article(name: str) -> str:
    return name if name == "null" else f"an {name}" if name == "object" else f"a {name}"


_KINDS: dict[type[Any], str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
    datetime: "date",
    timedelta: "duration",
    SecretText: "secret",
}


def as_json(value: Value) -> JsonValue:
    """A copy as JSON: a date as RFC 3339 in UTC, a duration as `300s`. Raises ExpressionError when nested too deep."""
    return _plain(value, 0, keep=False)


def as_sent(value: Value) -> Value:
    """As `as_json`, with each SecretText left in it, for `towpath.engine.run.references`."""
    return _plain(value, 0, keep=True)


def _plain(value: Value, depth: int, *, keep: bool) -> Value:
    of = class_of(value)
    if of is dict or of is list:
        if depth == MAX_NESTING:
            raise ExpressionError("limit", f"the value is nested deeper than {MAX_NESTING}")
        if of is list:
            return [_plain(item, depth + 1, keep=keep) for item in value]
        return {name: _plain(item, depth + 1, keep=keep) for name, item in value.items()}
    if of is datetime or of is timedelta:
        return as_text(value)
    return value.shown() if of is SecretText and not keep else value


def as_text(value: Value) -> str:
    """How a value stands in a text: strings as they are, the rest as compact JSON with sorted names.

    Raises ExpressionError for what has no JSON: nested too deep, or a number without end.
    """
    of = class_of(value)
    if of is str:
        return value
    if of is datetime:
        return _utc(value).isoformat().replace("+00:00", "Z")
    if of is timedelta:
        return _seconds(value)
    plain = as_json(value)
    try:
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise ExpressionError("limit", "a number in the value has no JSON") from error


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _seconds(duration: timedelta) -> str:
    """Exact, whatever its length: what a person would write, and `parse_duration` reads."""
    whole, rest = divmod(abs(duration // timedelta(microseconds=1)), 1_000_000)
    fraction = f".{rest:06}".rstrip("0") if rest else ""
    return f"{'-' if duration < timedelta() else ''}{whole}{fraction}s"


def size_of(value: Value, limit: int = MAX_RESULT) -> int:
    """About how many bytes of JSON a value makes; stops counting a little over `limit`."""
    return measure(value, limit)[0]


def measure(value: Value, limit: int = MAX_RESULT) -> tuple[int, int]:
    """`size_of`, and how many values it looked at."""
    total, seen = 0, 0
    waiting = [value]
    while waiting and total <= limit:
        item = waiting.pop()
        seen += 1
        of = class_of(item)
        if of is str:
            total += len(item) + 2
        elif of is list:
            total += 2 + len(item)
            waiting.extend(item)
        elif of is dict:
            total += 2 + sum(len(name) + 4 for name in item)
            waiting.extend(item.values())
        else:
            total += 8
    return total, seen


def _one_equals(one: Value, other: Value, scope: Scope, at: int) -> bool:
    """Of values of one type that hold no others."""
    if type(one) is str and len(one) > CHARACTERS_PER_WORK:
        scope.spend(len(one) // CHARACTERS_PER_WORK, at)
    return bool(one == other)


def equal(left: Value, right: Value, scope: Scope, at: int = 0) -> bool:
    """Deep equality. Numbers compare by value, whatever their type; a boolean equals no number."""
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if one is other:
            continue
        of = class_of(one)
        if of is not type(other):
            if of in NUMBERS and type(other) in NUMBERS and one == other:
                continue
            return False
        if of is list:
            if len(one) != len(other):
                return False
            scope.spend(len(one), at)
            waiting.extend(zip(one, other, strict=True))
        elif of is dict:
            if one.keys() != other.keys():
                return False
            scope.spend(len(one), at)
            waiting.extend((item, other[name]) for name, item in one.items())
        elif not _one_equals(one, other, scope, at):
            return False
    return True
