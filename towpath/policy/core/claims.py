"""The check that a written text claims nothing that was not given: numbers, URLs and addresses, compared by value."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from pydantic import JsonValue

MAX_TEXT = 50_000

_REST = r"[\w/?#@!$&*+,;=:.%~|-]*"
_LABELS = r"(?:[a-z0-9-]{1,63}\.){1,8}"
_ENDINGS = (
    "com|net|org|info|biz|io|ai|dev|app|co|kr|jp|cn|de|uk|eu|fr|ru|us|tv|cc|ly|gg|xyz|shop|store|online|site|top|tech|"
    "cloud|page|link|click|example|test"
)
_LINK = re.compile(
    rf"(?:\b(?:https?|ftps?|wss?)://|(?<![a-z0-9])www\.)(?:[a-z0-9]{_REST}|[^\x00-\x7f]\S{{0,200}})"
    rf"|[\w.+-]{{1,64}}@(?:[a-z0-9-]{{1,63}}(?:\.[a-z0-9-]{{1,63}}){{1,8}}|[^\x00-\x7f]\S{{0,200}})"
    rf"|(?<![a-z0-9-]){_LABELS}(?:(?:{_ENDINGS})(?![a-z0-9])|[a-z]{{2,24}}(?=/[a-z0-9]))(?:/{_REST})?",
    re.IGNORECASE | re.ASCII,
)
"""ASCII, since a Korean particle follows a link without a space. A bare domain counts by a known ending or a path."""
_TRAILING = ".,;:!?)]}…*"

_SMALL = {"백": Decimal(100), "천": Decimal(1_000)}
_LARGE = {
    "만": Decimal(10**4),
    "억": Decimal(10**8),
    "조": Decimal(10**12),
    "k": Decimal(10**3),
    "thousand": Decimal(10**3),
    "million": Decimal(10**6),
    "bn": Decimal(10**9),
    "billion": Decimal(10**9),
}
_NUMBER = re.compile(
    r"(?P<digits>(?:\d{1,3}(?:[,\u00a0\u2009\u202f]\d{3})+(?!\d)|\d+)(?:\.\d+)?)"
    r"(?P<small>[백천])?(?P<large>[만억조]|k(?![a-z])| ?(?:thousand|million|billion|bn)(?![a-z]))?"
    r"(?P<percent> ?(?:%|percent|per cent|퍼센트))?",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[,\u00a0\u2009\u202f]")
_LIST_MARK = re.compile(r"^[ \t]*(?:\d{1,2}[.)]|[①-⑳])[ \t]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Number:
    """`parts` are the numbers that a compound like 1억 2,000만 is written with."""

    written: str
    value: Decimal
    percent: bool
    parts: tuple[Decimal, ...]


def unsupported_claims(texts: Iterable[str], given: JsonValue) -> tuple[str, ...]:
    """What `texts` state and `given`, a text or JSON, does not: each claim once, in the order of its appearance.

    The numbering of a list at the start of a line is no claim. A number counts as given when the same value stands
    anywhere in `given`: 1,000 and 1000 are one number, 10만 and 100000 as well. A percentage must be given as one,
    or as a number without any text. The host of a given link or address counts as given. Time is linear in the
    text; what lies beyond 50,000 characters is itself a claim.
    """
    known = _Known.of(given)
    found: dict[str, None] = {}
    for text in texts:
        if len(text) > MAX_TEXT:
            found[f"the text after {MAX_TEXT} characters"] = None
        plain = _plain(_LIST_MARK.sub(" ", text[:MAX_TEXT]))
        found |= dict.fromkeys(link for link in _links(plain) if _bare(link) not in known.links)
        numbers = _numbers(_LINK.sub("\n", plain))
        found |= dict.fromkeys(number.written for number in numbers if not known.holds(number))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Known:
    links: frozenset[str]
    numbers: frozenset[tuple[Decimal, bool]]

    @classmethod
    def of(cls, given: JsonValue) -> "_Known":
        links: set[str] = set()
        numbers: set[tuple[Decimal, bool]] = set()
        for fact in _facts(given):
            text = _plain(fact)[:MAX_TEXT]
            for link in map(_bare, _links(text)):
                links |= {link, _host(link)}
            for number in (*_numbers(text), *_numbers(_LINK.sub("\n", text))):
                kinds = (False, True) if number.written == text.strip() else (number.percent,)
                numbers |= {(value, kind) for value in (number.value, *number.parts) for kind in kinds}
        return cls(frozenset(links), frozenset(numbers))

    def holds(self, number: _Number) -> bool:
        if (number.value, number.percent) in self.numbers:
            return True
        return len(number.parts) > 1 and all((part, number.percent) in self.numbers for part in number.parts)


def _facts(given: JsonValue) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, (int, float)) and not isinstance(given, bool):
        yield f"{Decimal(str(given)):f}"
    elif isinstance(given, (list, dict)):
        for value in given.values() if isinstance(given, dict) else given:
            yield from _facts(value)


def _plain(text: str) -> str:
    """Full-width, superscript and circled characters as plain ones; one by one, since runs of marks take long."""
    return "".join(letter if letter < "\x80" else unicodedata.normalize("NFKC", letter) for letter in text)


def _links(text: str) -> list[str]:
    return [match.group().rstrip(_TRAILING) for match in _LINK.finditer(text)]


def _bare(link: str) -> str:
    return link.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")


def _host(link: str) -> str:
    return link.rpartition("@")[2].partition("/")[0]


def _numbers(text: str) -> list[_Number]:
    """Every number, its scale included; compounds of Korean scales are one number."""
    numbers: list[_Number] = []
    run: list[re.Match[str]] = []
    for match in _NUMBER.finditer(text):
        if run and not _continues(run[-1], match, text):
            numbers.append(_compound(run, text))
            run = []
        run.append(match)
    return [*numbers, _compound(run, text)] if run else numbers


def _continues(left: re.Match[str], right: re.Match[str], text: str) -> bool:
    scaled = left["small"] or (left["large"] or "") in {"만", "억", "조"}
    return bool(scaled) and not left["percent"] and text[left.end() : right.start()] in {"", " "}


def _compound(run: list[re.Match[str]], text: str) -> _Number:
    """3천5백만 is (3000 + 500) × 10000: small scales add up until a large one multiplies them."""
    total = group = Decimal(0)
    parts: list[Decimal] = []
    for match in run:
        small = Decimal(_SEPARATORS.sub("", match["digits"]))
        if match["small"]:
            small *= _SMALL[match["small"]]
        large = _LARGE[match["large"].strip().lower()] if match["large"] else None
        parts.append(small if large is None else small * large)
        group = group + small if group else small
        if large is not None:
            total, group = total + group * large, Decimal(0)
    return _Number(
        written=text[run[0].start() : run[-1].end()],
        value=total + group if total else group,
        percent=bool(run[-1]["percent"]),
        parts=tuple(parts),
    )
