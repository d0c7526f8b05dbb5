"""Numbers as a report writes them."""

from datetime import datetime

from towpath.contracts.core.moments import in_utc

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_MINUTE, _HOUR = 60, 3600


def count(value: int) -> str:
    return f"{value:,}"


def row_count(value: int) -> str:
    return "1 row" if value == 1 else f"{value:,} rows"


def share(part: float, whole: float) -> str:
    """Never 100 % or 0 % for what is not all or none."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    return "> 99.9 %" if 99.9 < percent < 100 else f"{percent:.1f} %"


def size(value: float) -> str:
    for unit in _SIZES[:-1]:
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_SIZES[-1]}"


def seconds(value: float) -> str:
    if value < _MINUTE:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), _MINUTE)
    return f"{minutes} min {rest} s" if value < _HOUR else f"{minutes // 60} h {minutes % 60} min"


def moment(value: datetime | None) -> str:
    return "–" if value is None else in_utc(value, seconds=True)
