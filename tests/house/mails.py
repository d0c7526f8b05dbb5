"""Where a mail could be written or sent past the one place that does both, and checks what goes out."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.rules import files, parsed

PLACE = Path("towpath/integrations/channels/mail.py")
OUTSIDE = frozenset({"bench", "tests", "standins", "typings", ".venv"})
"""What is not production; the stand-in is a mail server, which reads."""
SENDING = frozenset({"aiosmtplib", "smtplib"})
LOADING = frozenset({"import_module", "__import__"})
DATES = "email.utils"
"""The one part of the standard library's `email` that writes no message: dates and lists of addresses."""


def mailing(root: Path) -> list[str]:
    """Lines that import what writes or sends a mail."""
    found: list[str] = []
    for path in files(root, "py"):
        inner = path.relative_to(root)
        if inner == PLACE or OUTSIDE & set(inner.parts):
            continue
        found.extend(
            f"{inner}:{line}: mails are written and sent by {PLACE}"
            for line, module in _imported(parsed(path))
            if _is_mail(module)
        )
    return found


def _imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in LOADING:
            yield from ((node.lineno, str(given.value)) for given in node.args if isinstance(given, ast.Constant))


def _is_mail(module: str) -> bool:
    first = module.partition(".")[0]
    if first == "email":
        return module != DATES and not module.startswith(f"{DATES}.")
    return first in SENDING
