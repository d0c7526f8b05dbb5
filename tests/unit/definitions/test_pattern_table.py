"""docs/patterns.md says of each workflow pattern and each scenario of the CTK what its test shows, and no more."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration import test_patterns
from tests.integration.pattern_cases import CATALOGUE, FOLDER, PatternCase, pattern_cases
from towpath.cli.definition.documents import beside
from towpath.engine.checks.check import check_text

ROOT = Path(__file__).resolve().parents[3]
CASES = pattern_cases()
TEST = "test_patterns.py::test_killed_in_the_middle"


def row(case: PatternCase) -> str:
    """What the document must say of a case."""
    number = int(case.id[1:])
    if not case.file:
        return f"| {number} | {case.name} | | | | not yet: {case.missing} |"
    link = f"[{Path(case.file).stem}](../tests/integration/patterns/{case.file})"
    return f"| {number} | {case.name} | {link} | `{case.id}` | yes | holds: {case.how} |"


def test_the_document_says_what_the_tests_show() -> None:
    """Every row is that of its case, and there is no other one; what holds is run with its worker killed."""
    text = (ROOT / "docs" / "patterns.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()] == list(map(row, CASES))
    assert TEST in text
    assert [case.id for case in test_patterns.CASES] == [case.id for case in CASES if case.file]
    assert f"{len(test_patterns.CASES)} of {len(CASES)} hold" in text


def test_all_of_them_are_there() -> None:
    """20 patterns and 21 scenarios, by their own numbers, each with a definition or with what is missing."""
    numbers = [f"P{number:02}" for number in range(1, 21)] + [f"C{number:02}" for number in range(1, 22)]
    assert [case.id for case in CASES] == numbers
    assert all(bool(case.file) != bool(case.missing) for case in CASES)
    assert all(case.hold and case.effects and case.how for case in CASES if case.file)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*/*.yaml")), ids=lambda file: file.stem)
def test_each_definition_is_checked(file: Path) -> None:
    """`definition check` has nothing to say of any of them, and each belongs to a case."""
    text = file.read_bytes()
    checked = check_text(text, replace(CATALOGUE, documents=beside(file, text)))
    assert [problem.line_of(file.name) for problem in checked.diagnostics] == []
    known = {case.file for case in CASES} | {"workflow/one-instance.yaml"}
    assert str(file.relative_to(FOLDER)) in known
