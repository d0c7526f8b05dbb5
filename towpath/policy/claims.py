"""The check that a written text claims nothing that was not given: numbers, URLs and addresses, compared by value."""

import re
from collections.abc import Iterable
from decimal import Decimal

MAX_TEXT = 50_000

_LINK = re.compile(
    r"(?:https?://|www\.)[!#-&*-;=?-Z^-z|~]+|[\w.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}",
    re.IGNORECASE | re.ASCII,
)
"""ASCII only: a Korean particle follows a link without a space."""
_DOMAIN = re.compile(
    r"\b(?:[a-z0-9-]{1,63}\.){1,8}(?:com|net|org|io|ai|dev|app|co|kr|jp|de|uk|eu|example)\b", re.IGNORECASE
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SCALES = (("억", Decimal(100_000_000)), ("만", Decimal(10_000)), ("천", Decimal(1_000)))
_LIST_MARK = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)
_TRAILING = ".,;:!?)]}…"


def unsupported_claims(texts: Iterable[str], given: str) -> tuple[str, ...]:
    """What `texts` state and `given` does not: each claim once, in the order of its appearance.

    The numbering of a list at the start of a line is no claim. A number counts as given when the same value stands
    anywhere in `given`: 1,000 and 1000 are one number, 10만 and 100000 as well. Time is linear in the text; only its
    first 50,000 characters are read.
    """
    given = given[:MAX_TEXT]
    known_links = {_bare(link) for link in _links(given)}
    known_numbers = {value for value, _ in _numbers(given)}
    found: dict[str, None] = {}
    for text in texts:
        _collect(text[:MAX_TEXT], known_links, known_numbers, found)
    return tuple(found)


def _collect(text: str, links: set[str], numbers: set[Decimal], found: dict[str, None]) -> None:
    for link in _links(text):
        if _bare(link) not in links:
            found[link] = None
    plain = _DOMAIN.sub(" ", _LINK.sub(" ", _LIST_MARK.sub(" ", text)))
    for value, written in _numbers(plain):
        if value not in numbers:
            found[written] = None


def _links(text: str) -> list[str]:
    links = [match.group().rstrip(_TRAILING) for match in _LINK.finditer(text)]
    return links + [match.group() for match in _DOMAIN.finditer(_LINK.sub(" ", text))]


def _bare(link: str) -> str:
    return link.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")


def _numbers(text: str) -> list[tuple[Decimal, str]]:
    """Value and spelling of each number, a Korean scale included in both."""
    numbers: list[tuple[Decimal, str]] = []
    for match in _NUMBER.finditer(text):
        written = match.group().rstrip(",")
        value = Decimal(written.replace(",", ""))
        for suffix, scale in _SCALES:
            if text.startswith(suffix, match.end()):
                value, written = value * scale, written + suffix
        numbers.append((value.normalize(), written))
    return numbers
