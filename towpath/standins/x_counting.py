"""How X counts a text, from its documentation and twitter-text's grammar: the links by one pattern, the rest letter by
letter. It shares nothing with the counting that it is there to check.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import publicsuffixlist

SHORT_LINK = 23
_LIGHT = ((0, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
_PUNCTUATION = r"!'#%&()*+,\\\-./:;<=>?@\[\]^_{|}~$"
_SPACE = r"\s\u180e\u202a-\u202e\u061c\u200e\u200f\u2066-\u2069\ufffe\ufeff\uffff"
_ACCENTS = r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u036f\u1e00-\u1eff"
_PATH = rf"[a-z0-9\u0400-\u04ff!*';:=+,.$/%#\[\]\-\u2013_~@|&{_ACCENTS}]"
_PATH_END = rf"[+\-a-z0-9\u0400-\u04ff=_#/{_ACCENTS}]"
_BRACKETS = rf"\((?:{_PATH}+|{_PATH}*\({_PATH}+\){_PATH}*)\)"
_REST = (
    rf"(?::[0-9]+)?(?:/(?:{_PATH}*(?:{_BRACKETS}{_PATH}*)*(?:{_PATH_END}|{_BRACKETS}))?)?"
    r"(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/])?"
)
_SHORT = re.compile(
    r"https?://t\.co/([a-z0-9]+)(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/])?", re.IGNORECASE
)
LONGEST = 4_096
_JOINER, _LOOK, _KEYCAP, _TAG_END = "\u200d", "\ufe0f", "\u20e3", "\U000e007f"


def weight(text: str) -> int:
    """A link 23, an emoji 2, most Latin text 1, the rest 2."""
    text = unicodedata.normalize("NFC", text)
    total = position = 0
    for start, end in links(text):
        total += _plain(text[position:start]) + SHORT_LINK
        position = end
    return total + _plain(text[position:])


def links(text: str) -> list[tuple[int, int]]:
    """Start and end of what X makes a t.co link of."""
    found: list[tuple[int, int]] = []
    for match in _pattern().finditer(text):
        start, end = match.span("url")
        if end - start > LONGEST or not _is_name(match["domain"]):
            continue
        if match["scheme"]:
            short = _SHORT.match(text, start)
            if short is None:
                found.append((start, end))
            elif len(short[1]) <= 40:
                found.append((start, short.end()))
        elif not match["before"].endswith(("-", "_", ".", "/")):
            own = [(start + name.start(), start + name.end()) for name in _latin().finditer(match["domain"])]
            if own and end > match.end("domain"):
                own[-1] = (own[-1][0], end)
            found += own
    return found


def _plain(text: str) -> int:
    return sum(2 if len(unit) > 1 or not _is_light(unit) else 1 for unit in _units(text))


def _is_light(letter: str) -> bool:
    return any(low <= ord(letter) <= high for low, high in _LIGHT)


def _units(text: str) -> Iterator[str]:
    """Letters, and emoji with all that is joined to them."""
    position = 0
    while position < len(text):
        end = _emoji_end(text, position)
        yield text[position:end]
        position = end


def _emoji_end(text: str, start: int) -> int:
    end = start + 1
    if text[start] in "0123456789#*":
        looked = end + text.startswith(_LOOK, end)
        return looked + 1 if text.startswith(_KEYCAP, looked) else end
    if _is_flag(text[start]):
        return end + 1 if _is_flag(text[end : end + 1]) else end
    if not _is_picture(text[start]):
        return end
    while True:
        end = _dressed_end(text, end)
        if not (text.startswith(_JOINER, end) and _is_picture(text[end + 1 : end + 2])):
            return end
        end += 2


def _dressed_end(text: str, end: int) -> int:
    """Behind the tone of the skin, the choice of the look, and the tags of a flag of a region."""
    tags = re.compile("[\U000e0020-\U000e007e]{1,8}\U000e007f").match(text, end)
    if tags is not None:
        return tags.end()
    while end < len(text) and (text[end] == _LOOK or "\U0001f3fb" <= text[end] <= "\U0001f3ff"):
        end += 1
    return end


def _is_flag(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"


def _is_picture(letter: str) -> bool:
    is_sign = letter != "" and unicodedata.category(letter) in {"So", "Sk", "Sm", "Po", "Pd", "Cn", "Ll"}
    ranges = (
        "\u2190" <= letter <= "\u2bff" or "\U0001f000" <= letter <= "\U0001faff" or letter in {"©", "®", "〰", "〽"}
    )
    return is_sign and (ranges or letter in {"‼", "⁉", "™", "ℹ", "㊗", "㊙"})


def _is_name(domain: str) -> bool:
    try:
        encoded = [
            label if label.isascii() else "xn--" + label.encode("punycode").decode() for label in domain.split(".")
        ]
    except UnicodeError:
        return False
    return max(map(len, encoded)) <= 63 and not any(label.startswith("xn--xn--") for label in encoded)


@cache
def _endings() -> str:
    """All endings as one pattern, the longest first."""
    rules = Path(publicsuffixlist.PSLFILE).read_text(encoding="utf-8").partition("// ===END ICANN DOMAINS===")[0]
    lines = [line.strip() for line in rules.splitlines()]
    names = {line.rpartition(".")[2] for line in lines if line and not line.startswith("//")}
    known = "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))
    return rf"(?:(?:{known})(?=[^0-9a-zA-Z@+\-]|$)|xn--[\-0-9a-z]+)"


@cache
def _pattern() -> re.Pattern[str]:
    letter = rf"[^{_PUNCTUATION}{_SPACE}]"
    label = rf"{letter}(?:[_\-]*{letter})*\."
    name = rf"{letter}(?:-*{letter})*\."
    before = r"(?P<before>^|[^A-Za-z0-9@＠$#＃\ufffe\ufeff\uffff])"
    domain = rf"(?P<domain>(?:{label})*{name}{_endings()})"
    return re.compile(rf"{before}(?P<url>(?P<scheme>https?://)?{domain}{_REST})", re.IGNORECASE)


@cache
def _latin() -> re.Pattern[str]:
    return re.compile(rf"(?:[\-a-z0-9{_ACCENTS}]+\.)+{_endings()}", re.IGNORECASE)
