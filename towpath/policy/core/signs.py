"""Hashtags and mentions in a text, as X reads them: twitter-text, configuration 3. Time is linear in the text."""

import re
import unicodedata
from collections.abc import Callable

from towpath.policy.core.entities import Found, find_links

_JOINS = frozenset("_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7")
_LOOK = "\ufe0e\ufe0f"
"""How the emoji before it is drawn."""
_ACCENT = re.compile(r"[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u036f\u1e00-\u1eff]")
_SIGN = re.compile("[#＃]")
_AT = re.compile("[@＠]([A-Za-z0-9_]{1,20})")
_NO_MENTION_AFTER = re.compile(r"[A-Za-z0-9_!#$%&*@＠]")
_RETWEET = re.compile(r"(?:^|[^a-zA-Z0-9_+~.-])rt:?$", re.IGNORECASE)
_GOES_ON = re.compile(r"[@＠]|://")

Place = tuple[int, int]


def find_hashtags(text: str) -> list[Place]:
    """Start and end of each hashtag that is in no link. At least one letter is in it: `#1` is none."""
    links = find_links(text)
    found: list[Place] = []
    position = 0
    while (sign := _SIGN.search(text, position)) is not None:
        start, position = sign.start(), sign.end()
        before = text[start - 1] if start else " "
        if (_is_of_hashtag(before) and before not in _LOOK) or before == "&":
            continue
        while position < len(text) and _is_of_hashtag(text[position]):
            position += 1
        has_letter = any(unicodedata.category(letter)[0] in "LM" for letter in text[sign.end() : position])
        is_keycap = text[sign.end() : sign.end() + 1] in {"\ufe0f", "\u20e3"}
        if has_letter and not is_keycap and not _SIGN.match(text, position) and not text.startswith("://", position):
            found.append((start, position))
    return _outside(found, links)


def find_mentions(text: str) -> list[Place]:
    """Start and end of each mention. An address of mail is none, nor is `@` between other signs."""
    found: list[Place] = []
    for match in _AT.finditer(text):
        start, end = match.span()
        before = text[:start][-8:]
        if before and _NO_MENTION_AFTER.match(before[-1]) and not _RETWEET.search(before):
            continue
        if not (_GOES_ON.match(text, end) or _ACCENT.match(text, end)):
            found.append((start, end))
    return found


def rehashed(text: str, change: Callable[[str], str]) -> str:
    """The text with each hashtag as `change` makes it."""
    parts: list[str] = []
    position = 0
    for start, end in find_hashtags(text):
        parts += [text[position:start], change(text[start:end])]
        position = end
    return "".join([*parts, text[position:]])


def _outside(places: list[Place], links: list[Found]) -> list[Place]:
    kept: list[Place] = []
    left = iter(links)
    link = next(left, None)
    for start, end in places:
        while link is not None and link.end <= start:
            link = next(left, None)
        if link is None or end <= link.start:
            kept.append((start, end))
    return kept


def _is_of_hashtag(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category[0] in "LM" or category == "Nd" or letter in _JOINS
