"""The functions of the language: pure, total, and bounded in work and in the size of what they make.

Reading the arguments is charged by the caller, which also puts its place into every error.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal

from towpath.engine.expression.durations import parse_duration
from towpath.engine.expression.operators import ORDERED, bounded_text, check_number, contains, divide
from towpath.engine.expression.values import (
    BRACKETS,
    CHARACTERS_PER_WORK,
    INT_LIMIT,
    MAX_NESTING,
    MAX_RESULT,
    NUMBERS,
    ExpressionError,
    Scope,
    Value,
    as_text,
    class_of,
    kind,
    measure,
    with_article,
)

Apply = Callable[[Scope, list[Value]], Value]

EACH = ("map", "filter", "any", "all")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
_DATE_PART = re.compile("YYYY|MM|DD|HH|mm|ss")
_BRACKETED = re.compile(r"\[([^\]]*)\]")
_BRACKETED_DATE_PART = re.compile(f"{_BRACKETED.pattern}|{_DATE_PART.pattern}")
_LETTERS = re.compile("[A-Za-z]+")
_MEANT = re.compile(f"(?:{_DATE_PART.pattern}|[TZ])+")
_DATE_LETTERS = frozenset("YyMmDdHhSs")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HOLDERS: frozenset[type[object]] = frozenset({dict, list})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROUNDING = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Function:
    """`takes` are the kinds of the arguments (`any`, or several joined by |), `gives` the kind of the result."""

    usage: str
    takes: tuple[str, ...]
    gives: str
    apply: Apply
    least: int
    most: int


def bounded_json(value: Value, scope: Scope) -> None:
    """Refuse a value that is too large as a result."""
    size, seen = measure(value)
    if size > MAX_RESULT:
        raise ExpressionError("limit", f"the value is larger than {MAX_RESULT:,} bytes")
    scope.spend(seen + size // CHARACTERS_PER_WORK)


def _split(scope: Scope, text: str, separator: str) -> Value:
    if not separator:
        raise ExpressionError("value", "split: the separator is empty")
    scope.spend(text.count(separator))
    return text.split(separator)


def _join(scope: Scope, items: list[Value], separator: str) -> Value:
    for item in items:
        bounded_json(item, scope)
    parts = [as_text(item) for item in items]
    bounded_text(sum(map(len, parts)) + len(separator) * len(parts), scope)
    return separator.join(parts)


def _replace(scope: Scope, text: str, old: str, new: str) -> Value:
    if not old:
        raise ExpressionError("value", "replace: the text to replace is empty")
    bounded_text(len(text) + text.count(old) * (len(new) - len(old)), scope)
    return text.replace(old, new)


def _round(number: float, digits: Value = 0) -> Value:
    """Half away from zero, as people do it: 2.5 is 3, and 1.005 to two digits is 1.01."""
    if type(digits) is not int or not 0 <= digits <= 12:
        raise ExpressionError("value", "round: digits are a whole number from 0 to 12")
    if type(number) is int:
        return number
    if abs(check_number(number)) >= INT_LIMIT:
        return number
    unit = Decimal(1).scaleb(-digits)
    rounded = Decimal(repr(number)).quantize(unit, rounding=ROUND_HALF_UP, context=_ROUNDING)
    # Adding zero turns -0.0 into 0.0.
    return int(rounded) if digits == 0 else float(rounded) + 0.0


def _base64(scope: Scope, text: str) -> Value:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise ExpressionError("value", "base64: the text holds half a character") from None
    bounded_text(-(-len(raw) // 3) * 4, scope)
    return b64encode(raw).decode()


def _least(scope: Scope, *arguments: Value) -> Value:
    return min(_comparable(scope, arguments))


def _most(scope: Scope, *arguments: Value) -> Value:
    return max(_comparable(scope, arguments))


def _comparable(scope: Scope, arguments: tuple[Value, ...]) -> list[Value]:
    """The items of one list, or the arguments: of one kind that has an order."""
    items: list[Value] = arguments[0] if len(arguments) == 1 and class_of(arguments[0]) is list else list(arguments)
    kinds = {kind(item) for item in items}
    if not items:
        raise ExpressionError("value", "min and max need at least one value")
    if len(kinds) > 1 or not kinds <= ORDERED:
        raise ExpressionError("type", f"min and max compare values of one kind, not {', '.join(sorted(kinds))}")
    if kinds == {"string"}:
        scope.spend(sum(map(len, items)) // CHARACTERS_PER_WORK)
    return items


def _sum(items: list[Value]) -> Value:
    return check_number(sum(_numbers(items)))


def _average(items: list[Value]) -> Value:
    if not items:
        raise ExpressionError("value", "avg needs at least one number")
    return check_number(divide(sum(_numbers(items)), len(items)))


def _numbers(items: list[Value]) -> list[Value]:
    wrong = sorted({kind(item) for item in items if type(item) not in NUMBERS})
    if wrong:
        raise ExpressionError("type", f"a list of numbers is needed; it holds {with_article(wrong[0])}")
    return items


def _to_json(scope: Scope, value: Value) -> Value:
    bounded_json(value, scope)
    return json.dumps(value, ensure_ascii=False) if type(value) is str else as_text(value)


def _from_json(scope: Scope, text: str) -> Value:
    def refuse(constant: str) -> Value:
        raise ExpressionError("value", f"from_json: {constant} is not JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError as error:
        raise ExpressionError("value", "from_json: the text is not JSON") from error
    except RecursionError as error:
        raise _too_deep() from error
    _check_json(value, scope)
    return value


def _too_deep() -> ExpressionError:
    return ExpressionError("limit", f"from_json: nested deeper than {MAX_NESTING}")


def _check_json(value: Value, scope: Scope) -> None:
    """Numbers within bounds, whole characters and no great depth, everywhere in a value that came from outside."""
    level: list[Value] = [value]
    depth = 0
    while level:
        scope.spend(len(level))
        if depth >= MAX_NESTING and any(class_of(item) in _HOLDERS for item in level):
            raise _too_deep()
        below: list[Value] = []
        for item in level:
            if class_of(item) in _HOLDERS:
                below.extend(item)
                below.extend(item.values() if class_of(item) is dict else ())
            elif type(item) is str and _SURROGATE.search(item):
                raise ExpressionError("value", "from_json: half a character: \\ud800 to \\udfff come in pairs")
            else:
                check_number(item)
        level, depth = below, depth + 1


def _to_number(given: Value) -> Value:
    if type(given) in NUMBERS:
        return given
    plain = given.strip()
    if len(plain) > 400 or not _NUMBER.fullmatch(plain):
        raise ExpressionError("value", "number: the text is not a number")
    return check_number(int(plain) if _WHOLE.fullmatch(plain) else float(plain))


def _to_text(scope: Scope, value: Value) -> Value:
    bounded_json(value, scope)
    return as_text(value)


def parse_date(value: Value) -> datetime:
    """RFC 3339 or seconds since 1970. Without an offset it is UTC; a day alone is its beginning.

    Raises ExpressionError.
    """
    if type(value) is datetime:
        return value
    if type(value) in NUMBERS:
        return _EPOCH + timedelta(seconds=check_number(value))
    try:
        known = isinstance(value, str) and _DATE.fullmatch(value)
        moment = datetime.fromisoformat(str(value).upper()) if known else None
    except ValueError:
        moment = None
    if moment is None:
        raise ExpressionError("value", "date: write it as 2026-11-22T09:00:00Z or 2026-11-22")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def odd_letters(pattern: str) -> str | None:
    """A word of a pattern that is neither a date nor in brackets, though a part of it is one, or nearly: `class` has
    the seconds in it, `yyyy` is no year.
    """
    for word in _LETTERS.findall(_BRACKETED.sub(" ", pattern)):
        if not _MEANT.fullmatch(word) and (_DATE_PART.search(word) or not set(word) - _DATE_LETTERS):
            return word
    return None


def _format_date(scope: Scope, moment: datetime, pattern: str) -> Value:
    if len(pattern) > 100:
        raise ExpressionError("limit", "format_date: the pattern is longer than 100 characters")
    at = moment.astimezone(UTC)
    parts = {
        "YYYY": f"{at.year:04}",
        "MM": f"{at.month:02}",
        "DD": f"{at.day:02}",
        "HH": f"{at.hour:02}",
        "mm": f"{at.minute:02}",
        "ss": f"{at.second:02}",
    }
    if scope.language < BRACKETS:
        return _DATE_PART.sub(lambda match: parts[match.group()], pattern)
    return _BRACKETED_DATE_PART.sub(lambda match: match[1] if match[1] is not None else parts[match[0]], pattern)


def _duration(value: Value) -> Value:
    found = value if type(value) is timedelta else parse_duration(value)
    if found is None:
        raise ExpressionError("value", "duration: write it as 300s, 5m or 1h30m, up to ten years")
    return found


def _seconds(duration: timedelta) -> Value:
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _now(scope: Scope) -> Value:
    if scope.now is None:
        raise ExpressionError("name", "now() is not known here")
    return scope.now


def _uuid(scope: Scope) -> Value:
    if scope.uuid is None:
        raise ExpressionError("name", "uuid() is not known here")
    return scope.uuid()


def _range(scope: Scope, count: Value) -> Value:
    if type(count) is not int or count < 0:
        raise ExpressionError("value", "range: the count is a whole number from 0")
    scope.spend(count)
    return list(range(count))


def _is_there(value: Value) -> bool:
    return value is not None


def _lower(text: str) -> str:
    return text.lower()


def _upper(text: str) -> str:
    return text.upper()


def _trim(text: str) -> str:
    return text.strip()


def _starts_with(text: str, part: str) -> bool:
    return text.startswith(part)


def _ends_with(text: str, part: str) -> bool:
    return text.endswith(part)


def _contains(scope: Scope, where: Value, what: Value) -> bool:
    return contains(where, what, scope)


def _keys(of: dict[str, Value]) -> list[str]:
    return sorted(of)


def _values(of: dict[str, Value]) -> list[Value]:
    return [of[name] for name in sorted(of)]


def _plain(apply: Callable[..., Value]) -> Apply:
    """A function of its arguments alone."""

    def applied(_: Scope, arguments: list[Value]) -> Value:
        return apply(*arguments)

    return applied


def _scoped(apply: Callable[..., Value]) -> Apply:
    """A function that spends work, or reads what the scope knows."""

    def applied(scope: Scope, arguments: list[Value]) -> Value:
        return apply(scope, *arguments)

    return applied


def _function(
    usage: str, takes: str, gives: str, apply: Apply, least: int | None = None, most: int | None = None
) -> tuple[str, Function]:
    kinds = tuple(takes.split())
    count = len(kinds)
    return usage.split("(", maxsplit=1)[0], Function(
        usage, kinds, gives, apply, count if least is None else least, count if most is None else most
    )


FUNCTIONS: Mapping[str, Function] = dict(
    (
        _function("has(path)", "any", "boolean", _plain(_is_there)),
        _function("size(list|object|string)", "list|object|string", "number", _plain(len)),
        _function("lower(string)", "string", "string", _plain(_lower)),
        _function("upper(string)", "string", "string", _plain(_upper)),
        _function("trim(string)", "string", "string", _plain(_trim)),
        _function("split(string, separator)", "string string", "list", _scoped(_split)),
        _function("join(list, separator)", "list string", "string", _scoped(_join)),
        _function("contains(list|object|string, value)", "list|object|string any", "boolean", _scoped(_contains)),
        _function("starts_with(string, part)", "string string", "boolean", _plain(_starts_with)),
        _function("ends_with(string, part)", "string string", "boolean", _plain(_ends_with)),
        _function("replace(string, old, new)", "string string string", "string", _scoped(_replace)),
        _function("round(number, digits)", "number number", "number", _plain(_round), 1),
        _function("min(list) or min(a, b, …)", "any", "any", _scoped(_least), 1, 50),
        _function("max(list) or max(a, b, …)", "any", "any", _scoped(_most), 1, 50),
        _function("sum(list)", "list", "number", _plain(_sum)),
        _function("avg(list)", "list", "number", _plain(_average)),
        _function("keys(object)", "object", "list", _plain(_keys)),
        _function("values(object)", "object", "list", _plain(_values)),
        _function("range(count)", "number", "list", _scoped(_range)),
        _function("to_json(value)", "any", "string", _scoped(_to_json)),
        _function("from_json(string)", "string", "any", _scoped(_from_json)),
        _function("base64(string)", "string", "string", _scoped(_base64)),
        _function("text(value)", "any", "string", _scoped(_to_text)),
        _function("number(string)", "string|number", "number", _plain(_to_number)),
        _function("date(string)", "string|number|date", "date", _plain(parse_date)),
        _function("format_date(date, 'YYYY-MM-DD HH:mm:ss')", "date string", "string", _scoped(_format_date)),
        _function("duration(string)", "string|duration", "duration", _plain(_duration)),
        _function("seconds(duration)", "duration", "number", _plain(_seconds)),
        _function("now()", "", "date", _scoped(_now)),
        _function("uuid()", "", "string", _scoped(_uuid)),
    )
)
