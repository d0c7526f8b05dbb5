"""Statements: their text is always a literal of this code, and what is put into it went through `columns`."""

from typing import LiteralString


def statement(text: LiteralString, **parts: str) -> str:
    """The statement with its `{parts}`: names by `quoted`, values by `literal`, or SQL that was made here."""
    return text.format_map(parts)
