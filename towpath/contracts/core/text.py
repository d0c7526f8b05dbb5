"""Text from outside, made harmless for every screen: the one cleaner, used where texts enter and where they are shown.

Names, labels and answers of others reach terminals, chats, mails and pages. What could move a cursor, begin a line,
turn the direction of writing or hide is taken out here, and nowhere else.
"""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, JsonValue

_LINE_ENDS = re.compile(r"\r\n?|\n")
_UNSEEN = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks by their class, that are shown as nothing: fillers and selectors."""

HIDDEN = frozenset({"Cf", "Cs", "Cn"})
"""Formats such as zero-width joiners and turns of direction, halves of surrogates, and what is no character."""


def clean(text: str) -> str:
    """The text as one line: no control character, line break, escape, turn of direction or zero-width character.

    What separates words becomes a space; what is never seen is left out.
    """
    if text.isascii() and text.isprintable():
        return text
    seen = _UNSEEN.sub("", text)
    return seen if seen.isprintable() else "".join(map(_shown, seen))


def clean_lines(text: str) -> str:
    """A text of several lines of ours, each one clean."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "\n".join(map(clean, _LINE_ENDS.split(text)))


def _shown(letter: str) -> str:
    if letter.isprintable():
        return letter
    return "" if unicodedata.category(letter) in HIDDEN else " "


def clean_values(value: JsonValue) -> JsonValue:
    """The same for all texts of a JSON value."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): clean_values(inner) for name, inner in value.items()}
    return [clean_values(inner) for inner in value] if isinstance(value, list) else value


def clean_given(value: object) -> object:
    """Before a field is checked: what is no text is its check's matter."""
    return clean(value) if isinstance(value, str) else value


Line = Annotated[str, AfterValidator(clean)]
"""A text of others in a contract: clean as soon as it is read."""
Lines = Annotated[str, AfterValidator(clean_lines)]
"""A text of ours in several lines, with texts of others in it."""
