"""Firings of schedules that a change of clocks loses or doubles: Temporal fires by the clock on the wall.

A time that clocks skip does not fire. One that they show twice fires once or twice, by the zone; of several minutes in
such an hour, Temporal leaves some out and moves others (seen with Temporal 1.32).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from towpath.engine.language.cron import fires_all_day, firings, names_weekdays
from towpath.engine.language.definition import ScheduleTrigger
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.source import Source

YEARS = 3
MOST_DATES = 6
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """Times on the wall, of a zone, that do not come (`lost`) or come twice: from `begin` to before `end`."""

    begin: datetime
    end: datetime
    lost: bool


def check_clocks(source: Source, trigger: ScheduleTrigger, path: Path, today: date) -> None:
    """A warning with the dates of the next years on which a firing is lost or doubled. The cron is a good one."""
    if fires_all_day(trigger.cron):
        return
    try:
        changes = clock_changes(trigger.timezone, today)
    except (ZoneInfoNotFoundError, ValueError):
        return
    hit = [(change, touched(trigger.cron, change)) for change in changes]
    for lost in (True, False):
        found = [(change, times) for change, times in hit if times and change.lost is lost]
        if not found:
            continue
        dates = [f"{times[0]:%Y-%m-%d}" for _, times in found]
        shown = ", ".join(dates[:MOST_DATES]) + (" …" if len(dates) > MOST_DATES else "")
        change, times = found[0]
        time_there = f"{times[0]:%H:%M} in {trigger.timezone}"
        what = (
            f"clocks skip {time_there} on {shown}: the firing is lost"
            if lost
            else f"clocks show {time_there} twice on {shown}: it fires once or twice, or at another minute"
        )
        choose = f"choose a time before {change.begin:%H:%M} or from {change.end:%H:%M} on, or "
        mend = f"{choose if times[0] < change.end else ''}timezone: UTC"
        source.report((*path, "cron"), "cron.clock-change", what, mend, severity="warning")


def touched(cron: str, change: ClockChange) -> list[datetime]:
    """Firings that a change touches. Of a day whose midnight clocks skip, Temporal knows no day of the week."""
    end = change.end
    if change.lost and change.begin.time() == time() and names_weekdays(cron):
        end = change.begin + timedelta(days=1)
    return list(firings(cron, change.begin, end))


@lru_cache(maxsize=200)
def clock_changes(zone: str, today: date) -> tuple[ClockChange, ...]:
    """Those of the next years, as the zone's rules are known here. Raises ZoneInfoNotFoundError and ValueError."""
    return tuple(_changes(ZoneInfo(zone), today))


def _changes(zone: ZoneInfo, today: date) -> Iterator[ClockChange]:
    day = datetime.combine(today, time(), UTC)
    end = day + timedelta(days=366 * YEARS)
    while day < end:
        after = day + timedelta(days=1)
        shift = _offset(after, zone) - _offset(day, zone)
        if shift:
            wall = _moment(day, after, zone).astimezone(zone).replace(tzinfo=None, fold=0)
            # `wall` is what clocks show just after the change.
            yield (
                ClockChange(wall - shift, wall, True) if shift > timedelta() else ClockChange(wall, wall - shift, False)
            )
        day = after


def _moment(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The minute from which the offset at `high` holds; at `low` it is another one."""
    while high - low > MINUTE:
        middle = low + (high - low) // 2 // MINUTE * MINUTE
        if _offset(middle, zone) == _offset(low, zone):
            low = middle
        else:
            high = middle
    return high


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
