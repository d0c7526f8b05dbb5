"""A run of a definition touches the world through its effects alone."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "workflows" / "declared"
OTHER_WORKFLOWS = frozenset({"launching", "rates", "definitions", "cached_output", "quota"})
"""What starts runs, watches them or keeps something for them is no run of a definition."""
DOING = frozenset(
    {
        "call",
        "execute_activity",
        "execute_activity_method",
        "execute_child_workflow",
        "execute_local_activity",
        "get_external_workflow_handle",
        "start_activity",
        "start_activity_method",
        "start_child_workflow",
        "upsert_memo",
        "upsert_search_attributes",
    }
)
PARTS = [path for path in sorted(ROOM.glob("*.py")) if path.stem not in {*OTHER_WORKFLOWS, "temporal_effects"}]


def doings(path: Path) -> list[str]:
    """What a module does past the effects, by line."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "activities":
            found.append(f"{node.lineno}: imports {node.module}")
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found += [f"{node.lineno}: calls {name}"] if name in DOING else []
    return found


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)
def test_effects_are_all_that_a_run_does(path: Path) -> None:
    """Only the module that does the effects calls activities, starts runs or sets search attributes."""
    assert doings(path) == []


def test_the_rule_sees_what_it_is_for() -> None:
    """The module that does them would break it many times over."""
    assert len(doings(ROOM / "temporal_effects.py")) > len(OTHER_WORKFLOWS)
