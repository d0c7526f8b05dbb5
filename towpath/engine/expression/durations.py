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
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d|w)")
_WHOLE = re.compile(r"(?:[0-9]{1,12}(?:\.[0-9]{1,6})?(?:ms|s|m|h|d|w))+")
_ISO = re.compile(
    r"P(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,12}(?:\.[0-9]{1,6})?)S)?)?"
)
_ISO_UNITS = ("w", "d", "h", "m", "s")
LONGEST = timedelta(days=3660)


def parse_duration(text: str) -> timedelta | None:
    """None for what is no duration, or is longer than ten years."""
    if _WHOLE.fullmatch(text):
        return _total(_PART.findall(text))
    iso = _ISO.fullmatch(text)
    if iso is None or not any(iso.groups()):
        return None
    return _total([(amount, unit) for amount, unit in zip(iso.groups(), _ISO_UNITS, strict=True) if amount])


def _total(parts: list[tuple[str, str]]) -> timedelta | None:
    total = timedelta()
    for amount, unit in parts:
        seconds = float(amount) * _UNITS[unit].total_seconds()
        if seconds > LONGEST.total_seconds():
            return None
        total += timedelta(seconds=seconds)
    return total if total <= LONGEST else None
