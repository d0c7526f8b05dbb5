"""Log lines become patterns: values are masked, what happened stays, and no line is lost or counted twice."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cpu import least_cpu_seconds
from tests.unit.incident.material import NOON, lines
from towpath.contracts.incident.investigation import LogLine, LogPattern
from towpath.policy.incident.patterns import LEVELS, MAX_LINES, MAX_VARIANTS, most_telling, patterns, sample

words = st.sampled_from(
    [
        "ERROR",
        "charge",
        "id=7",
        "10.0.0.1:5432",
        "deadbeef01",
        "'a b'",
        '"c d"',
        "status=503",
        "{",
        "한글",
        "a",
        "\\",
        "`",
    ]
)
texts = st.one_of(st.lists(words, max_size=8).map(" ".join), st.text(max_size=60))


@pytest.mark.parametrize(
    ("one", "other", "template"),
    [
        pytest.param("charge 17 failed", "charge 9 failed", "charge <*> failed", id="number"),
        pytest.param("took 12ms", "took 1.5ms", "took <*>", id="unit"),
        pytest.param("from 10.0.0.1:5432", "from 10.0.0.2:80", "from <*>", id="address"),
        pytest.param("at 2026-11-22T10:00:01.5Z start", "at 2026-11-23T11:02:00Z start", "at <*> start", id="time"),
        pytest.param("id deadbeefcafe gone", "id 0123456789ab gone", "id <*> gone", id="hexadecimal"),
        pytest.param('no file "a b.txt"', 'no file "c.txt"', "no file <*>", id="quoted"),
        pytest.param("can't read it", "can't read it", "can't read it", id="apostrophe"),
        pytest.param("GET /orders/17/items", "GET /orders/9/items", "GET /orders/<*>/items", id="path"),
        pytest.param("user=kim did it", "user=lee did it", "user=<*> did it", id="field"),
        pytest.param('msg="disk full" id=1', 'msg="disk full" id=2', "msg=disk full id=<*>", id="message-of-logfmt"),
        pytest.param(
            '{"level":"error","msg":"disk full","trace":"a1"}',
            '{"trace":"b2","level":"error","msg":"disk full"}',
            "level=error msg=disk full",
            id="message-of-json",
        ),
        pytest.param("주문 17번 실패", "주문 203번 실패", "주문 <*> 실패", id="korean"),
        pytest.param("line one\n  at two", "line one   at two", "line one at two", id="space"),
    ],
)
def test_values_are_masked(one: str, other: str, template: str) -> None:
    """Two lines that differ in a value alone are one pattern, and its template says what happened."""
    found = patterns(lines(one, other))

    assert [(pattern.template, pattern.count, pattern.lines) for pattern in found] == [(template, 2, (1, 2))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("call failed status=404", "call failed status=503", id="status"),
        pytest.param('GET /x HTTP/1.1" 404 12', 'GET /x HTTP/1.1" 500 12', id="access-log"),
        pytest.param('{"msg":"a","code":404}', '{"msg":"a","code":500}', id="json-code"),
        pytest.param("connection refused", "connection reset", id="word"),
        pytest.param('{"msg":"disk full"}', '{"msg":"disk slow"}', id="message"),
    ],
)
def test_what_happened_is_kept_apart(one: str, other: str) -> None:
    """A status code, a word and a message are no values: they make two patterns."""
    assert len(patterns(lines(one, other))) == 2


def test_a_word_with_many_forms_is_a_value() -> None:
    """Names of users, more than twenty, do not make a pattern each; twenty still do."""
    letters = [f"user {chr(97 + number) * 4} logged in" for number in range(MAX_VARIANTS + 1)]

    assert [pattern.template for pattern in patterns(lines(*letters))] == ["user <*> logged in"]
    assert len(patterns(lines(*letters[:-1]))) == MAX_VARIANTS


@pytest.mark.parametrize(
    ("level", "text", "expected"),
    [
        ("WARN", "all is error", "warning"),
        ("", "2026-11-22 ERROR boom", "error"),
        ("", "[critical] boom", "fatal"),
        ("", "panic: boom", "fatal"),
        ("", "terror in the woods", ""),
        ("", "there was no error at all", ""),
        ("", "sent an alert: disk", ""),
        ("", "2026-11-22 10:00 error: boom", "error"),
        ("", '{"level":"warn","trace":"x"}', "warning"),
        ("", 'ts=1 level=error msg="no info"', "error"),
        ("odd", "nothing", ""),
    ],
)
def test_levels_have_one_spelling(level: str, text: str, expected: str) -> None:
    """The store's level counts, else the first word of the line that names one."""
    assert patterns(lines(text, level=level))[0].level == expected


def test_seen_and_order() -> None:
    """Errors come before the rest and frequent ones before rare ones; first and last seen are of the lines."""
    found = patterns(lines("info x", "error b", "error a 1", "error a 2", "fatal c"))

    assert [pattern.template for pattern in found] == ["fatal c", "error a <*>", "error b", "info x"]
    assert (found[1].first_seen, found[1].last_seen) == (NOON + timedelta(seconds=3), NOON + timedelta(seconds=4))


@given(st.lists(texts, max_size=40))
@settings(max_examples=200, deadline=None)
def test_patterns_partition_the_lines(given_texts: list[str]) -> None:
    """Every line is counted in exactly one pattern, and no two patterns point to the same line."""
    given_lines = lines(*given_texts)

    found = patterns(given_lines)

    numbers = [number for pattern in found for number in pattern.lines]
    assert sum(pattern.count for pattern in found) == len(given_lines)
    assert len(numbers) == len(set(numbers)) and set(numbers) <= {line.number for line in given_lines}
    assert all(1 <= len(pattern.lines) <= min(pattern.count, MAX_LINES) for pattern in found)
    assert all(pattern.level in LEVELS and pattern.first_seen <= pattern.last_seen for pattern in found)


@given(st.lists(texts, max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_order_of_lines_changes_no_pattern(given_texts: list[str]) -> None:
    """Lines in the opposite order give the same patterns with the same counts."""
    given_lines = lines(*given_texts)

    def counted(found: Sequence[LogPattern]) -> list[tuple[str, str, int]]:
        return sorted((one.template, one.level, one.count) for one in found)

    assert counted(patterns(given_lines)) == counted(patterns(given_lines[::-1]))


def test_most_telling_prefers_errors_and_then_what_is_new() -> None:
    """With room for two, one error and the newest of the rest are kept."""
    found = patterns(lines("info old thing", "info new thing happened", "error broken"))

    assert [pattern.template for pattern in most_telling(found, 2)] == ["error broken", "info new thing happened"]
    assert most_telling(found, 0) == ()


def test_the_sample_has_lines_of_each_pattern() -> None:
    """The lines that are shown are taken from all patterns in turn, in order of time."""
    given_lines = lines(*["error a"] * 5, *["error b"] * 5)

    assert [line.number for line in sample(patterns(given_lines), given_lines, 4)] == [1, 2, 6, 7]


def test_a_hundred_thousand_lines_take_less_than_two_seconds() -> None:
    """A window of 100,000 lines is read in time, the CPU's own counted."""
    forms = (
        "ERROR request {0:08x} failed: connection to 10.0.{1}.3:5432 refused after {1} ms",
        'level=info msg="order placed" order={0} took={1}ms status=200',
        '{{"level":"error","msg":"payment declined","status":503,"request_id":"{0:x}"}}',
        "GET /api/orders/{0}/items 200 in {1} ms",
    )
    given_lines = [
        LogLine(number=number + 1, at=NOON, text=forms[number % 4].format(number * 7919, number % 250))
        for number in range(100_000)
    ]

    assert least_cpu_seconds(lambda: patterns(given_lines), 2) < 2
    assert sorted(pattern.count for pattern in patterns(given_lines)) == [25_000] * 4


@pytest.mark.parametrize(
    "text",
    [
        '"' * 20_000,
        "'a " * 10_000,
        "<*>" * 10_000,
        "{" * 5_000,
        "a=" * 9_000,
        "-" * 20_000,
        "9:" * 10_000,
        "msg=" * 5_000,
    ],
    ids=["quotes", "apostrophes", "masks", "braces", "fields", "dashes", "hex", "nested-fields"],
)
def test_hostile_lines_take_no_longer(text: str) -> None:
    """Lines made to be slow are cut, and read in linear time."""
    given_lines = lines(*[text + str(number) for number in range(500)])

    assert sum(pattern.count for pattern in patterns(given_lines)) == 500
    assert least_cpu_seconds(lambda: patterns(given_lines), 2) < 2
