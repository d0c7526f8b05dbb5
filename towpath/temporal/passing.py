"""Which modules of a package define workflows. It is read from their source: an import would load them unguarded."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

DEFINES = "defn"


def without_workflows(package: ModuleType) -> tuple[str, ...]:
    """Modules of a package, at any depth, that define no workflow.

    A package is not named: what is named passes through the sandbox with all that is below it.
    """
    return tuple(sorted(name for folder in package.__path__ for name in _passing(Path(folder), package.__name__)))


def _passing(folder: Path, package: str) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        *above, last = path.relative_to(folder).with_suffix("").parts
        if last != "__init__" and not _defines_workflow(path.read_bytes()):
            yield ".".join((package, *above, last))


def _defines_workflow(source: bytes) -> bool:
    """Whether the SDK's decorator is named at all: rather one module too many in the sandbox than one too few."""
    return DEFINES.encode() in source and any(
        (isinstance(node, ast.Attribute) and node.attr == DEFINES)
        or (isinstance(node, ast.alias) and node.name == DEFINES)
        for node in ast.walk(ast.parse(source))
    )
