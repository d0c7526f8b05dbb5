"""Durations as text: `300s`, `1h30m`, `1.5d`; and ISO 8601's `PT5M`, which other tools write."""

import re
from datetime import timedelta

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d|w)")
_WHOLE = re.compile(r"(?:\d{1,12}(?:\.\d{1,6})?(?:ms|s|m|h|d|w))+")
_ISO = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6}(?:\.\d{1,6})?)S)?)?")
LONGEST = timedelta(days=3660)


def parse_duration(text: str) -> timedelta | None:
    """None for what is no duration, or is longer than ten years."""
    if _WHOLE.fullmatch(text):
        total = timedelta()
        for amount, unit in _PART.findall(text):
            share = float(amount) * _UNITS[unit].total_seconds()
            if share > LONGEST.total_seconds():
                return None
            total += timedelta(seconds=share)
        return total if total <= LONGEST else None
    iso = _ISO.fullmatch(text)
    if iso is None or not any(iso.groups()):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in iso.groups())
    if days > LONGEST.days or hours > LONGEST.days * 24:
        return None
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
