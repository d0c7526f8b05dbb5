"""The regular expressions of JSON Schema in the words of RE2, and how much there is of each once it is written out."""

import re
from dataclasses import dataclass
from typing import NoReturn

NO_LOOK = "match the text itself, or say it by a second schema in allOf or not"
NO_REFERENCE = "write the group out once more"
WIDE, WIDER = 3, 10
"""What a class of many characters weighs: it becomes ranges of bytes."""

ANY = r"[^\n\r\x{2028}\x{2029}]"
SPACES = r"\t-\r \xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}"
"""White space and line terminators of ECMA-262, within a class; `\\s` of RE2 is that of ASCII."""
NO_SPACES = (
    r"\x00-\x08\x0E-\x1F!-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}"
    r"\x{2060}-\x{2FFF}\x{3001}-\x{FEFE}\x{FF00}-\x{10FFFF}"
)
CATEGORIES = {
    "Letter": "L",
    "Uppercase_Letter": "Lu",
    "Lowercase_Letter": "Ll",
    "Titlecase_Letter": "Lt",
    "Modifier_Letter": "Lm",
    "Other_Letter": "Lo",
    "Mark": "M",
    "Nonspacing_Mark": "Mn",
    "Spacing_Mark": "Mc",
    "Number": "N",
    "Decimal_Number": "Nd",
    "Letter_Number": "Nl",
    "Other_Number": "No",
    "Punctuation": "P",
    "Dash_Punctuation": "Pd",
    "Connector_Punctuation": "Pc",
    "Symbol": "S",
    "Math_Symbol": "Sm",
    "Currency_Symbol": "Sc",
    "Separator": "Z",
    "Space_Separator": "Zs",
    "Other": "C",
    "Control": "Cc",
}
_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]{1,6})(?:,([0-9]{0,6}))?\}")
_GROUP = re.compile(r"\(\?(?:P?<[A-Za-z_][A-Za-z0-9_]*>|:|(-?[im]+[:)]))")
_HEX = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))")
_PROPERTY = re.compile(r"\\([pP])(?:\{(?:(?:Script|sc|scx|Script_Extensions|General_Category|gc)=)?(\w+)\}|([A-Z]))")
_MEANINGS = {char: f"\\{char}" for char in "dDwWbBfnrtv"} | {"0": r"\x00", "A": r"\A", "Z": r"\z", "z": r"\z"}
"""Escapes in the words of RE2: most mean what they mean in ECMA-262, the last are Python's."""


class PatternError(ValueError):
    """A pattern that is not taken: `what` is wrong with it, and what `mend` helps."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}: {mend}")
        self.what = what
        self.mend = mend


def translate(text: str) -> tuple[str, int]:
    """The pattern for RE2, and its places with all repetitions written out. Raises PatternError."""
    translation = _Translation(text)
    return translation.whole(), translation.sums[0]


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    weight: int


class _Translation:
    """`sums` are the places so far, of the whole and of each group that is open."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.sums = [0]
        self._last: int | None = None
        """The weight of what a quantifier would repeat."""

    def whole(self) -> str:
        parts: list[str] = []
        while self._at < len(self._text):
            parts.append(self._next())
        if len(self.sums) > 1:
            raise PatternError("a bracket is not closed", "close it by )")
        return "".join(parts)

    def _next(self) -> str:
        char = self._text[self._at]
        if char in "|^$":
            self._at, self._last = self._at + 1, None
            return char
        if char in "*+?{":
            return self._repeat(char)
        special = {"(": self._open, ")": self._close, "[": self._class, "\\": self._escaped}.get(char)
        if special is not None:
            return special()
        self._at += 1
        return self._atom(_Part(ANY, WIDE) if char == "." else _Part(char, 1))

    def _atom(self, part: _Part) -> str:
        self.sums[-1] += part.weight
        self._last = part.weight
        return part.text

    def _open(self) -> str:
        found = _GROUP.match(self._text, self._at)
        if found is None and self._text.startswith("(?", self._at):
            self._refuse_group()
        self._last = None
        if found is None:
            self._at += 1
            self.sums.append(0)
            return "("
        self._at = found.end()
        flags = found[1]
        if flags is None or flags.endswith(":"):
            self.sums.append(0)
        return "(" if flags is None else f"(?{flags}"

    def _refuse_group(self) -> NoReturn:
        begin = self._text[self._at : self._at + 4]
        if begin.startswith(("(?=", "(?!", "(?<=", "(?<!")):
            raise PatternError(f"it looks around by {begin[:3]}, which no linear matcher can do", NO_LOOK)
        if begin.startswith("(?P="):
            raise PatternError("it refers to a group, which no linear matcher can do", NO_REFERENCE)
        raise PatternError(f"it has a group that begins by {begin[:3]!r}", "write (?:…) or (…)")

    def _close(self) -> str:
        if len(self.sums) == 1:
            raise PatternError("it closes a bracket that is not open", r"write \) for the character")
        self._last = self.sums.pop()
        self.sums[-1] += self._last
        self._at += 1
        return ")"

    def _repeat(self, mark: str) -> str:
        found = _QUANTIFIER.match(self._text, self._at)
        if found is None:
            raise PatternError("it has a { that repeats nothing", r"write \{ for the character")
        if self._last is None:
            raise PatternError(f"its {mark} repeats nothing", rf"write \{mark} for the character")
        self._at = found.end()
        lazy = self._text.startswith("?", self._at)
        self._at += lazy
        if self._text.startswith(("+", "*", "?"), self._at):
            raise PatternError("it repeats a repetition, or keeps what it matched", "repeat once")
        least, most = found.groups()
        times = 1 if least is None else int(most) if most else max(int(least), 1)
        self.sums[-1] += (times - 1) * self._last
        self._last = None
        return found.group() + "?" * lazy

    def _escaped(self) -> str:
        return self._atom(self._escape(inside=False))

    def _class(self) -> str:
        begin = self._at
        self._at += 1
        negated = self._text.startswith("^", self._at)
        self._at += negated
        parts = ["[^" if negated else "["]
        weight = WIDE if negated else 1
        while not self._text.startswith("]", self._at) or len(parts) == 1:
            if self._at >= len(self._text):
                raise PatternError(f"the class at character {begin + 1} is not closed", "close it by ]")
            part = self._member()
            parts.append(part.text)
            weight = max(weight, part.weight)
        self._at += 1
        return self._atom(_Part("".join(parts) + "]", weight))

    def _member(self) -> _Part:
        char = self._text[self._at]
        if char == "\\":
            return self._escape(inside=True)
        self._at += 1
        return _Part("\\" + char if char in "[]" else char, 1 if char.isascii() else WIDE)

    def _escape(self, *, inside: bool) -> _Part:
        code = self._hex()
        if code is not None:
            return _Part(f"\\x{{{code:X}}}", 1)
        found = _PROPERTY.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
            name = found[2] or found[3]
            return _Part(f"\\{found[1]}{{{CATEGORIES.get(name, name)}}}", WIDER)
        char = self._text[self._at + 1 : self._at + 2]
        control = self._text[self._at + 2 : self._at + 3]
        self._at += 2
        if char == "c" and control.isascii() and control.isalpha():
            self._at += 1
            return _Part(f"\\x{{{ord(control) % 32:X}}}", 1)
        return _Part(*_plain_escape(char, inside=inside))

    def _hex(self) -> int | None:
        """A character by its number; two halves are one."""
        found = _HEX.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        code = int(found[1] or found[2] or found[3], 16)
        second = _HEX.match(self._text, self._at)
        if found[2] and 0xD800 <= code < 0xDC00 and second is not None and second[2]:
            low = int(second[2], 16)
            if 0xDC00 <= low < 0xE000:
                self._at = second.end()
                return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            raise PatternError("it names half of a character, or none", r"write \u{…} with its whole number")
        return code


def _plain_escape(char: str, *, inside: bool) -> tuple[str, int]:
    if char in {"s", "S"}:
        members = SPACES if char == "s" else NO_SPACES
        return members if inside else f"[{members}]", WIDE
    if char in {"b", "B", "A", "Z", "z"} and inside:
        return _rarely_in_class(char)
    if char == "k" or char in set("123456789"):
        raise PatternError("it refers to a group, which no linear matcher can do", NO_REFERENCE)
    if not char:
        raise PatternError("it ends by a single backslash", r"write \\ for the character")
    known = _MEANINGS.get(char)
    if known is None and (not char.isascii() or char.isalnum()):
        raise PatternError(f"it has \\{char}, which means nothing", "take the backslash out")
    return known or f"\\{char}", WIDE if char in "DW" else 1


def _rarely_in_class(char: str) -> tuple[str, int]:
    if char == "b":
        return r"\x08", 1
    raise PatternError(f"it has \\{char} within a class", "take it out")
