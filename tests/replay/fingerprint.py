"""The command fingerprint of the workflow room: per function, in order, the calls that emit commands and the patches.

`python -m tests.replay.fingerprint --write` writes it after a change that is known to be safe.
"""

import ast
import json
import sys
from pathlib import Path

from workflows.declared.effects import Effects

ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).with_name("fingerprints.json")
COMMANDS = frozenset(
    {
        "all_handlers_finished",
        "answer",
        "ask",
        "call",
        "carry_out",
        "continue_as_new",
        "decision",
        "deprecate_patch",
        "execute_activity_method",
        "execute_child_workflow",
        "start_activity_method",
        "gather",
        "notify",
        "patched",
        "perform",
        "send_notice",
        "shielded",
        "sleep",
        "start_child_workflow",
        "tell_end",
        "tell_team",
        "unwind",
        "upsert_memo",
        "upsert_search_attributes",
        "wait_condition",
        *(name for name in vars(Effects) if not name.startswith("_")),
    }
)


def fingerprint(folder: Path = ROOT / "workflows") -> dict[str, list[str]]:
    """`module.function` to its command-emitting calls, in source order; a patch with its id."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                calls = [name for call in _calls(node) if (name := _command(call)) is not None]
                if calls:
                    module = ".".join(path.relative_to(folder).with_suffix("").parts)
                    found[f"{module}.{node.name}"] = calls
    return found


def _calls(function: ast.AST) -> list[ast.Call]:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _command(call: ast.Call) -> str | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    if name not in COMMANDS:
        return None
    if name in {"patched", "deprecate_patch"} and isinstance(call.args[0], ast.Constant):
        return f"{name}({call.args[0].value})"
    return name


if __name__ == "__main__":
    if "--write" not in sys.argv:
        raise SystemExit(__doc__)
    STORED.write_text(json.dumps(fingerprint(), indent=1) + "\n", encoding="utf-8")
