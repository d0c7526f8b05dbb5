"""Asking for what may not be there, whatever stands in its place; the ends of the integers; letters in dates."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.engine.expression.functions import odd_letters
from towpath.engine.expression.template import compile_condition
from towpath.engine.expression.values import ExpressionError, Scope, class_of

NOW = datetime(2026, 3, 1, 12, 5, 9, tzinfo=UTC)
NAMES = st.sampled_from("abc")
DATA = st.recursive(
    st.sampled_from([None, 0, 1.5, "", "abc", True]),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
KEYS = st.lists(st.one_of(NAMES, st.integers(-2, 1)), min_size=1, max_size=4)
ABSENT = object()


def value(text: str, data: Any = None, language: int = 3) -> Any:
    return compile_condition(text).evaluate(Scope({"x": data}, NOW, language=language))


def path(keys: list[str | int], optional: bool = False) -> str:
    """The path as it is written; a name may stand in brackets as well."""
    question = "?." if optional else ""
    return "x" + "".join(
        f"{question or '.'}{key}" if isinstance(key, str) and index % 2 == 0 else f"{question}[{json.dumps(key)}]"
        for index, key in enumerate(keys)
    )


def walked(data: Any, keys: list[str | int]) -> Any:
    """A second reading of the rule: a name is of an object, a number is of a list, and all else is absent."""
    current: Any = data
    for key in keys:
        of = class_of(current)
        named = of is dict and isinstance(key, str) and key in current
        counted = of is list and isinstance(key, int) and -len(current) <= key < len(current)
        if not named and not counted:
            return ABSENT
        current = current[key]
    return current


@settings(max_examples=600, derandomize=True, deadline=None)
@given(DATA, KEYS)
def test_asking_never_fails(data: Any, keys: list[str | int]) -> None:
    """`has` is false, `?.` null and `??` its right side wherever a path ends in nothing, a scalar's parts too."""
    there = walked(data, keys)
    nothing = there is ABSENT or there is None
    assert value(f"has({path(keys)})", data) is not nothing
    assert value(f"{path(keys)} ?? 'else'", data) == ("else" if nothing else there)
    assert value(path(keys, optional=True), data) == (None if nothing else there)
    if there is ABSENT:
        with pytest.raises(ExpressionError):
            value(path(keys), data)


@pytest.mark.parametrize("text", ["has(x.y)", "x.y ?? 0", "x?.y", "x?.[0]", "has(x[0].y)"])
def test_older_runs_keep_their_errors(text: str) -> None:
    """A run that began with an earlier version of the language replays as it went: there it was an error."""
    assert value(text, 5) in (False, 0, None)
    with pytest.raises(ExpressionError) as caught:
        value(text, 5, language=2)
    assert caught.value.code == "type"


@pytest.mark.parametrize("text", ["has(x[null])", "x[true] ?? 0", "x?.[[]]", "(x + 'a') ?? 0", "has(x.y + 1 > 'a')"])
def test_mistakes_stay_mistakes(text: str) -> None:
    """What names no part, and operators that have no meaning, are not taken for absence."""
    with pytest.raises(ExpressionError):
        value(text, {"y": 1})


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(-3, 3), st.sampled_from([-(2**63), 2**63, 0]))
def test_integers_have_64_bits(near: int, end: int) -> None:
    """Exactly the integers from -2^63 to 2^63 - 1 can be written, alone and in a sum."""
    number = end + near
    if -(2**63) <= number < 2**63:
        assert value(str(number)) == number and value(f"[{number}][0] + 0") == number
        return
    with pytest.raises(ExpressionError, match="64 bits"):
        value(str(number))


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775808",
        "--9223372036854775808",
        "-(9223372036854775808)",
        "-9223372036854775808.x",
        "-9223372036854775808[0]",
    ],
)
def test_the_smallest_integer_has_no_negative(text: str) -> None:
    """Its digits mean a number only behind their sign."""
    with pytest.raises(ExpressionError):
        value(text)


def spelt(pattern: str) -> str:
    """A second reading of patterns: by hand, character by character."""
    parts = {"YYYY": "2026", "MM": "03", "DD": "01", "HH": "12", "mm": "05", "ss": "09"}
    found = ""
    while pattern:
        if pattern[0] == "[" and "]" in pattern:
            found, pattern = found + pattern[1 : pattern.index("]")], pattern[pattern.index("]") + 1 :]
            continue
        part = next((name for name in parts if pattern.startswith(name)), pattern[0])
        found, pattern = found + parts.get(part, part), pattern[len(part) :]
    return found


@settings(max_examples=400, derandomize=True, deadline=None)
@given(
    st.lists(st.sampled_from(["YYYY", "MM", "DD", "HH", "mm", "ss", "[", "]", "[class]", "T", "Z", "-", " of ", "M"]))
)
def test_brackets_hold_letters(parts: list[str]) -> None:
    """Letters in brackets are written as they are, those outside are the date; older runs know no brackets."""
    pattern = "".join(parts)
    assert value(f"format_date(now(), '{pattern}')") == spelt(pattern)
    plain = re.sub("[\\[\\]]", "", pattern)
    assert value(f"format_date(now(), '{plain}')", language=2) == spelt(plain)
    assert value("format_date(now(), '[ss]')", language=2) == "[09]"


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("class of YYYY", "class"),
        ("[class] of YYYY", None),
        ("YYYYMMDDTHHmmssZ", None),
        ("dd.MM.yyyy", "dd"),
        ("DDth", "DDth"),
        ("DD[th]", None),
        ("HH:mm UTC", None),
        ("YYYY년 MM월", None),
    ],
)
def test_letters_that_are_half_a_date(pattern: str, word: str | None) -> None:
    """A word is told when a part of it would be read as a date, or when it looks like one and is none."""
    assert odd_letters(pattern) == word
