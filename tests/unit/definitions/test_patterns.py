"""Regular expressions of schemas: those that could take for ever are refused, those that people write are not."""

import re

import pytest

from tests.unit.cpu import least_cpu_seconds
from towpath.engine.checks.check import check_text
from towpath.engine.checks.patterns import is_endless
from towpath.engine.language.catalogue import DefinitionCatalogue

ENDLESS = [
    r"(a+)+$",
    r"(a*)*",
    r"(?:a+)*b",
    r"([a-z]+)*$",
    r"((a+))+",
    r"(a|a)+$",
    r"(a|ab)*c",
    r"([a-z]{1,10})+$",
    r"(.*)*$",
    r"(\d+)+x",
    r"(a+b?)+$",
    r"(-[a-z-]+)*$",
    "a" * 2_000,
]
FINE = [
    r"^[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+$",
    r"^[a-z0-9]+(-[a-z0-9]+)*$",
    r"^(a|b)+$",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    r"(\d{3})+",
    r"^\+?[0-9 ]{5,20}$",
    r"^[a-z]+(-[a-z]+)?$",
]


@pytest.mark.parametrize("pattern", ENDLESS, ids=lambda text: text[:20])
def test_endless_pattern(pattern: str) -> None:
    """What repeats a repetition, or a choice of two that begin alike, is refused."""
    assert is_endless(pattern)


@pytest.mark.parametrize("pattern", FINE)
def test_fine_pattern(pattern: str) -> None:
    """What people write for names, addresses and numbers passes, and fails fast on what does not match."""
    assert not is_endless(pattern)

    def search() -> None:
        for text in ("a" * 3_000 + "!", "-" * 3_000, "1" * 3_000 + "!", "a@" + "b." * 1_500, "ab" * 1_500 + "!"):
            re.search(pattern, text)

    assert least_cpu_seconds(search, 1) < 1


def test_pattern_of_an_input_is_told() -> None:
    """It is refused before it meets a value that it would never finish with."""
    text = """
id: tried
version: "1.0.0"
inputs: {a: {pattern: "(a+)+$", default: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"}}
steps: [{id: a, type: set}]
tests: [{name: t, inputs: {a: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"}}]
"""
    problems = check_text(text, DefinitionCatalogue()).diagnostics
    assert [(problem.code, problem.line) for problem in problems] == [("schema.invalid", 4)]
