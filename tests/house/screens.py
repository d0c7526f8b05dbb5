"""Where texts could reach a terminal, a chat, a pager, a mail or a page past the cleaner of `contracts/core/text`."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.rules import files, parsed

CLEANER = "towpath.contracts.core.text"
OUTSIDE = frozenset({"bench", "tests", "standins", "typings", ".venv"})
NAMES = frozenset(
    {"print", "Console", "HTMLResponse", "StreamHandler", "set_current_details", "sendmail", "Environment"}
)
"""Functions and classes that show a text, or make what does. A console's own `print` is the console's."""
STREAMS = frozenset({"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"})
ADDRESSES = ("chat.postMessage", "/v2/enqueue")
"""Of those that show what they are sent."""
OURS = {
    "towpath/observability.py": "the log: events are constants, and values are quoted as JSON or by repr",
    "towpath/cli/edge/main.py": "a traceback of ours, where the user asked for it",
    "towpath/cli/incident/receiving.py": "the stream is flushed",
    "towpath/cli/local/commands.py": "a sentence of ours",
    "towpath/integrations/channels/mail.py": "bodies are clean by their contract, and subjects have a cleaner there",
    "towpath/local/faults.py": "it names an operation of a stand-in",
    "towpath/pool/watchdog.py": "JSON",
    "towpath/local/server.py": "the stream is flushed",
    "worker.py": "what is wrong with the settings of this machine",
    "workflows/publishing/posting_slots.py": "a name of the settings",
    "workflows/declared/quota.py": "a name of the settings",
    "workflows/declared/definitions.py": "an id, of letters, digits and dashes",
}
"""Files that show nothing of others, and why."""


def unclean(root: Path) -> list[str]:
    """Lines that show texts, in files that neither use the cleaner nor are known to show nothing of others."""
    found: list[str] = []
    for path in files(root, "py"):
        inner = path.relative_to(root)
        if OUTSIDE & set(inner.parts) or str(inner) in OURS:
            continue
        tree = parsed(path)
        if not _cleans(tree):
            found.extend(f"{inner}:{line}: {what} shows texts: clean them by {CLEANER}" for line, what in _shows(tree))
    return found


def _cleans(tree: ast.Module) -> bool:
    """Whether it imports the cleaner and calls it."""
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == CLEANER
        for alias in node.names
    }
    uses = any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(tree))
    return uses or _escapes(tree) or _loads(tree)


def _loads(tree: ast.Module) -> bool:
    """The terminal loads the cleaner with the first text that needs it."""
    return any(isinstance(node, ast.Constant) and node.value == CLEANER for node in ast.walk(tree))


def _escapes(tree: ast.Module) -> bool:
    """The one place that prints JSON writes what is not seen as JSON escapes it."""
    return any(isinstance(node, ast.FunctionDef) and node.name == "visible" for node in ast.walk(tree))


def _shows(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            name = called.rpartition(".")[2]
            if name in NAMES and not called.endswith(".print"):
                yield node.lineno, name
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in STREAMS:
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((node.lineno, address) for address in ADDRESSES if node.value.endswith(address))
