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


_BREAKS = frozenset("\n\r\x0b\x0c\x85\u2028\u2029")
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")
"""Formats that are drawn: signs of numbers in Arabic and Syriac."""
_JOINERS = frozenset("\u200c\u200d")
_JOINED = re.compile("[\u0600-\u08ff\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u18af]")
"""Scripts from Arabic and Syriac over those of India to Khmer and Mongolian: words there are spelt with joiners."""
_SELECTOR = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_SELECTED = re.compile("[#*0-9\u00a9\u00ae\u1800-\u18af\u2000-\u33ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""What has several looks: emoji and their bases, ideographs, Mongolian letters."""


def clean(text: str) -> str:
    """The text as one line: no control character, line break, escape, turn of direction or zero-width character.

    What separates words becomes a space; what is never seen is left out.
    """
    if text.isascii() and text.isprintable():
        return text
    seen = _UNSEEN.sub("", text)
    return seen if seen.isprintable() else "".join(map(_shown, seen))


def hidden_in(text: str) -> str | None:
    """The first character that a name or an address cannot have honestly, in words; None when there is none.

    Spaces of any kind, joiners inside words whose script needs them, and signs for the look of what is before them are
    honest: the cleaner takes them out or evens them, and nothing is said.
    """
    inner = text.strip()
    for place, letter in enumerate(inner):
        kind = None if letter.isprintable() and not _UNSEEN.match(letter) else _kind(letter)
        if kind is not None and not _is_needed(inner, place):
            return f"{kind} (U+{ord(letter):04X}) as its character {place + 1}"
    return None


def _kind(letter: str) -> str | None:
    category = unicodedata.category(letter)
    if category in {"Zs", "Cn", "Co"} or letter in _SEEN:
        return None
    if letter in _BREAKS:
        return "a line break"
    if category == "Cc":
        return "a control character"
    if letter in _DIRECTIONS:
        return "a character that turns the direction of writing"
    return "half of a character" if category == "Cs" else "a character that nobody sees"


def _is_needed(text: str, place: int) -> bool:
    before, letter, after = text[:place][-1:], text[place], text[place + 1 :][:1]
    if letter in _JOINERS:
        return _JOINED.match(before) is not None and _JOINED.match(after) is not None
    if _SELECTOR.match(letter):
        return _SELECTED.match(before) is not None or unicodedata.category(before or " ") == "So"
    return False


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
