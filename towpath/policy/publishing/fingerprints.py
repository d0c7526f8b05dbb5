"""Recognising an own post on a timeline: by its whole text, with links as the platform resolves them.

Two posts that differ in one character are two posts, wherever the character stands.
"""

import hashlib
import html
import json
import re
import unicodedata

from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.weights import composed

_VERSION = "2:"
_PUNYCODE = re.compile(r"xn--([a-z0-9-]{1,59})")

_LITTLE_HASHTAG = re.compile(r"\{hashtag\\?\|\\?[#＃]\\?\|([^{}|]{1,200})\}")
_DOTTED = re.compile(r"[^\W_]\.[^\W_]")
_ESCAPED = 5
_KEPT = frozenset("LNS")


def fingerprint(post: Post) -> str:
    """The version of the rule, and a SHA-256 of the whole post as it was sent; of an article, of all its fields.

    What no platform keeps is left out: space around the text, the form of composed characters (NFC), `http://` before
    a domain, which X adds to a bare one, and the encoding of a domain in other letters than Latin.
    """
    if post.title or post.description or post.tags:
        return _VERSION + _digest(json.dumps([post.text, post.title, post.description, *post.tags]))
    return _VERSION + _digest(_as_sent(post.text))


def matches(wanted: str, text: str) -> bool:
    """Whether a timeline's text, as its platform's client reads it back, is that of the fingerprint.

    A fingerprint without a version is of a run that began before there were versions, and is compared by its rule.
    """
    if is_versioned(wanted):
        return _VERSION + _digest(_as_sent(text)) == wanted
    return _first_digest(text) == wanted


def is_versioned(wanted: str) -> bool:
    """Whether the whole text was taken, so that the place in the thread counts as well."""
    return wanted.startswith(_VERSION)


def _as_sent(text: str) -> str:
    return _PUNYCODE.sub(_in_letters, composed(text).strip().replace("http://", ""))


def _in_letters(label: re.Match[str]) -> str:
    """What is no encoding of anything stays: two labels never become one."""
    try:
        letters = label[1].encode().decode("punycode")
        is_exact = letters.encode("punycode").decode() == label[1]
    except UnicodeError:
        return label[0]
    return letters if is_exact and not letters.isascii() else label[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _first_digest(text: str) -> str:
    """The rule of runs from before there were versions: letters, digits and symbols without links, in lower case."""
    plain = _LITTLE_HASHTAG.sub(r"#\1", _unescaped(text))
    words = [word for word in composed(plain).split() if "://" not in word and not _linked(word)]
    joined = "".join(words).casefold()
    kept = "".join(letter for letter in joined if unicodedata.category(letter)[0] in _KEPT)
    return _digest(kept or joined)


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
