"""Links in a text, as X reads them and so as it counts them: twitter-text, configuration 3.

Each text is read once from left to right; nothing is tried twice, so that time is linear in its length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from towpath.policy.core.endings import ENDINGS, LONGEST_ENDING

MAX_LINK = 4_096
"""Characters of a link: X takes no longer one for a link."""
MAX_SHORT_LINK = 40
MAX_LABEL = 63
MAX_STARTS = 16
MAX_HOST = 255

_ACCENTS = (
    "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272\u0289\u028b"
    "\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_SPACES = "\t-\r \u0085\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_DIRECTIONS = "\u202a-\u202e\u061c\u200e\u200f\u2066-\u2069"
_INVALID = "\ufffe\ufeff\uffff"
_DOTTED = re.compile(rf"[^!'#%&()*+,\\/:;<=>?@\[\]\^{{|}}~${_SPACES}{_DIRECTIONS}{_INVALID}]+")
"""Letters of domains, with the dot, the hyphen and the underscore between them."""
_SIGN = re.compile(r"[._-]")
_NO_START = re.compile(rf"[A-Za-z0-9@＠$#＃{_INVALID}]")
_SCHEME = re.compile(r"https?$", re.IGNORECASE)
_ENDS = re.compile(r"[0-9A-Za-z@+-]")
_PUNYCODE = re.compile(r"xn--[-0-9a-z]+", re.IGNORECASE)
_ASCII_LABELS = re.compile(rf"(?:[-a-z0-9{_ACCENTS}]{{1,{MAX_LABEL}}}\.)+", re.IGNORECASE)
_PORT = re.compile(r":[0-9]+")
_PATH = re.compile(rf"[-a-z0-9\u0400-\u04ff!*';:=+,.$/%#\[\]\u2013_~@|&{_ACCENTS}]+", re.IGNORECASE)
_PATH_END = re.compile(rf"[-+a-z0-9\u0400-\u04ff=_#/{_ACCENTS}]", re.IGNORECASE)
_QUERY = re.compile(r"\?[-a-z0-9!?*'@();:&=+$/%#\[\]_.,~|]*", re.IGNORECASE)
_QUERY_END = re.compile(r"[-a-z0-9_&=#/]", re.IGNORECASE)
_SHORT_LINK = re.compile(
    r"https?://t\.co/([a-z0-9]+)(?:\?[-a-z0-9!?*'@();:&=+$/%#\[\]_.,~|]*[-a-z0-9_&=#/])?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a link stands in a text."""

    start: int
    end: int
    has_scheme: bool


def find_links(text: str, *, any_host: bool = False) -> list[Found]:
    """The links of a text, in order. A bare domain counts by its ending, and by its Latin part.

    With `any_host`, `https://` makes a link of what follows whatever its ending is: what readers, though not X, take
    for one, such as `https://localhost`.
    """
    return list(_links(text, any_host)) if "." in text or "://" in text else []


def ending_at(text: str, start: int) -> int | None:
    """Where an ending of a domain that begins there ends, and nothing follows that makes another word of it."""
    punycode = _PUNYCODE.match(text, start)
    if punycode is not None:
        return punycode.end()
    for end in range(min(len(text), start + LONGEST_ENDING), start + 1, -1):
        if text[start:end].lower() in ENDINGS and not _ENDS.match(text, end):
            return end
    return None


def _links(text: str, any_host: bool) -> Iterator[Found]:
    position = 0
    while (run := _DOTTED.search(text, position)) is not None:
        domain = _bare_domain(text, run, position)
        if domain is not None:
            found, position = _bare_links(text, *domain)
            yield from found
        link, end = _schemed(text, run, position, any_host)
        if link is not None:
            yield link
        position = max(position, end)


def _schemed(text: str, run: re.Match[str], position: int, any_host: bool) -> tuple[Found | None, int]:
    """The link whose `http` or `https` ends the run, and where to go on."""
    scheme = _SCHEME.search(text, run.start(), run.end())
    if scheme is None or not text.startswith("://", run.end()) or not _may_start(text, scheme.start(), position):
        return None, run.end()
    host = run.end() + 3
    hosts = _DOTTED.match(text, host)
    domain_end = None if hosts is None else _domain_end(text, host, hosts.end())
    if domain_end is None and hosts is not None and any_host:
        domain_end = _any_host_end(text, host, hosts.end())
    if domain_end is None:
        return None, run.end()
    start, end = scheme.start(), _rest(text, domain_end)
    short = _SHORT_LINK.match(text, start)
    if short is not None:
        return None if len(short[1]) > MAX_SHORT_LINK else Found(start, short.end(), has_scheme=True), end
    is_link = end - start <= MAX_LINK and _is_host(text[host:domain_end])
    return Found(start, end, has_scheme=True) if is_link else None, end


def _any_host_end(text: str, start: int, end: int) -> int | None:
    latin = re.match(r"[A-Za-z0-9._-]+", text[start:end])
    end = start + latin.end() if latin is not None else end
    while end > start and text[end - 1] in ".-_":
        end -= 1
    return end if end > start else None


def _bare_domain(text: str, run: re.Match[str], position: int) -> tuple[int, int] | None:
    """Start and end of the first domain of a run. Of one with many signs between its letters only some are tried."""
    start = run.start()
    for _ in range(MAX_STARTS):
        while start < run.end() and (text[start] in ".-_" or not _may_start(text, start, position)):
            start += 1
        end = _domain_end(text, start, run.end()) if start < run.end() else None
        if end is not None:
            return start, end
        sign = _SIGN.search(text, start, run.end())
        if sign is None:
            break
        start = sign.end()
    return None


def _may_start(text: str, start: int, position: int) -> bool:
    """Whether a link may begin behind the character before it, which is of no link itself."""
    return start == 0 or (start > position - (position == 0) and not _NO_START.match(text[start - 1]))


def _domain_end(text: str, start: int, limit: int) -> int | None:
    """The end of the longest domain that begins at `start`, within a run of its letters."""
    found: int | None = None
    label = start
    while (dot := text.find(".", label, limit)) >= 0:
        first, last = text[label : label + 1], text[dot - 1]
        if dot == label or first in "-_" or last in "-_":
            break
        end = ending_at(text, dot + 1) if "_" not in text[label:dot] else None
        found = end if end is not None else found
        label = dot + 1
    return found


def _is_host(domain: str) -> bool:
    """Whether the name is short enough in the form that name servers know."""
    if len(domain) > MAX_HOST:
        return False
    labels = [label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in domain.split(".")]
    is_double = any(label.startswith("xn--xn--") for label in labels)
    return not is_double and max(map(len, labels)) <= MAX_LABEL and len(".".join(labels)) <= MAX_HOST


def _bare_links(text: str, start: int, end: int) -> tuple[list[Found], int]:
    """The Latin domains of a bare one, the last with its path; and where to go on."""
    rest = _rest(text, end)
    found: list[Found] = []
    is_part = start > 0 and text[start - 1] in "-_./"
    if is_part or rest - start > MAX_LINK or not _is_host(text[start:end]):
        return found, rest
    domain, position = text[start:end], 0
    while (labels := _ASCII_LABELS.search(domain, position)) is not None:
        position = labels.end()
        dots = [place for place in range(labels.start(), labels.end()) if domain[place] == "."]
        for dot in reversed(dots):
            stop = ending_at(domain, dot + 1)
            if stop is not None:
                found.append(Found(start + labels.start(), start + stop, has_scheme=False))
                position = stop
                break
    if found and rest > end:
        found[-1] = Found(found[-1].start, rest, has_scheme=False)
    return found, rest


def _rest(text: str, end: int) -> int:
    """Behind the port, the path and the query of a domain that ends there."""
    port = _PORT.match(text, end)
    end = end if port is None else port.end()
    if text.startswith("/", end):
        end = _path_end(text, end + 1)
    query = _QUERY.match(text, end)
    if query is None:
        return end
    last = query.end()
    while last > end + 1 and not _QUERY_END.match(text[last - 1]):
        last -= 1
    return last if last > end + 1 else end


def _path_end(text: str, start: int) -> int:
    """A path ends at a letter, a digit or a closed bracket; a punctuation mark behind it is of the sentence."""
    position = end = start
    while True:
        part = _PATH.match(text, position)
        if part is not None:
            position = part.end()
            last = position
            while last > end and not _PATH_END.match(text[last - 1]):
                last -= 1
            end = max(end, last)
        closed = _brackets_end(text, position)
        if closed is None:
            return end
        position = end = closed


def _brackets_end(text: str, start: int) -> int | None:
    """Behind round brackets with something in them, one pair within another at most."""
    if not text.startswith("(", start):
        return None
    position = _part_end(text, start + 1)
    if text.startswith("(", position):
        inner = _part_end(text, position + 1)
        if inner == position + 1 or not text.startswith(")", inner):
            return None
        position = _part_end(text, inner + 1)
    is_filled = position > start + 1
    return position + 1 if is_filled and text.startswith(")", position) else None


def _part_end(text: str, start: int) -> int:
    part = _PATH.match(text, start)
    return start if part is None else part.end()
