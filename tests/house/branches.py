"""Code outside a process's own folders that asks which process it has: the registry is there so that nothing does."""

import ast
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from tests.house.rules import python_files
from towpath.contracts.core.process import Process
from towpath.registry import processes

CONTRACTS = "towpath.contracts"
ASKS = frozenset({"startswith", "removeprefix"})
"""Methods that compare a text with the beginning of another."""

Tokens = Mapping[str, str]
"""What stands for a process, and the folder of the process."""


def constants() -> dict[str, str]:
    """Names in the contracts of a process that hold its entry, its Temporal type, or a class of its messages."""
    found: dict[str, str] = {}
    for entry in processes().values():
        package = import_module(f"{CONTRACTS}.{entry.folder}")
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            for name, value in vars(import_module(module.name)).items():
                is_entry = isinstance(value, Process) or value in (entry.name, entry.request, entry.result)
                if is_entry or value is entry.failure:
                    found[name] = entry.folder
    return found


def types() -> dict[str, str]:
    """The Temporal types of the processes, as texts. One that is an ordinary word says nothing by itself."""
    return {name: entry.folder for name, entry in processes().items() if "-" in name}


def commands() -> dict[str, str]:
    """The groups of commands that belong to a process."""
    return {entry.command.partition(" ")[0]: entry.folder for entry in processes().values() if entry.command}


def process_branches(root: Path) -> list[str]:
    """Comparisons with a process, or mappings by it, outside of the folders and modules that bear the name of its
    folder or of its command.
    """
    known, names, groups = constants(), types(), commands()
    found: list[str] = []
    for path in python_files(root):
        place = path.relative_to(root)
        words = {word for part in place.with_suffix("").parts for word in part.split("_")}
        own = words | {groups[word] for word in words & set(groups)}
        if "tests" not in own:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            foreign = {**names, **_bound(tree, known)}
            told = {name: folder for name, folder in foreign.items() if folder not in own}
            found += [f"{place}:{line}: asks whether it is {name}" for line, name in _asked(tree, told)]
    return found


def _bound(tree: ast.Module, known: Tokens) -> dict[str, str]:
    """The names by which a module knows what stands for a process."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(CONTRACTS):
            bound |= {each.asname or each.name: known[each.name] for each in node.names if each.name in known}
            modules = [each.asname or each.name for each in node.names if each.name not in known]
            bound |= {f"{module}.{name}": folder for module in modules for name, folder in known.items()}
        elif isinstance(node, ast.Import):
            modules = [each.asname or each.name for each in node.names if each.name.startswith(CONTRACTS)]
            bound |= {f"{module}.{name}": folder for module in modules for name, folder in known.items()}
    return bound


def _asked(tree: ast.Module, told: Tokens) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        for part in _tested(node):
            for name in _mentioned(part, told):
                yield part.lineno, name


def _tested(node: ast.AST) -> list[ast.expr]:
    """What decides something in a node."""
    tested: list[ast.expr | None] = []
    match node:
        case ast.Compare():
            tested = [node.left, *node.comparators]
        case ast.Dict():
            tested = [*node.keys]
        case ast.MatchValue():
            tested = [node.value]
        case ast.MatchClass():
            tested = [node.cls]
        case ast.Call(func=ast.Name(id="isinstance")):
            tested = [*node.args[1:]]
        case ast.Call(func=ast.Attribute(attr=attribute)) if attribute in ASKS:
            tested = [*node.args]
        case _:
            pass
    return [part for part in tested if part is not None]


def _mentioned(part: ast.expr, told: Tokens) -> Iterator[str]:
    for node in ast.walk(part):
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = ast.unparse(node)
        else:
            name = str(node.value).partition("/")[0] if isinstance(node, ast.Constant) else ""
        if name in told:
            yield name
