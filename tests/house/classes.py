"""How long a class is in sense: a base whose private state it uses is part of it, wherever that stands."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.house.rules import MAX_CLASS, parsed, python_files


@dataclass(frozen=True)
class Written:
    """A class as it stands in its module, with what the names of that module stand for."""

    node: ast.ClassDef
    names: Mapping[str, str]

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or 0) - self.node.lineno + 1

    @property
    def bases(self) -> Iterator[str]:
        for base in self.node.bases:
            named = base.value if isinstance(base, ast.Subscript) else base
            first, dot, rest = ast.unparse(named).partition(".")
            yield f"{self.names.get(first, first)}{dot}{rest}"

    @property
    def used(self) -> set[str]:
        """Private attributes and methods of `self` that it names."""
        return {node.attr for node in self._of_self() if node.attr.startswith("_") and not node.attr.endswith("__")}

    @property
    def made(self) -> set[str]:
        """Attributes and methods that it gives to `self`."""
        made = {node.attr for node in self._of_self() if isinstance(node.ctx, ast.Store)}
        for node in self.node.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                made.add(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                made.add(node.target.id)
        return made

    def _of_self(self) -> Iterator[ast.Attribute]:
        for node in ast.walk(self.node):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                yield node


def stretched(root: Path) -> list[str]:
    """Classes that are over the limit together with the bases whose private state they use."""
    classes = dict(_written(root))
    found: list[str] = []
    for name, written in classes.items():
        parts = [base for base in _above(name, classes) if written.used & classes[base].made]
        lines = written.lines + sum(classes[base].lines for base in parts)
        if parts and lines > MAX_CLASS:
            found.append(f"{name} has {lines} lines with {', '.join(parts)}")
    return found


def _written(root: Path) -> Iterator[tuple[str, Written]]:
    for path in python_files(root):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        tree = parsed(path)
        own = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        names = {node.name: f"{module}.{node.name}" for node in own}
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        for node in own:
            yield f"{module}.{node.name}", Written(node, names)


def _above(name: str, classes: Mapping[str, Written]) -> list[str]:
    """Bases in our code, at any distance, each once."""
    found: list[str] = []
    for base in classes[name].bases:
        if base in classes:
            found += [one for one in (base, *_above(base, classes)) if one not in found]
    return found
