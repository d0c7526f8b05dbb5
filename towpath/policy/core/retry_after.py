"""The `Retry-After` header (RFC 9110, 10.2.3): seconds or an HTTP date, as a bounded wait.

A wait in seconds needs no clock. A date is counted from the answer's own `Date`: the clock of this machine may err.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_WAIT = timedelta(hours=1)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that an answer asks for, from 0 to one hour; None when it says nothing usable.

    `headers` finds a name in either case. A date in an answer without `Date` says nothing.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=min(int(value), 86_400)), MAX_WAIT)
    until, answered = _moment(value), answered_at(headers)
    if until is None or answered is None:
        return None
    return min(max(until - answered, timedelta()), MAX_WAIT)


def answered_at(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was written, by the clock of whoever wrote it; None when it does not say so."""
    return _moment(headers.get("date", ""))


def _moment(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
