"""The `Retry-After` header (RFC 9110, 10.2.3): seconds or an HTTP date, as a bounded wait."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_WAIT = timedelta(hours=1)


def retry_after(value: str | None, now: datetime | None = None) -> timedelta | None:
    """The wait that was asked for, from 0 to one hour; None when nothing usable was said."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=min(int(value), 86_400)), MAX_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - (now or datetime.now(UTC)), timedelta()), MAX_WAIT)
