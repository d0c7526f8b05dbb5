"""A text as a reader sees it: characters that differ only for machines are one, and what shows nothing is left out."""

import re
import unicodedata
from functools import lru_cache

LOOKALIKES = {
    ord(letter): latin
    for latin, letters in {
        "a": "аαɑ",
        "c": "сϲ",
        "d": "ԁ",
        "e": "еҽ",
        "g": "ɡ",
        "h": "һ",
        "i": "іıι",
        "j": "ј",
        "k": "κ",
        "n": "ո",
        "o": "оοσօ",
        "p": "рρ",
        "q": "ԛ",
        "s": "ѕ",
        "t": "τ",
        "u": "υս",
        "v": "νѵ",
        "w": "ԝω",
        "x": "хχ",
        "y": "уγ",
        "A": "АΑ",
        "B": "ВΒ",
        "C": "СϹ",
        "E": "ЕΕ",
        "H": "НΗ",
        "I": "ІΙ",
        "J": "Ј",
        "K": "КΚ",
        "M": "МΜ",
        "N": "Ν",
        "O": "ОΟ",
        "P": "РΡ",
        "S": "Ѕ",
        "T": "ТΤ",
        "X": "ХΧ",
        "Y": "ҮΥ",
        "Z": "Ζ",
    }.items()
    for letter in letters
}
"""Cyrillic and Greek letters, and a few others, that look like Latin ones."""
_UNSEEN = frozenset({"Cf", "Cc"})
_SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), 0x034F, 0x115F, 0x1160, 0x3164, 0xFFA0)))
_KEPT = frozenset("\n\t")
_SPECIAL = re.compile("[^ -~\n가-힣]")


def as_read(text: str) -> str:
    """Compatible characters in one form (NFKC), one kind of space and of hyphen, and nothing that is not seen.

    One by one, since runs of marks take long to compose. Line breaks stay.
    """
    return _SPECIAL.sub(lambda match: _seen(match.group()), text)


def skeleton(text: str) -> str:
    """The text as it is read, with letters of other scripts that look like Latin ones as those."""
    return as_read(text).translate(LOOKALIKES)


@lru_cache(maxsize=4_096)
def _seen(letter: str) -> str:
    category = unicodedata.category(letter)
    if letter in _KEPT:
        return letter
    if category in _UNSEEN or letter in _SELECTORS:
        return ""
    if category == "Zs":
        return " "
    if category in {"Zl", "Zp"}:
        return "\n"
    if category == "Pd" or letter == "\u2212":
        return "-" if letter not in "—–" else letter
    return unicodedata.normalize("NFKC", letter)
