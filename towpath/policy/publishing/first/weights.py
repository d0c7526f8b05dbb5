"""How long a text is, as runs count that began before X's own grammar was used."""

import re
import unicodedata
from collections.abc import Callable, Iterator

from towpath.contracts.publishing.campaign import PlatformRules

_ENDINGS = (
    "com|net|org|info|biz|io|ai|dev|app|co|kr|jp|cn|de|uk|eu|fr|ru|us|tv|cc|ly|gg|xyz|shop|store|online|site|top|tech|"
    "cloud|page|link|click|blog|news|me|so|to|ch|at|nl|se|es|it|in|ca|au"
)
_PATH = r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%|-]*"
_SCHEME_LINK = rf"(?i:https?://)(?:[A-Za-z0-9]{_PATH}|[^\x00-\x7f\s][^\s]{{0,200}})"
_DOMAIN = rf"(?i:(?:[a-z0-9-]{{1,63}}\.){{1,8}}(?:{_ENDINGS}))(?![._-]?[A-Za-z0-9])"
_BARE_LINK = rf"(?<![A-Za-z0-9@._/-]){_DOMAIN}(?:/{_PATH})?"
_LINK = f"{_SCHEME_LINK}|{_BARE_LINK}"

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
_LINKS = re.compile(_LINK)
_ATOMS = re.compile(f"(?P<link>{_LINK})|(?P<emoji>{_EMOJI})")

_WIDE = re.compile("[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
"""What counts 2 on X: all but Latin to Georgian, spaces, dashes, quotation marks and primes."""
_MARKS_IN_A_ROW = 30
"""Unicode's stream-safe text format (UAX #15, 13) allows no more, which keeps the composing linear."""
_MAY_HAVE_MARKS = re.compile(
    "[\u0300-\u1dff\u20d0-\u20ff\u2c00-\u309f\ua600-\uabff\ufb1e\ufe20-\ufe2f\U00010000-\U0010ffff]{31}"
)
"""Runs of characters of which some join to the one before: where there are none, composing is linear as it is."""


def weighted_length(text: str, rules: PlatformRules) -> int:
    """How much of the platform's `max_length` a text takes, after its characters are composed (NFC).

    A link takes `url_length` where the rules give one; a bare domain at least as much as it is long, since which
    endings a platform knows changes. With a wide weight of 2, everything outside X's narrow ranges counts 2, and an
    emoji counts 2 however many code points join to show it. With a wide weight of 1, each code point counts 1.
    """
    text = composed(text)
    position = total = 0
    for match in _ATOMS.finditer(text):
        end, weight = _atom(match, rules)
        total += _plain_length(text, position, match.start(), rules) + weight
        position = end
    return total + _plain_length(text, position, len(text), rules)


def links(text: str) -> tuple[str, ...]:
    """The links of a text as written. A Korean particle or a punctuation mark that follows is no part of one."""
    return tuple(match.group()[: _link_length(match.group())] for match in _LINKS.finditer(text))


def relinked(text: str, change: Callable[[str], str]) -> str:
    """The text with each link as `change` makes it."""

    def made(match: re.Match[str]) -> str:
        length = _link_length(match.group())
        return change(match.group()[:length]) + match.group()[length:]

    return _LINKS.sub(made, text)


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
    for match in _ATOMS.finditer(text):
        yield from _letters(text, position, match.start(), rules)
        position, weight = _atom(match, rules)
        yield position, weight
    yield from _letters(text, position, len(text), rules)


def _letters(text: str, start: int, end: int, rules: PlatformRules) -> Iterator[tuple[int, int]]:
    for offset in range(start, end):
        yield offset + 1, _plain_length(text, offset, offset + 1, rules)


def _plain_length(text: str, start: int, end: int, rules: PlatformRules) -> int:
    """Of characters that are neither in a link nor in an emoji."""
    if rules.wide_weight == 1:
        return end - start
    return end - start + (rules.wide_weight - 1) * sum(1 for _ in _WIDE.finditer(text, start, end))


def _atom(match: re.Match[str], rules: PlatformRules) -> tuple[int, int]:
    """End and weight of a link without the punctuation behind it, or of an emoji."""
    if match["link"] is None:
        return match.end(), rules.wide_weight if rules.wide_weight > 1 else len(match.group())
    end = match.start() + _link_length(match["link"])
    written = _plain_length(match.string, match.start(), end, rules)
    if rules.url_length is None:
        return end, written
    return end, rules.url_length if "://" in match["link"] else max(written, rules.url_length)


def _link_length(link: str) -> int:
    """The link without the punctuation of the sentence around it; brackets stay where they are closed within it."""
    length = len(link)
    spare = {")": link.count(")") - link.count("("), "]": link.count("]") - link.count("[")}
    while length and (link[length - 1] in ".,;:!?'*…。、」』”’" or spare.get(link[length - 1], 0) > 0):
        if link[length - 1] in spare:
            spare[link[length - 1]] -= 1
        length -= 1
    return length
