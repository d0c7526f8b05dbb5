"""How long a text is for a platform: links, wide characters and emoji count as the platform's rules say.

X's counting is the model, since no other platform's is richer: twitter-text, configuration version 3.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from towpath.contracts.publishing.campaign import PlatformRules
from towpath.policy.core.entities import find_links

_PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
)
_LOOK = "[\ufe0f\U0001f3fb-\U0001f3ff]{0,2}"
_TAGS = "[\U000e0020-\U000e007e]{1,8}\U000e007f"
_EMOJI = (
    f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|\U0001f3f4{_TAGS}"
    f"|{_PICTURE}{_LOOK}(?:\u200d{_PICTURE}{_LOOK}){{1,3}}|{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]{{1,2}}"
)
_EMOJIS = re.compile(_EMOJI)

_WIDE = re.compile("[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
"""What counts 2 on X: all but Latin to Georgian, spaces, dashes, quotation marks and primes."""
_HASHTAG_TEMPLATE = 12
"""How much longer `{hashtag|\\#|word}` is than `#word`."""
_WORD = re.compile(r"\w")
_MARKS_IN_A_ROW = 30
"""Unicode's stream-safe text format (UAX #15, 13) allows no more, which keeps the composing linear."""
_MAY_HAVE_MARKS = re.compile(
    "[\u0300-\u1dff\u20d0-\u20ff\u2c00-\u309f\ua600-\uabff\ufb1e\ufe20-\ufe2f\U00010000-\U0010ffff]{31}"
)
"""Runs of characters of which some join to the one before: where there are none, composing is linear as it is."""


def weighted_length(text: str, rules: PlatformRules) -> int:
    """How much of the platform's `max_length` a text takes, after its characters are composed (NFC).

    A link takes `url_length` where the rules give one; a bare domain at least as much as it is long, since which
    endings a platform knows changes, and what X would not take for a link, as much as it is long. With a wide weight
    of 2, everything outside X's narrow ranges counts 2, and an emoji counts 2 however many code points join to show
    it. With a wide weight of 1, each code point counts 1.
    """
    text = composed(text)
    position = total = 0
    for start, end, weight in _atoms(text, rules):
        total += _plain_length(text, position, start, rules) + weight
        position = end
    return total + _plain_length(text, position, len(text), rules)


def links(text: str) -> tuple[str, ...]:
    """The links of a text as readers see them. A Korean particle or a punctuation mark that follows is no part of one.

    With a scheme, what has an unknown ending is a link as well, though X counts it as the text that it is.
    """
    return tuple(text[link.start : link.end] for link in find_links(text, any_host=True))


def relinked(text: str, change: Callable[[str], str]) -> str:
    """The text with each link as `change` makes it."""
    parts: list[str] = []
    position = 0
    for link in find_links(text, any_host=True):
        parts += [text[position : link.start], change(text[link.start : link.end])]
        position = link.end
    return "".join([*parts, text[position:]])


def fitting(text: str, rules: PlatformRules, limit: int) -> int:
    """How many characters of a composed text weigh at most `limit`. No link and no emoji is cut in two."""
    total, fits = 0, 0
    for end, weight in _parts(text, rules):
        total += weight
        if total > limit:
            break
        fits = end
    return fits


def composed(text: str) -> str:
    """The text as platforms count it: canonically composed (NFC), with runs of more than 30 marks interrupted."""
    if not _MAY_HAVE_MARKS.search(text):
        return unicodedata.normalize("NFC", text)
    letters: list[str] = []
    marks = 0
    for letter in text:
        marks = marks + 1 if letter > "\u02ff" and unicodedata.combining(letter) else 0
        if marks > _MARKS_IN_A_ROW:
            letters.append("\u034f")
            marks = 1
        letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters))


def _parts(text: str, rules: PlatformRules) -> Iterator[tuple[int, int]]:
    """End and weight of each part that is counted as one."""
    position = 0
    for start, end, weight in _atoms(text, rules):
        yield from _letters(text, position, start, rules)
        yield end, weight
        position = end
    yield from _letters(text, position, len(text), rules)


def _letters(text: str, start: int, end: int, rules: PlatformRules) -> Iterator[tuple[int, int]]:
    for offset in range(start, end):
        yield offset + 1, _plain_length(text, offset, offset + 1, rules)


def _plain_length(text: str, start: int, end: int, rules: PlatformRules) -> int:
    """Of characters that are neither in a link nor in an emoji."""
    if rules.wide_weight == 1:
        return end - start + _escapes(text, start, end, rules.escapes)
    return end - start + (rules.wide_weight - 1) * sum(1 for _ in _WIDE.finditer(text, start, end))


def _escapes(text: str, start: int, end: int, escapes: str) -> int:
    """What the platform's own way of writing adds: a backslash each, and its template around a hashtag."""
    if not escapes:
        return 0
    signs = [place for place in range(start, end) if text[place] in escapes]
    return sum(_HASHTAG_TEMPLATE if text[place] == "#" and _WORD.match(text, place + 1) else 1 for place in signs)


def _atoms(text: str, rules: PlatformRules) -> Iterator[tuple[int, int, int]]:
    """Start, end and weight of each link and each emoji, in order."""
    position = 0
    for link in find_links(text):
        yield from _emojis(text, position, link.start, rules)
        position = link.end
        written = _plain_length(text, link.start, link.end, rules)
        if rules.url_length is None:
            yield link.start, link.end, written
        else:
            yield link.start, link.end, rules.url_length if link.has_scheme else max(written, rules.url_length)
    yield from _emojis(text, position, len(text), rules)


def _emojis(text: str, start: int, end: int, rules: PlatformRules) -> Iterator[tuple[int, int, int]]:
    for match in _EMOJIS.finditer(text, start, end):
        weight = rules.wide_weight if rules.wide_weight > 1 else _plain_length(text, *match.span(), rules)
        yield match.start(), match.end(), weight
