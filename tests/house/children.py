"""Where a child process could be given the environment of its parent, keys and tokens with it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.rules import files, parsed

PLACE = Path("towpath/children.py")
OUTSIDE = frozenset({"bench", "tests", "typings", ".venv"})
STARTING = frozenset(
    {
        *{"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell", "Popen"},
        *{"check_call", "check_output", "getoutput", "getstatusoutput", "posix_spawn", "posix_spawnp", "system"},
        *{"execv", "execl", "execlp", "execvp", "spawnl", "spawnlp", "spawnv", "spawnvp", "forkpty"},
    }
)
REPLACING = frozenset({"execve", "execvpe"})
"""They have the environment as their third argument."""


def inheriting(root: Path) -> list[str]:
    """Lines that start a process without saying its environment, or take the whole of ours."""
    found: list[str] = []
    for path in files(root, "py"):
        inner = path.relative_to(root)
        if inner == PLACE or OUTSIDE & set(inner.parts):
            continue
        found.extend(f"{inner}:{line}: {what}" for line, what in _told(parsed(path)))
    return found


def _told(tree: ast.Module) -> Iterator[tuple[int, str]]:
    single = {id(inner) for node in ast.walk(tree) for inner in _single(node)}
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "subprocess", "asyncio"}
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _starts(node.func, names) and not _has_environment(node):
            yield node.lineno, f"a process is started with env=…, which {PLACE} makes"
        elif isinstance(node, ast.Attribute | ast.Name) and _is_environment(node, names) and id(node) not in single:
            yield node.lineno, f"the whole environment is read by {PLACE} alone"


def _starts(called: ast.expr, names: set[str]) -> bool:
    last = ast.unparse(called).rpartition(".")[2]
    if last == "run":
        return ast.unparse(called) == "subprocess.run" or (isinstance(called, ast.Name) and "run" in names)
    return last in STARTING | REPLACING


def _has_environment(call: ast.Call) -> bool:
    last = ast.unparse(call.func).rpartition(".")[2]
    given = [word.value for word in call.keywords if word.arg == "env"]
    given += call.args[2:3] if last in REPLACING else []
    return any(not isinstance(value, ast.Constant) for value in given)


def _is_environment(node: ast.Attribute | ast.Name, names: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in {"environ", "environb"} & names
    return node.attr in {"environ", "environb"} and ast.unparse(node.value) == "os"


def _single(node: ast.AST) -> Iterator[ast.expr]:
    """What one variable is read or set by, with its name: `os.environ["NAME"]` or `os.environ.get("NAME")`."""
    match node:
        case ast.Subscript(value=inner, slice=ast.Constant()) | ast.Attribute(value=inner, attr="get"):
            yield inner
        case _:
            return
