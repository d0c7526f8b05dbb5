"""What a person may say of a post whose outcome is unknown: an id in the platform's form, at an address of its own."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from towpath.contracts.core.text import hidden_in
from towpath.contracts.publishing.posting import Settle


@dataclass(frozen=True, slots=True)
class _Form:
    """How a platform names its posts, and where it shows them."""

    post_id: re.Pattern[str]
    like: str
    hosts: frozenset[str] = frozenset()
    """Empty for platforms that stand anywhere."""
    paths: re.Pattern[str] | None = None
    """Of the pages of posts; its last group is the id."""


_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
_FORMS = {
    "x": _Form(
        _NUMBER,
        "a number of up to 19 digits",
        frozenset({"x.com", "twitter.com"}),
        re.compile(r"/(?:i(?:/web)?|[A-Za-z0-9_]{1,20})/status/([0-9]+)"),
    ),
    "linkedin": _Form(
        re.compile(r"urn:li:(?:share|ugcPost|activity):[1-9][0-9]{0,18}"),
        "urn:li:share:… or urn:li:ugcPost:…",
        frozenset({"linkedin.com"}),
        re.compile(r"/feed/update/(urn:li:[A-Za-z]+:[0-9]+)"),
    ),
    "wordpress": _Form(_NUMBER, "a number of up to 19 digits"),
}
_ANY = _Form(re.compile(r"[^\s\"'<>\\\\]{1,200}"), "one word")
_MIRRORS = re.compile(r"^(?:www|mobile|m)\.")


def settlement_problem(adapter: str, place: str, settlement: Settle, known: Collection[str]) -> str | None:
    """Why the answer cannot be; None for one that can. `place` is what the addresses of the account's posts begin with,
    where that is known; `known` are ids of posts that are booked already.
    """
    post_id, url = settlement.post_id, settlement.url
    if not settlement.published:
        return "a post that is not out has neither id nor address" if post_id or url else None
    if settlement.give_up:
        return "a post that is out is not given up"
    form = _FORMS.get(adapter, _ANY)
    if not form.post_id.fullmatch(post_id):
        return f"the id is in no form of {adapter}'s: it is {form.like}"
    if post_id in known:
        return "the id is of another post of this campaign"
    return _address_problem(form, place, post_id, url) if url else None


def _address_problem(form: _Form, place: str, post_id: str, url: str) -> str | None:
    parts = _split(url)
    if parts is None:
        return "the address is none: it begins with https://"
    host, path = _host(parts), parts.path.rstrip("/")
    if form.hosts and (host not in form.hosts or parts.scheme != "https"):
        return f"the address is not on {' or '.join(sorted(form.hosts))}"
    if form.paths is not None:
        found = form.paths.fullmatch(path)
        if found is None or found[1] != post_id:
            return f"the address is not the one of the post {post_id}"
    account = _split(place)
    names_nobody = form.paths is not None and path.startswith("/i/")
    if account is None or names_nobody or _is_of(parts, account):
        return None
    return f"the address is of another account: those of this one begin with {place}"


def _is_of(parts: SplitResult, account: SplitResult) -> bool:
    own, path = account.path.lower(), parts.path.lower()
    if _host(parts) == _host(account):
        return path.startswith(own)
    return {_host(parts), _host(account)} <= _FORMS["x"].hosts and path.startswith(own)


def _split(url: str) -> SplitResult | None:
    if hidden_in(url) is not None or any(letter.isspace() for letter in url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_address and "@" not in parts.netloc else None


def _host(parts: SplitResult) -> str:
    return _MIRRORS.sub("", (parts.hostname or "").lower())
