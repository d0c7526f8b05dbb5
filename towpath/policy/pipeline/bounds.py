"""What of a source a run reads: bounds of the cursor, and periods of time. Times are UTC."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal, NamedTuple

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.pipeline import ByDate, CursorField, DateRange, FileSource, Source

TIMES = frozenset({ColumnType.DATE, ColumnType.TIMESTAMP})
ORDERED = TIMES | {ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.FLOAT}
MOST_PERIODS = 10_000


class BoundsError(ValueError):
    """The configuration does not fit what it is applied to; the text says how to mend it."""


class Bounds(NamedTuple):
    """Both included; None is open."""

    since: str | None = None
    until: str | None = None


def has_days(source: Source) -> bool:
    """It can be read by days: something tells them apart."""
    by_path = isinstance(source, FileSource) and "%" in source.path
    by_date = isinstance(source.partition, ByDate) and not isinstance(source, FileSource)
    return by_path or by_date or source.cursor is not None


def cursor_bounds(
    cursor: CursorField | None, column: Column | None, *, watermark: str | None, dates: DateRange | None, full: bool
) -> Bounds:
    """`column` is the cursor's. Days of a backfill go before the watermark, and `full` knows none.

    Raises BoundsError.
    """
    if cursor is None or column is None:
        return Bounds()
    if column.type not in ORDERED:
        raise BoundsError(
            f"{cursor.field}: a cursor of type {column.type} has no order to go by;"
            " declare it in columns as integer, decimal, float, date or timestamp"
        )
    if dates is not None:
        if column.type not in TIMES:
            raise BoundsError(f"{cursor.field}: dates need a cursor of type date or timestamp; declare it in columns")
        last = datetime.combine(dates.last, time.max)
        return Bounds(
            dates.first.isoformat(), last.isoformat() if column.type is ColumnType.TIMESTAMP else f"{dates.last}"
        )
    if full:
        return Bounds()
    if watermark is None:
        return Bounds(cursor.initial)
    return Bounds(_less(watermark, cursor, column))


def _less(watermark: str, cursor: CursorField, column: Column) -> str:
    if not cursor.lag:
        return watermark
    if column.type not in TIMES:
        raise BoundsError(f"{cursor.field}: a lag needs a cursor of type date or timestamp; declare it in columns")
    try:
        earlier = datetime.fromisoformat(watermark) - cursor.lag
    except (ValueError, OverflowError) as error:
        raise BoundsError(f"{cursor.field}: the watermark is not a time") from error
    return earlier.date().isoformat() if column.type is ColumnType.DATE else earlier.isoformat()


def periods(first: datetime, last: datetime, every: Literal["hour", "day", "month"]) -> list[tuple[datetime, datetime]]:
    """Hours, days or months that hold `first` to `last`: each with its start, and its end, which is not in it.

    Raises BoundsError for more than 10,000 of them.
    """
    found: list[tuple[datetime, datetime]] = []
    start = _floor(first, every)
    while start <= last:
        if len(found) == MOST_PERIODS:
            raise BoundsError(f"more than {MOST_PERIODS} partitions; cut by a longer period than {every}")
        end = _next(start, every)
        found.append((start, end))
        start = end
    return found


def ranges(first: Decimal, last: Decimal, count: int) -> list[tuple[Decimal | None, Decimal | None]]:
    """At most `count` ranges of about the same width from `first` to `last`: start, and end, which is not in it.

    The first and the last are open, so that nothing that comes in meanwhile falls between.
    """
    whole = first == first.to_integral_value() and last == last.to_integral_value()
    cuts: list[Decimal] = []
    for number in range(1, count):
        cut = first + (last - first) * number / count
        cut = cut.to_integral_value() if whole else cut
        if cut > (cuts[-1] if cuts else first):
            cuts.append(cut)
    edges: list[Decimal | None] = [None, *cuts, None]
    return list(pairwise(edges))


def days(dates: DateRange) -> Iterator[date]:
    day = dates.first
    while day <= dates.last:
        yield day
        day += timedelta(days=1)


def _floor(moment: datetime, every: str) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if every == "hour":
        return hour
    return hour.replace(hour=0) if every == "day" else hour.replace(hour=0, day=1)


def _next(start: datetime, every: str) -> datetime:
    if every == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + (timedelta(hours=1) if every == "hour" else timedelta(days=1))
