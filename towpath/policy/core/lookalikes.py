"""Domains that read as other ones: labels that mix scripts, or whose letters all look like Latin ones (UTS 39).

A label may hold one script, or Latin with those that are written together in Japanese, Chinese or Korean ("highly
restrictive"). What is written in one script as its country writes is no doubt.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

from towpath.policy.core.endings import ENDINGS
from towpath.policy.core.reading import LOOKALIKES, as_read

_MORE = {
    "b": "ᑲᖯᏏ",
    "c": "ⲥ",
    "d": "Ꮷꓒᑯ",
    "f": "ք",
    "g": "ցƍ",
    "h": "հᏂ",
    "i": "ꙇᎥ",
    "j": "ϳ",
    "l": "ӏ",
    "o": "ჿⲟ",
    "p": "ⲣ",
    "q": "գզ",
    "r": "гᴦⲅ",
    "w": "ѡա",
    "y": "үყ",
    "3": "з",
    "4": "Ꮞ",
    "6": "бᏮ",
}
_TECHNICAL = {
    "a": "ɑ",
    "c": "ᴄ",
    "f": "ꞙꬵ",
    "g": "ɡᶃ",
    "e": "ꬲ",
    "i": "ɪ",
    "l": "ǀ",
    "o": "ᴏᴑꬽ",
    "r": "ꭇꭈ",
    "s": "ƽꜱ",
    "u": "ᴜꞟꭎꭒ",
    "v": "ᴠ",
    "w": "ᴡ",
    "y": "ʏᶌꭚ",
    "z": "ᴢ",
}
"""Latin letters of phonetics that no language writes in the place of the plain ones."""
_PHONETIC = {ord(letter): plain for plain, letters in _TECHNICAL.items() for letter in letters}
_LETTERS = LOOKALIKES | {ord(letter): plain for plain, letters in _MORE.items() for letter in letters} | _PHONETIC
"""Letters that look like Latin ones or digits: what texts are read by, and more that only names in domains need."""
_ROUGHLY = _LETTERS | {ord(letter): plain for letter, plain in zip("мткнв", "mtkhb", strict=True)}
"""With those that look like small capitals: too many words of Cyrillic are made of them alone."""
_AS_ONE = str.maketrans({"0": "o", "1": "l", "|": "l"})
_TOGETHER = (
    frozenset({"Latin", "Han", "Hiragana", "Katakana"}),
    frozenset({"Latin", "Han", "Bopomofo"}),
    frozenset({"Latin", "Han", "Hangul"}),
)
_AT_HOME = {
    "Cyrillic": frozenset({"ba", "bg", "by", "kg", "kz", "me", "mk", "mn", "rs", "ru", "su", "tj", "ua", "uz"}),
    "Greek": frozenset({"cy", "gr"}),
    "Armenian": frozenset({"am"}),
    "Georgian": frozenset({"ge"}),
}
"""Endings in ASCII of countries that write in the script: its words are expected below them."""
_NAMES = {"CJK": "Han", "IDEOGRAPHIC": "Han", "EXTENDED": "Arabic", "GREEK": "Greek"}
_COMMON = frozenset({"COMBINING", "MODIFIER", "KATAKANA-HIRAGANA", "DIGIT", "MIDDLE"})
_SEPARATORS = re.compile("[.\u3002\uff0e\uff61]")
_PUNYCODE = "xn--"
MOST_IN_LABEL = 63


def doubts_of(domain: str) -> tuple[str, ...]:
    """A sentence for each label that reads as something else than it is, in their order."""
    given = [label for label in _SEPARATORS.split(domain) if label]
    labels = [_decoded(label) for label in given]
    ending = labels[-1] if labels else ""
    found: list[str] = []
    for place, (label, written) in enumerate(zip(labels, given, strict=True)):
        if label is None:
            found.append(f"the label {written!r} is in no form that a domain may have")
            continue
        why = _doubt(label, ending or "") if place < len(labels) - 1 else _doubt_of_ending(label)
        shown = repr(label) if label == written.lower() else f"{written!r}, which is {label!r},"
        found += [f"the label {shown} {why}"] if why else []
    return tuple(found)


def reads_as(domain: str) -> str:
    """The domain as somebody reads it who does not look twice: equal for domains that are taken for each other."""
    labels = (_decoded(label) or label for label in _SEPARATORS.split(domain))
    return ".".join(_plain(label).translate(_AS_ONE).replace("rn", "m") for label in labels)


def _decoded(label: str) -> str | None:
    """The label in its own letters; None for punycode that says nothing, or something else than it may."""
    lower = label.lower()
    if not lower.startswith(_PUNYCODE):
        return lower
    if len(lower) > MOST_IN_LABEL:
        return None
    try:
        text = lower.removeprefix(_PUNYCODE).encode("ascii").decode("punycode")
        same = text.encode("punycode").decode("ascii") == lower.removeprefix(_PUNYCODE)
    except (UnicodeError, ValueError, OverflowError):
        return None
    return text if same and not text.isascii() and text.isprintable() else None


def _doubt_of_ending(label: str) -> str | None:
    return None if label.isascii() or label in ENDINGS else f"ends no domain that there is{_looks(label, _ROUGHLY)}"


def _looks(label: str, letters: Mapping[int, str] = _LETTERS) -> str:
    plain = _plain(label, letters)
    return f"; it looks like {plain!r}" if plain != label else ""


def _doubt(label: str, ending: str) -> str | None:
    why = None if label.isascii() else _why_doubted(label, ending)
    return why and f"{why}{_looks(label)}"


def _why_doubted(label: str, ending: str) -> str | None:
    sign = next((letter for letter in label if _is_foreign_sign(letter)), None)
    if sign is not None:
        return f"has the sign {sign!r} (U+{ord(sign):04X}), which stands in no domain"
    standing = unicodedata.normalize("NFKC", label)
    if standing != unicodedata.normalize("NFC", label):
        return "is written with characters that stand for others, such as full-width ones"
    scripts = sorted(set(_scripts(label)))
    if len(scripts) > 1 and not any(together.issuperset(scripts) for together in _TOGETHER):
        return f"mixes letters of {' and '.join(scripts)}"
    if any(ord(letter) in _PHONETIC for letter in label):
        return "has letters of phonetics in the place of plain ones"
    if _plain(label).isascii() and scripts != ["Latin"] and not _is_at_home(scripts, ending):
        return f"is wholly in {' and '.join(scripts)}"
    return None


def _is_at_home(scripts: list[str], ending: str) -> bool:
    if len(scripts) != 1:
        return not scripts
    return ending in _AT_HOME.get(scripts[0], frozenset()) or set(_scripts(ending)) == set(scripts)


def _plain(label: str, letters: Mapping[int, str] = _LETTERS) -> str:
    return as_read(label).lower().translate(letters)


def _scripts(label: str) -> Iterator[str]:
    """Of each letter and each digit beyond ASCII; what all scripts share has none."""
    for letter in label:
        if letter.isascii() and not letter.isalpha():
            continue
        category = unicodedata.category(letter)
        word = unicodedata.name(letter, "UNKNOWN").partition(" ")[0]
        if (category[0] == "L" or category == "Nd") and word not in _COMMON:
            first = word.partition("-")[0]
            yield _NAMES.get(first, first.capitalize())


def _is_foreign_sign(letter: str) -> bool:
    category = unicodedata.category(letter)
    return not letter.isascii() and category[0] in "PS" and category not in {"So", "Sk"} and letter not in "·・"
