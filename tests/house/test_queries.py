"""What enters a query of Temporal's lists, which has no parameters, is quoted in one place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.rules import parsed, python_files

ROOT = Path(__file__).parents[2]
ROOMS = ("towpath/control", "towpath/cli", "towpath/views", "towpath/local", "activities", "workflows")
ASKED = re.compile(r"""(?:^|[A-Z]\w*|[^\w])\s*(?:[=<>(,]|\b(?:STARTS_WITH|BETWEEN|AND))\s*['"]$""")
"""What of a query stands before a value, and its quote. Labels of Prometheus begin in lower case."""


def quoted_by_hand(tree: ast.AST) -> Iterator[int]:
    """Lines where a value stands in quotes after an operator of a query, and may hold a quote itself."""
    for text in ast.walk(tree):
        if not isinstance(text, ast.JoinedStr):
            continue
        for before, value, after in zip(text.values, text.values[1:], text.values[2:], strict=False):
            if not isinstance(value, ast.FormattedValue):
                continue
            left, right = _constant(before), _constant(after)
            if ASKED.search(left) and right[:1] == left[-1:]:
                yield text.lineno


def _constant(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def test_values_enter_queries_by_the_helper() -> None:
    """`in_query` quotes what a list is asked for; nobody else puts a value between quotes."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for room in ROOMS
        for path in python_files(ROOT / room)
        for line in quoted_by_hand(parsed(path))
    ]
    assert found == []


def test_the_rule_finds_the_next_one() -> None:
    """A value between quotes is found after any operator; a query of names and helpers is none."""
    planted = [
        "f\"WorkflowType = '{kind}'\"",
        "f\"{STATUS.name} IN ('{first}', '{second}')\"",
        "f'StartTime > \"{since}\" AND x'",
        "f\"WorkflowId STARTS_WITH '{prefix}'\"",
    ]
    assert [len(list(quoted_by_hand(ast.parse(text)))) for text in planted] == [1, 2, 1, 1]
    assert not list(quoted_by_hand(ast.parse("f\"{STATUS.name} = {in_query(status)} AND Other = 'x'\"")))
