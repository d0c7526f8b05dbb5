"""Expressions read, never run as they are: an allow-listed tree, and the SQL that is printed from it."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guarded:
    """An expression that may run: SQL printed from its tree, and the columns that it reads, sorted."""

    sql: str
    columns: tuple[str, ...]


class ExpressionError(Exception):
    """An expression that is not let through: a stable code, a sentence, and a mend where one is known."""

    def __init__(self, code: str, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.mend = mend


def guard(text: str, columns: Collection[str]) -> Guarded:
    """The expression `text` over `columns`, guarded. Raises ExpressionError."""
    raise NotImplementedError(text, columns)
