"""A docstring names the errors that are raised by the names that they have."""

import ast
from pathlib import Path

from tests.house.raising import found, names, promised

ROOT = Path(__file__).resolve().parents[2]


def test_promised_errors_exist() -> None:
    """One that was renamed is renamed in docstrings, too."""
    assert found(ROOT) == []


def test_the_rule_finds_what_it_should() -> None:
    """Planted cases: of a function, of a class, of two in a sentence; another sentence promises nothing."""
    tree = ast.parse(
        'class GoodError(Exception):\n    """A GoneError before. Raises OldError."""\n\n\n'
        'def f() -> None:\n    """Raises GoodError, and LostError for others. NotError is another word."""\n'
    )
    assert [name for _, name in promised(tree) if name not in names([tree])] == ["OldError", "LostError"]
