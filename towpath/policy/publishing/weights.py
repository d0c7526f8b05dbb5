"""How long a text is for a platform: links, wide characters and emoji count as the platform's rules say.

X's counting is the model, since no other platform's is richer: twitter-text, configuration version 3.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from towpath.contracts.publishing import PlatformRules

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

_NARROW = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Code points that count 1 on X: Latin to Georgian, spaces, dashes, quotation marks, primes. All others count 2."""
_MARKS_IN_A_ROW = 30
"""Unicode's stream-safe text format (UAX #15, 13) allows no more, which keeps the composing linear."""


def weighted_length(text: str, rules: PlatformRules) -> int:
    """How much of the platform's `max_length` a text takes, after its characters are composed (NFC).

    A link takes `url_length` where the rules give one; a bare domain at least as much as it is long, since which
    endings a platform knows changes. With a wide weight of 2, everything outside X's narrow ranges counts 2, and an
    emoji counts 2 however many code points join to show it. With a wide weight of 1, each code point counts 1.
    """
    return sum(weight for _, weight in _atoms(composed(text), rules))


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
    for end, weight in _atoms(text, rules):
        total += weight
        if total > limit:
            break
        fits = end
    return fits


def composed(text: str) -> str:
    """The text as platforms count it: canonically composed (NFC), with runs of more than 30 marks interrupted."""
    if text.isascii():
        return text
    letters: list[str] = []
    marks = 0
    for letter in text:
        marks = marks + 1 if letter > "\u02ff" and unicodedata.combining(letter) else 0
        if marks > _MARKS_IN_A_ROW:
            letters.append("\u034f")
            marks = 1
        letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters))


def _atoms(text: str, rules: PlatformRules) -> Iterator[tuple[int, int]]:
    """End and weight of each part that is counted as one."""
    position = 0
    for match in _ATOMS.finditer(text):
        yield from _letters(text, position, match.start(), rules)
        position = match.end()
        if match["link"] is not None:
            position = match.start() + _link_length(match["link"])
            yield from _link(text, match.start(), position, rules)
        elif rules.wide_weight > 1:
            yield position, rules.wide_weight
        else:
            yield from _letters(text, match.start(), position, rules)
        yield from _letters(text, position, match.end(), rules)
        position = match.end()
    yield from _letters(text, position, len(text), rules)


def _letters(text: str, start: int, end: int, rules: PlatformRules) -> Iterator[tuple[int, int]]:
    for offset in range(start, end):
        code = ord(text[offset])
        narrow = rules.wide_weight == 1 or any(first <= code <= last for first, last in _NARROW)
        yield offset + 1, 1 if narrow else rules.wide_weight


def _link(text: str, start: int, end: int, rules: PlatformRules) -> Iterator[tuple[int, int]]:
    written = sum(weight for _, weight in _letters(text, start, end, rules))
    if rules.url_length is None:
        yield end, written
    else:
        bare = "://" not in text[start:end]
        yield end, max(written, rules.url_length) if bare else rules.url_length


def _link_length(link: str) -> int:
    """The link without the punctuation of the sentence around it; brackets stay where they are closed within it."""
    length = len(link)
    spare = {")": link.count(")") - link.count("("), "]": link.count("]") - link.count("[")}
    while length and (link[length - 1] in ".,;:!?'*…。、」』”’" or spare.get(link[length - 1], 0) > 0):
        if link[length - 1] in spare:
            spare[link[length - 1]] -= 1
        length -= 1
    return length
