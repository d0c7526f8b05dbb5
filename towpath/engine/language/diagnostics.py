"""What is wrong with a definition: where, what, and how to mend it. Problems are collected, never raised."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]
"""From the document's root: names of mappings, indexes of lists."""

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """`line` and `column` count from 1; `length` is how many characters are meant."""

    line: int
    column: int
    code: str
    what: str
    mend: str = ""
    severity: Severity = "error"
    length: int = 1
    path: str = ""

    def as_json(self) -> dict[str, str | int]:
        return {
            "line": self.line,
            "column": self.column,
            "length": self.length,
            "code": self.code,
            "severity": self.severity,
            "what": self.what,
            "mend": self.mend,
            "path": self.path,
        }

    def line_of(self, file: str) -> str:
        """`file:line:column: code: what: how to mend`."""
        mend = f": {self.mend}" if self.mend else ""
        warning = "warning: " if self.severity == "warning" else ""
        return f"{file}:{self.line}:{self.column}: {warning}{self.code}: {self.what}{mend}"


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def excerpt(diagnostic: Diagnostic, text: str) -> str:
    """The line that is meant, with carets under the place; empty when there is no such line."""
    lines = text.split("\n", diagnostic.line)
    if not 1 <= diagnostic.line <= len(lines):
        return ""
    line = lines[diagnostic.line - 1][:200].replace("\t", " ")
    number = str(diagnostic.line)
    start = min(diagnostic.column - 1, len(line))
    carets = "^" * max(1, min(diagnostic.length, len(line) - start))
    return f"  {number} | {line}\n  {' ' * len(number)} | {' ' * start}{carets}"


def without_secrets(text: str, diagnostics: Iterable[Diagnostic]) -> str:
    """The text with every secret in plain text blotted out, so that excerpts can be shown and logged."""
    lines = text.split("\n")
    for found in diagnostics:
        if found.code == "secret.plain" and found.line <= len(lines):
            line, start = lines[found.line - 1], found.column - 1
            end = min(len(line), start + found.length)
            lines[found.line - 1] = line[:start] + "•" * (end - start) + line[end:]
    return "\n".join(lines)


def path_text(path: Path) -> str:
    """A JSON pointer, which names a place for machines."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
