"""Where a file could be written that others may read: past `towpath.private`, with the modes that the system gives.

What libraries write is not seen here: Parquet and DuckDB write in the folders of tasks, which `private` makes, and
Temporal's server its database in a folder of the local stack. `tempfile` makes files and folders of these modes itself.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.rules import files, parsed

OUTSIDE = frozenset({"bench", "tests", "typings"})
ELSEWHERE = {
    "towpath/private.py": "the one place",
    "towpath/roots.py": "folders of destinations, which are written for others to read",
    "towpath/standins": "what plays the outside world",
    "towpath/local/demo": "data and pages of the demo, made to be looked at",
    "towpath/local/skeleton.py": "sources of a new process",
    "towpath/dataplane/load": "destinations, which are written for others to read",
    "towpath/dataplane/report/telling.py": "the lineage file, which a collector reads",
}
"""What may write by itself, and why."""
WRITING = frozenset(
    {"mkdir", "makedirs", "write_text", "write_bytes", "touch", "copyfile", "copy2", "copytree", "mknod"}
)
_MODE = re.compile(r"[rwaxbt+]{1,3}")


def open_to_others(root: Path) -> list[str]:
    """Lines that make a file or a folder by themselves."""
    found: list[str] = []
    for path in files(root, "py"):
        inner = path.relative_to(root)
        if not OUTSIDE & set(inner.parts) and not any(inner.is_relative_to(place) for place in ELSEWHERE):
            found += [f"{inner}:{line}: towpath.private makes files and folders" for line in _told(parsed(path))]
    return found


def _told(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in WRITING:
            yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module in {"os", "shutil"}:
            yield from (node.lineno for alias in node.names if alias.name in {*WRITING, "open", "copy"})
        elif isinstance(node, ast.Call) and _makes(node):
            yield node.lineno


def _makes(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name == "os.open":
        return any(isinstance(part, ast.Attribute) and part.attr == "O_CREAT" for part in ast.walk(call))
    if name == "shutil.copy":
        return True
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
    if name == "open":
        modes = [mode for mode in given[1:] if not _reads(mode)]
    elif isinstance(call.func, ast.Attribute) and call.func.attr == "open":
        modes = [mode for mode in given if _is_mode(mode) and not _reads(mode)]
    else:
        return False
    return bool(modes)


def _is_mode(given: ast.expr) -> bool:
    return isinstance(given, ast.Constant) and isinstance(given.value, str) and _MODE.fullmatch(given.value) is not None


def _reads(mode: ast.expr) -> bool:
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and not set("wax+") & set(mode.value)
