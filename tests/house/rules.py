"""The rules that the house tests check, as functions over a tree, so that each can be seen to fail on a small one."""

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

MAX_MODULE, MAX_TEST_MODULE = 400, 500
MAX_FUNCTION, MAX_CLASS = 60, 250
MAX_FOLDER = 25
SKIPPED = {".venv", ".git", ".towpath", "wheels"}
BANNED_WORDS = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b|unittest\.mock|mock\.patch|time\.sleep\(|# (noqa|type: ignore|pyright: ignore)"
)
MACHINE_PATH = re.compile(r"(?<![\w./])/(?:home|root|Users|work)/[\w.-]+")
ADDRESS = re.compile(r"https?://")
LOCAL_ACTIVITY = re.compile(r"\b(execute|start)_local_activity\w*")
SERVER_STARTED = re.compile(r"\b(temporal_server|start_local|start_time_skipping\w*)\(")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED_FILE = re.compile(r"`((?:workflows|activities|towpath|tests|bench)/[\w/-]+\.py)`")
OPEN_ADDRESSES = {"0.0.0.0", "::"}


def python_files(root: Path) -> Iterator[Path]:
    return files(root, "py")


def files(root: Path, *suffixes: str) -> Iterator[Path]:
    """Files below a folder with one of these suffixes, in order, without what is not ours."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        yield from (Path(folder, name) for name in sorted(names) if name.rpartition(".")[2] in suffixes)


@cache
def parsed(path: Path) -> ast.Module:
    """The tree of a module, parsed once for all rules."""
    return ast.parse(path.read_text(encoding="utf-8"))


def oversized(root: Path) -> list[str]:
    """Modules, classes and functions over their limits."""
    found: list[str] = []
    for path in python_files(root):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root)
        limit = MAX_TEST_MODULE if name.parts[0] == "tests" else MAX_MODULE
        if text.count("\n") > limit:
            found.append(f"{name}: more than {limit} lines")
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                limit = MAX_CLASS if isinstance(node, ast.ClassDef) else MAX_FUNCTION
                if (node.end_lineno or 0) - node.lineno + 1 > limit:
                    found.append(f"{name}:{node.lineno}: {node.name} has more than {limit} lines")
    return found


def undocumented(root: Path) -> list[str]:
    """Modules that do not say what they own, and tests without their sentence."""
    found: list[str] = []
    for path in python_files(root):
        tree = parsed(path)
        name = path.relative_to(root)
        if tree.body and ast.get_docstring(tree) is None:
            found.append(f"{name}: no docstring")
        for node in ast.walk(tree):
            is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            if is_function and node.name.startswith("test_") and ast.get_docstring(node) is None:
                found.append(f"{name}:{node.lineno}: {node.name} has no docstring")
    return found


def banned(root: Path) -> list[str]:
    """Loose ends and paths of one machine."""
    found: list[str] = []
    for path in python_files(root):
        if path.name == "rules.py":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if BANNED_WORDS.search(line) or MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(root)}:{number}: {line.strip()[:80]}")
    return found


def local_activities(root: Path) -> list[str]:
    """Places that name a local activity: what it sent is not in the history when the worker dies, and several of them
    at once do not replay (ADR 0019).
    """
    return [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in python_files(root)
        if "tests" not in path.relative_to(root).parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LOCAL_ACTIVITY.search(line)
    ]


def machine_paths(root: Path) -> list[str]:
    """Data and documents that name a path of one machine."""
    return [
        str(path.relative_to(root))
        for path in files(root, "json", "md", "yml", "toml")
        if MACHINE_PATH.search(path.read_text(encoding="utf-8"))
    ]


def entry_point_imports(root: Path, allowed: dict[str, set[str]]) -> list[str]:
    """What entry points import of the rooms, beyond what they may; import-linter only knows packages."""
    found: list[str] = []
    for name, rooms in allowed.items():
        for node in ast.walk(parsed(root / name)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                modules = [node.module]
            for module in modules:
                top, _, rest = module.partition(".")
                if top in {"towpath", "workflows", "activities"} and f"{top}.{rest.partition('.')[0]}" not in rooms:
                    found.append(f"{name} imports {module}")
    return found


def open_addresses(root: Path) -> list[str]:
    """Code that names the address of all interfaces; a container listens there by an option of its compose file.

    To compare with it is no use of it.
    """
    found: list[str] = []
    for path in python_files(root):
        if path.name == "rules.py":
            continue
        tree = parsed(path)
        compared = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in node.comparators}
        found += [
            f"{path.relative_to(root)}:{node.lineno}: listens on all interfaces"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node.value in OPEN_ADDRESSES and id(node) not in compared
        ]
    return found


def unwatched_servers(root: Path) -> list[str]:
    """Test modules that start a Temporal server and do not have its histories replayed."""
    found: list[str] = []
    for path in python_files(root / "tests"):
        text = path.read_text(encoding="utf-8")
        if path.name != "rules.py" and SERVER_STARTED.search(text) and "watched(" not in text:
            found.append(f"{path.relative_to(root)}: starts a server that is not watched")
    return found


def lock_addresses(root: Path) -> list[str]:
    """Lines of the locks that name an address or lack a hash."""
    found: list[str] = []
    for lock in sorted(root.glob("*.lock")):
        text = lock.read_text(encoding="utf-8")
        found += [f"{lock.name}: {line}" for line in text.splitlines() if ADDRESS.search(line)]
        pinned = re.findall(r"^[a-z0-9].*==.*$", text, re.MULTILINE)
        found += [f"{lock.name}: {line}" for line in pinned if not line.endswith("\\")]
    return found


def readme_commands(text: str) -> tuple[set[str], set[str]]:
    """The make targets and starter commands that a document names."""
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)\b", text, re.MULTILINE))
    commands = set(re.findall(r"(?:^starter|starter\.py) ([a-z-]+)", text, re.MULTILINE))
    return targets, commands


def dead_references(root: Path) -> list[str]:
    """Files that a document links to, or names by their path in the checkout, and that are not there."""
    found: list[str] = []
    for document in (root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))):
        text = document.read_text(encoding="utf-8") if document.exists() else ""
        linked = [document.parent / target for target in LINK.findall(text) if "://" not in target]
        named = [root / path for path in NAMED_FILE.findall(text)]
        found += [f"{document.relative_to(root)}: {path}" for path in (*linked, *named) if not path.exists()]
    return found


def unchecked_decisions(root: Path) -> list[str]:
    """Decisions that neither name what checks them nor say that they are history, and checks that are not there."""
    found: list[str] = []
    for path in sorted((root / "docs/adr").glob("0*.md")):
        last = path.read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
        if not last.startswith(("**Checked by** ", "**History.** ")):
            found.append(f"{path.name}: what checks it?")
        for file, test in re.findall(r"`(tests/[\w/.]+?)(?:::(\w+))?`", last):
            known = (root / file).exists() and (not test or f"def {test}(" in (root / file).read_text(encoding="utf-8"))
            found += [] if known else [f"{path.name}: {file} {test} is not there"]
    return found


def shared_names(root: Path) -> list[str]:
    """Public classes of two modules with one name: a reader would have to know which one is meant."""
    where: dict[str, list[str]] = {}
    for room in ("workflows", "activities", "towpath"):
        for path in python_files(root / room):
            for node in parsed(path).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    where.setdefault(node.name, []).append(str(path.relative_to(root)))
    return [f"{name}: {', '.join(paths)}" for name, paths in sorted(where.items()) if len(paths) > 1]


def crowded(root: Path) -> list[str]:
    """Folders with more modules than a reader looks through."""
    counts: dict[Path, int] = {}
    for room in ("workflows", "activities", "towpath"):
        for path in python_files(root / room):
            counts[path.parent] = counts.get(path.parent, 0) + (path.name != "__init__.py")
    return [f"{path.relative_to(root)}: {count} modules" for path, count in counts.items() if count > MAX_FOLDER]


def mixed_processes(root: Path) -> list[str]:
    """Imports of one process's workflows by another's, in folders that import-linter is not told of, too."""
    found: list[str] = []
    for path in python_files(root / "workflows"):
        own = path.relative_to(root).parts[1]
        imports = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)]
        for node, names in ((node, (node.module or "").split(".")) for node in imports):
            if names[0] == "workflows" and names[1] not in {own, "kit"}:
                found.append(f"{path.relative_to(root)}:{node.lineno}: imports {node.module}")
    return found
