"""Recognising an own post on a timeline: platforms rewrite links, escape signs and change space, but keep words."""

import hashlib
import html
import re
import unicodedata

from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.weights import composed

_LITTLE_HASHTAG = re.compile(r"\{hashtag\\?\|\\?[#＃]\\?\|([^{}|]{1,200})\}")
"""LinkedIn's way to write a hashtag in a post's text."""
_DOTTED = re.compile(r"[^\W_]\.[^\W_]")
_ESCAPED = 5
_KEPT = frozenset("LNS")


def fingerprint(post: Post) -> str:
    """SHA-256 of what stays the same wherever the post is read: letters, digits and symbols, in lower case.

    Space, punctuation, escapes and marks are left out, and so is every word with a link or an inner dot, for a
    platform makes a short link of it; posts of links alone are all the same. Of an article, title and description are
    taken: sites turn bodies into HTML.
    """
    return _digest(f"{post.title}\n{post.description}" if post.title else post.text)


def matches(wanted: str, text: str) -> bool:
    """Whether a timeline's text, or an article's title and description, is that of the fingerprint."""
    return _digest(text) == wanted


def _digest(text: str) -> str:
    plain = _LITTLE_HASHTAG.sub(r"#\1", _unescaped(text))
    words = [word for word in composed(plain).split() if "://" not in word and not _linked(word)]
    joined = "".join(words).casefold()
    kept = "".join(letter for letter in joined if unicodedata.category(letter)[0] in _KEPT)
    return hashlib.sha256((kept or joined).encode("utf-8", "surrogatepass")).hexdigest()


def _unescaped(text: str) -> str:
    """As often as it takes: a platform escapes an own `&amp;` once more."""
    for _ in range(_ESCAPED):
        plain = html.unescape(text)
        if plain == text:
            break
        text = plain
    return text


def _linked(word: str) -> bool:
    return any(not match.group().replace(".", "").isdecimal() for match in _DOTTED.finditer(word))
