"""Numbers with their nouns, times in the zone that is named, and forms of fields in words instead of patterns."""

from datetime import datetime

from towpath.contracts.core.moments import in_utc

FORMS = {
    "email": "an e-mail address, like kim@hanbit.example",
    "country": "two capital letters, like KR",
    "website": "an address, like https://hanbit.example",
    "customer_id": "letters, digits, `.`, `_` and `-`, 64 at most",
    "campaign": "letters, digits, `.`, `_` and `-`, 64 at most",
    "link": "an address, like https://hanbit.example/news",
    "title": "one line",
    "channel": "small letters, digits and `-`",
    "account": "small letters, digits and `-`",
}
"""By the name of a field that people fill in."""


def form_of(field: str) -> str:
    """What the field has to look like; a general word for a field without one."""
    return f"must be {FORMS[field]}" if field in FORMS else "does not have the right form"


def utc(at: datetime) -> str:
    """A time of any zone in UTC, to the minute."""
    return in_utc(at)


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `2 rows`, `0 rows`; the plural where it is not made by an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
