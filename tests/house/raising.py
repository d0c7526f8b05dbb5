"""Finds docstrings that promise an error which nothing is called."""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOMS = ("towpath", "workflows", "activities")
FILES = ("starter.py", "worker.py")
_PROMISE = re.compile(r"\bRaises? ([^.;:]*)")
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Timeout)\b")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def names(trees: Iterable[ast.Module]) -> set[str]:
    """What is called so: Python's own, the product's classes, and what it imports."""
    found = set(dir(builtins))
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).rpartition(".")[2] for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


def promised(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of every error that a docstring says is raised."""
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):
            line = 1 if isinstance(node, ast.Module) else node.lineno
            for promise in _PROMISE.findall(ast.get_docstring(node) or ""):
                yield from ((line, name) for name in _ERROR.findall(promise))


def found(root: Path) -> list[str]:
    """Promises of errors that do not exist."""
    paths = [path for room in ROOMS for path in sorted((root / room).rglob("*.py"))] + [root / name for name in FILES]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    known = names(trees.values())
    return [
        f"{path.relative_to(root)}:{line}: {name}"
        for path, tree in trees.items()
        for line, name in promised(tree)
        if name not in known
    ]
