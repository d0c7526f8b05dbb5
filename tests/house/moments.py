"""Finds times that are printed with the name of a zone which they may not be in."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

HOME = Path("towpath/contracts/core/moments.py")
ROOMS = ("towpath", "workflows", "activities")
FILES = ("starter.py", "worker.py")
ZONES = (" UTC", "Z", " Z", " GMT")


def misleading(tree: ast.AST) -> Iterator[int]:
    """Lines of f-strings with a clock and a zone behind it, unless the moment is brought into a zone right there."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        for part, after in pairwise([*node.values, ast.Constant("")]):
            if not isinstance(part, ast.FormattedValue) or _is_brought(part.value):
                continue
            spec = "" if part.format_spec is None else ast.unparse(part.format_spec)
            says_zone = isinstance(after, ast.Constant) and str(after.value).startswith(ZONES)
            if "%H" in spec and ("%Z" in spec or "UTC" in spec or says_zone):
                yield part.lineno


def _is_brought(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "astimezone"


def found(root: Path) -> list[str]:
    """Every place of the product that prints a time past the one function."""
    paths = [path for room in ROOMS for path in sorted((root / room).rglob("*.py"))] + [root / name for name in FILES]
    return [
        f"{path.relative_to(root)}:{line}"
        for path in paths
        if path.relative_to(root) != HOME
        for line in misleading(ast.parse(path.read_text(encoding="utf-8")))
    ]
