"""How a moment is written for people in every room: in UTC, and saying so."""

from datetime import UTC, datetime


def in_utc(at: datetime, *, seconds: bool = False) -> str:
    """`2027-03-28 08:00 UTC`, whatever offset the moment came with."""
    return f"{_utc(at):%Y-%m-%d} {clock_in_utc(at, seconds=seconds)}"


def clock_in_utc(at: datetime, *, seconds: bool = False) -> str:
    """`08:00 UTC`, where the day is known."""
    return f"{_utc(at):{'%H:%M:%S' if seconds else '%H:%M'}} UTC"


def _utc(at: datetime) -> datetime:
    """A moment without an offset is one in UTC here: what comes from people is refused without one."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
