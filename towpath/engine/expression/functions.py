"""The functions of the language: pure, total, and bounded in work and in the size of what they make."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from towpath.engine.expression.durations import parse_duration
from towpath.engine.expression.values import (
    INT_LIMIT,
    MAX_RESULT,
    NOWHERE,
    NUMBERS,
    ExpressionError,
    Scope,
    Value,
    as_text,
    equal,
    is_list,
    is_object,
    kind,
    size_of,
)

Apply = Callable[[list[Value], Scope], Value]

EACH = ("map", "filter", "any", "all")
CHARACTERS_PER_WORK = 64


@dataclass(frozen=True, slots=True)
class Function:
    """`takes` are the kinds of the arguments (`any`, or several joined by |), `gives` the kind of the result."""

    usage: str
    takes: tuple[str, ...]
    gives: str
    apply: Apply
    least: int
    most: int


def check_number(value: Value) -> Value:
    """A result that is a proper number: integers of 64 bits, finite floats."""
    if type(value) is int and not -INT_LIMIT <= value < INT_LIMIT:
        raise ExpressionError("limit", "the result is over 64 bits", NOWHERE)
    if type(value) is float and not math.isfinite(value):
        raise ExpressionError("limit", "the result is not a finite number", NOWHERE)
    return value


def bounded_text(length: int, scope: Scope) -> None:
    """Refuse a text of this length before it is made."""
    if length > MAX_RESULT:
        raise ExpressionError("limit", f"the text would be longer than {MAX_RESULT:,} characters", NOWHERE)
    scope.spend(length // CHARACTERS_PER_WORK)


def bounded_json(value: Value, scope: Scope) -> None:
    size = size_of(value)
    if size > MAX_RESULT:
        raise ExpressionError("limit", f"the value is larger than {MAX_RESULT:,} bytes", NOWHERE)
    scope.spend(size // CHARACTERS_PER_WORK)


def contains(where: Value, what: Value, scope: Scope) -> bool:
    """An item of a list, a name of an object, or a part of a string."""
    scope.spend(len(where) // CHARACTERS_PER_WORK)
    if is_list(where):
        return any(equal(item, what, scope) for item in where)
    if type(what) is not str:
        raise ExpressionError("type", f"a {kind(where)} holds strings, not a {kind(what)}", NOWHERE)
    return what in where


def _split(arguments: list[Value], scope: Scope) -> Value:
    text, separator = arguments
    if not separator:
        raise ExpressionError("value", "split: the separator is empty", NOWHERE)
    scope.spend(text.count(separator) + len(text) // CHARACTERS_PER_WORK)
    return text.split(separator)


def _join(arguments: list[Value], scope: Scope) -> Value:
    items, separator = arguments
    scope.spend(len(items))
    for item in items:
        bounded_json(item, scope)
    parts = [as_text(item) for item in items]
    bounded_text(sum(map(len, parts)) + len(separator) * len(parts), scope)
    return separator.join(parts)


def _replace(arguments: list[Value], scope: Scope) -> Value:
    text, old, new = arguments
    if not old:
        raise ExpressionError("value", "replace: the text to replace is empty", NOWHERE)
    bounded_text(len(text) + text.count(old) * len(new), scope)
    return text.replace(old, new)


def _round(number: Value, digits: Value = 0) -> Value:
    if type(digits) is not int or not 0 <= digits <= 12:
        raise ExpressionError("value", "round: digits are a whole number from 0 to 12", NOWHERE)
    if abs(number) >= 1e15:
        return number
    rounded = Decimal(repr(number)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return int(rounded) if digits == 0 else float(rounded)


def _least(arguments: list[Value], scope: Scope) -> Value:
    return min(_comparable(arguments, scope))


def _most(arguments: list[Value], scope: Scope) -> Value:
    return max(_comparable(arguments, scope))


def _comparable(arguments: list[Value], scope: Scope) -> list[Value]:
    """The items of one list, or the arguments: of one kind that has an order."""
    items = arguments[0] if len(arguments) == 1 and is_list(arguments[0]) else arguments
    scope.spend(len(items))
    kinds = {kind(item) for item in items}
    if not items:
        raise ExpressionError("value", "min and max need at least one value", NOWHERE)
    if len(kinds) > 1 or not kinds <= {"number", "string", "date", "duration"}:
        raise ExpressionError(
            "type", f"min and max compare values of one kind, not {', '.join(sorted(kinds))}", NOWHERE
        )
    return items


def _sum(arguments: list[Value], scope: Scope) -> Value:
    return check_number(sum(_numbers(arguments[0], scope)))


def _average(arguments: list[Value], scope: Scope) -> Value:
    numbers = _numbers(arguments[0], scope)
    if not numbers:
        raise ExpressionError("value", "avg needs at least one number", NOWHERE)
    return check_number(sum(numbers) / len(numbers))


def _numbers(items: list[Value], scope: Scope) -> list[Value]:
    scope.spend(len(items))
    wrong = next((item for item in items if type(item) not in NUMBERS), None)
    if wrong is not None or None in items:
        raise ExpressionError("type", f"a list of numbers is needed; it holds a {kind(wrong)}", NOWHERE)
    return items


def _to_json(arguments: list[Value], scope: Scope) -> Value:
    bounded_json(arguments[0], scope)
    value = arguments[0]
    return json.dumps(value, ensure_ascii=False) if type(value) is str else as_text(value)


def _from_json(arguments: list[Value], scope: Scope) -> Value:
    scope.spend(len(arguments[0]) // CHARACTERS_PER_WORK)

    def refuse(text: str) -> Value:
        raise ExpressionError("value", f"from_json: {text} is not JSON", NOWHERE)

    try:
        value = json.loads(arguments[0], parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ExpressionError("value", "from_json: the text is not JSON", NOWHERE) from error
    return _checked(value)


def _checked(value: Value) -> Value:
    """Numbers within bounds, everywhere in a value that came from outside."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if is_object(item):
            waiting.extend(item.values())
        elif is_list(item):
            waiting.extend(item)
        else:
            check_number(item)
    return value


def _number(text: Value) -> Value:
    if type(text) in NUMBERS:
        return text
    plain = text.strip()
    try:
        value = int(plain) if plain.lstrip("+-").isdecimal() and len(plain) < 24 else float(plain)
    except ValueError as error:
        raise ExpressionError("value", "number: the text is not a number", NOWHERE) from error
    if "_" in plain:
        raise ExpressionError("value", "number: the text is not a number", NOWHERE)
    return check_number(value)


def _text(arguments: list[Value], scope: Scope) -> Value:
    bounded_json(arguments[0], scope)
    return as_text(arguments[0])


def _date(value: Value) -> Value:
    """RFC 3339. Without an offset it is UTC; a day alone is its beginning."""
    if type(value) is datetime:
        return value
    if type(value) in NUMBERS:
        return _shift(datetime(1970, 1, 1, tzinfo=UTC), value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ExpressionError("value", "date: write it as 2026-11-22T09:00:00Z or 2026-11-22", NOWHERE) from error
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ExpressionError("limit", "date: out of range", NOWHERE) from error


def _shift(moment: datetime, seconds: float) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ExpressionError("limit", "the date is out of range", NOWHERE) from error


_FORMAT = (("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))


def _format_date(moment: Value, pattern: Value) -> Value:
    if len(pattern) > 100:
        raise ExpressionError("limit", "format_date: the pattern is longer than 100 characters", NOWHERE)
    text = pattern
    for letters, directive in _FORMAT:
        number = moment.strftime(directive)
        text = text.replace(letters, number.zfill(4) if letters == "YYYY" else number)
    return text


def _duration(value: Value) -> Value:
    if type(value) is timedelta:
        return value
    found = parse_duration(value)
    if found is None:
        raise ExpressionError("value", "duration: write it as 300s, 5m or 1h30m, up to ten years", NOWHERE)
    return found


def _now(scope: Scope) -> Value:
    if scope.now is None:
        raise ExpressionError("name", "now() is not known here", NOWHERE)
    return scope.now


def _uuid(scope: Scope) -> Value:
    if scope.uuid is None:
        raise ExpressionError("name", "uuid() is not known here", NOWHERE)
    return scope.uuid()


def _range(arguments: list[Value], scope: Scope) -> Value:
    count = arguments[0]
    if type(count) is not int or count < 0:
        raise ExpressionError("value", "range: the count is a whole number from 0", NOWHERE)
    scope.spend(count)
    return list(range(count))


def _always(_: Value) -> Value:
    """Stands for `has`, which is compiled: its path may lead nowhere."""
    return True


def _values(fields: dict[str, Value]) -> Value:
    return [fields[name] for name in sorted(fields)]


def _plain(function: Callable[..., Value]) -> Apply:
    """A function of its arguments alone."""
    return lambda arguments, _: function(*arguments)


def _scoped(function: Callable[[Scope], Value]) -> Apply:
    """A function of the run alone."""
    return lambda _, scope: function(scope)


def _function(
    usage: str, takes: str, gives: str, apply: Apply, least: int | None = None, most: int | None = None
) -> tuple[str, Function]:
    kinds = tuple(takes.split())
    name = usage.split("(", maxsplit=1)[0]
    fewest = len(kinds) if least is None else least
    return name, Function(usage, kinds, gives, apply, fewest, len(kinds) if most is None else most)


FUNCTIONS: Mapping[str, Function] = dict(
    (
        _function("has(path)", "any", "boolean", _plain(_always)),
        _function("size(list|object|string)", "list|object|string", "number", _plain(len)),
        _function("lower(string)", "string", "string", _plain(str.lower)),
        _function("upper(string)", "string", "string", _plain(str.upper)),
        _function("trim(string)", "string", "string", _plain(str.strip)),
        _function("split(string, separator)", "string string", "list", _split),
        _function("join(list, separator)", "list string", "string", _join),
        _function(
            "contains(list|object|string, value)",
            "list|object|string any",
            "boolean",
            lambda arguments, scope: contains(arguments[0], arguments[1], scope),
        ),
        _function("starts_with(string, part)", "string string", "boolean", _plain(str.startswith)),
        _function("ends_with(string, part)", "string string", "boolean", _plain(str.endswith)),
        _function("replace(string, old, new)", "string string string", "string", _replace),
        _function("round(number, digits)", "number number", "number", _plain(_round), 1),
        _function("min(list) or min(a, b, …)", "any", "any", _least, 1, 50),
        _function("max(list) or max(a, b, …)", "any", "any", _most, 1, 50),
        _function("sum(list)", "list", "number", _sum),
        _function("avg(list)", "list", "number", _average),
        _function("keys(object)", "object", "list", _plain(sorted)),
        _function("values(object)", "object", "list", _plain(_values)),
        _function("range(count)", "number", "list", _range),
        _function("to_json(value)", "any", "string", _to_json),
        _function("from_json(string)", "string", "any", _from_json),
        _function("text(value)", "any", "string", _text),
        _function("number(string)", "string|number", "number", _plain(_number)),
        _function("date(string)", "string|number|date", "date", _plain(_date)),
        _function("format_date(date, 'YYYY-MM-DD HH:mm:ss')", "date string", "string", _plain(_format_date)),
        _function("duration(string)", "string|duration", "duration", _plain(_duration)),
        _function("seconds(duration)", "duration", "number", _plain(timedelta.total_seconds)),
        _function("now()", "", "date", _scoped(_now)),
        _function("uuid()", "", "string", _scoped(_uuid)),
    )
)
