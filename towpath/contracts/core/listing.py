"""Texts in Temporal's lists: how one stands in a query, which has no parameters, and how one is written to be found."""

import hashlib
import re

_UNASKABLE = re.compile(r"""^'|'$|["\\\x00-\x1f\x7f]""")
"""What the server's lists do not find in a value, however it is escaped: they compare it with the escape in it."""
_UNLISTED = re.compile(r"""['"\\\x00-\x1f\x7f]""")


class UnlistableError(ValueError):
    """A text that no list can be asked for."""


def in_query(text: str) -> str:
    """A text as a query of lists has it. Raises UnlistableError."""
    if _UNASKABLE.search(text):
        told = '" or \\, or a quote at its end'
        raise UnlistableError(f"{text!r}: no list finds a text with {told}: list all of them")
    return "'" + text.replace("'", "''") + "'"


def is_askable(text: str) -> bool:
    return _UNASKABLE.search(text) is None


def as_listed(text: str) -> str:
    """A text as a search attribute holds it, so that `in_query` finds it: the same for nearly all, and one to one."""
    plain = _UNLISTED.sub("_", text)
    return text if plain == text else f"{plain}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"
