"""What a text puts between quotation marks of any kind, and how words are compared with those of a source."""

import re
from collections.abc import Iterable, Iterator
from unicodedata import east_asian_width

from towpath.policy.core.reading import as_read, skeleton

_CLOSERS = {
    "“": "”“",
    "„": "“”„",
    "‟": "”“",
    "”": "”",
    '"': '"',
    "«": "»",
    "»": "«»",
    "‹": "›",
    "›": "‹›",
    "「": "」",
    "『": "』",
    "《": "》",
    "〈": "〉",
    "﹁": "﹂",
    "﹃": "﹄",
    "〝": "〞〟",
    "❝": "❞",
    "❮": "❯",
}
"""Which marks may close what each one opens: German, Swedish and Korean texts have ways of their own."""
_MARKS = re.compile(r"""[“„‟”"«»‹›「『《〈﹁﹃〝❝❮」』》〉﹂﹄〞〟❞❯]""")
"""All that open or close."""
_SINGLE = re.compile(
    r"(?<!\w)‘([^‘\n]{5,1000}?)’(?!\w)|‚([^‚\n]{5,1000}?)[‘’](?!\w)|(?<![\w'])'(?=\S)([^'\n]{5,1000}?)(?<=\S)'(?![\w'])"
)
_LEAST = 12
"""Shorter ones are a term or an ironic word, not what somebody said. A syllable of Korean is as wide as two letters."""
_LONGEST = 4_000
_STYLES = str.maketrans(
    dict.fromkeys("“”„‟«»「」『』《》〝〞〟❝❞＂", '"') | dict.fromkeys("‘’‚‛‹›", "'") | dict.fromkeys("*`", None)
)
_EMPHASIS = re.compile(r"(?<![^\W_])_{1,2}(?=\S)|(?<=\S)_{1,2}(?![^\W_])")
_LINK = re.compile(r"!?\[([^\[\]\n]{1,300})\]\([^()\s]{1,500}\)")
_LINE_START = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)
_TYPED = re.compile("``|''|´´")
"""Two single marks that stand for a double one."""
_PARTS = re.compile(r"…|\.{3}|\[…\]|\[\.{3}\]")


def quoted(text: str) -> tuple[str, ...]:
    """What a text puts between quotation marks, from 12 letters and two words on, its end mark left out.

    It may run over lines. One that is never closed ends with its paragraph. An ellipsis within parts it, for each side
    must stand in the source.
    """
    parts = (part.strip(" .,;:!?\n\"'") for quote in _quotes(as_read(text)) for part in _PARTS.split(quote))
    return tuple(dict.fromkeys(part for part in parts if _width(part) >= _LEAST and len(part.split()) > 1))


def _width(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def kept_quotes(quotes: Iterable[str], source: str) -> tuple[str, ...]:
    """The quotes that stand in the source word for word; space, emphasis and the form of marks do not count."""
    whole = comparable(source)
    return tuple(quote.strip() for quote in quotes if (plain := comparable(quote).strip('" ')) and plain in whole)


def comparable(text: str) -> str:
    """The words of a text: without markdown's emphasis, links and quoting, space as one space, marks in one form."""
    plain = _LINK.sub(r"\1", _LINE_START.sub("", skeleton(text))).translate(_STYLES)
    return " ".join(_EMPHASIS.sub("", plain).split())


def _quotes(text: str) -> Iterator[str]:
    text = _TYPED.sub('"', text)
    open_marks: list[tuple[str, int]] = []
    for match in _MARKS.finditer(text):
        mark, at = match.group(), match.start()
        if open_marks and mark in _CLOSERS[open_marks[-1][0]]:
            _, start = open_marks.pop()
            yield text[start:at][:_LONGEST]
        elif mark in _CLOSERS and not (mark == '"' and text[at - 1 : at].isdigit()):
            open_marks.append((mark, at + 1))
    for _, start in open_marks:
        yield text[start : start + _LONGEST].partition("\n\n")[0]
    for match in _SINGLE.finditer(text):
        yield next(part for part in match.groups() if part is not None)
