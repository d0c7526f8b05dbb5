"""When to publish: the platform's usual windows in the zones of the audience, and the distance between two posts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from towpath.contracts.core.moments import in_utc
from towpath.contracts.publishing.campaign import PlatformRules, PostingWindow
from towpath.contracts.publishing.posting import ChosenTime
from towpath.engine.expression.suggestions import did_you_mean

_ZONES = frozenset(available_timezones())
"""Read with the module: a workflow, which asks as well, may not look at files."""
_DAYS_AHEAD = 8
_NEAR = timedelta(minutes=60)
"""A window still counts for a zone when a post comes so long after it, at half its weight."""
_WAITING = 0.1
"""What a day of waiting takes from a time's worth: an equal window comes first, a much better one may be waited for."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    at: datetime
    zone: ZoneInfo
    window: PostingWindow


def choose_time(
    rules: PlatformRules,
    zones: Sequence[str],
    earliest: datetime,
    not_before: datetime | None,
    not_after: datetime | None,
    at: datetime | None,
) -> ChosenTime | None:
    """When a post goes out, in UTC, and why then; None when there is no time from `earliest` to `not_after`.

    A time that was asked for is kept, and moved only where it lies before `earliest` or the embargo. Without one, each
    window of the platform in each zone, for eight days, is worth the sum over the zones of the weights of the windows
    that it meets there: fully at the window's minute, half within the hour after it, less 0.1 for each day of
    waiting. The best comes first, and of equal ones the earliest. When no window is left before `not_after`, the post
    goes out as early as it may.

    Windows are local times: at a change to summer time one that does not exist is that much later, and of one that
    comes twice the first is meant. `earliest` holds the cut-off for changes already. Raises ValueError for a zone that
    does not exist: `unknown_zones` tells before.
    """
    start = _later(earliest, not_before)
    if not_after is not None and start > not_after:
        return None
    if at is not None:
        return _wished(at, start, not_before, not_after)
    problems = unknown_zones(zones)
    if problems:
        raise ValueError("; ".join(problems))
    places = [ZoneInfo(zone) for zone in dict.fromkeys(zones)]
    candidates = [found for found in _candidates(rules, places, start) if not_after is None or found.at <= not_after]
    if not candidates:
        limit = "" if not_after is None else f" before it is stale at {in_utc(not_after)}"
        return ChosenTime(at=start, reason=f"as early as it may: no usual time of {rules.title} is left{limit}")
    best = max(candidates, key=lambda found: (_worth(found, rules, places, start), -found.at.timestamp()))
    return ChosenTime(at=best.at, reason=_reason(best, rules, places))


def unknown_zones(zones: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each name that is no time zone."""
    return tuple(f"{zone!r} is no time zone{did_you_mean(zone, _ZONES)}" for zone in zones if zone not in _ZONES)


def next_free(
    at: datetime, taken: Iterable[datetime], spacing: timedelta, not_after: datetime | None
) -> datetime | None:
    """The first time from `at` on that is at least `spacing` from every taken one, None when that is too late.

    Linear in the taken times once they are sorted.
    """
    free = at
    for other in sorted(taken):
        if abs(other - free) < spacing:
            free = other + spacing
    return None if not_after is not None and free > not_after else free


def local_instant(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    """A local time of a zone in UTC. In a gap it is the length of the gap later, in a fold it is the first."""
    return datetime.combine(day, time(hour, minute), tzinfo=zone).astimezone(UTC)


def latest_instant(local: datetime, zones: Iterable[str]) -> datetime:
    """When a local time has come in every one of the zones, in UTC."""
    return max(local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for zone in zones)


def _wished(
    at: datetime, start: datetime, not_before: datetime | None, not_after: datetime | None
) -> ChosenTime | None:
    wish = at.astimezone(UTC)
    if not_after is not None and wish > not_after:
        return None
    if wish >= start:
        return ChosenTime(at=wish, reason="at the time that was asked for")
    why = "the embargo ends then" if not_before is not None and start == not_before else "that time has passed"
    return ChosenTime(at=start, reason=f"asked for {in_utc(wish)}, but {why}: as early as it may")


def _later(earliest: datetime, not_before: datetime | None) -> datetime:
    return max(earliest, earliest if not_before is None else not_before).astimezone(UTC)


def _candidates(rules: PlatformRules, zones: Sequence[ZoneInfo], start: datetime) -> list[_Candidate]:
    found: list[_Candidate] = []
    end = start + timedelta(days=_DAYS_AHEAD)
    for zone in zones:
        first = start.astimezone(zone).date()
        for day in (first + timedelta(days=offset) for offset in range(_DAYS_AHEAD + 1)):
            for window in rules.windows:
                at = local_instant(day, window.hour, window.minute, zone)
                if day.weekday() in window.days and start <= at <= end:
                    found.append(_Candidate(at, zone, window))
    return found


def _worth(candidate: _Candidate, rules: PlatformRules, zones: Sequence[ZoneInfo], start: datetime) -> float:
    reached = sum(_reach(candidate.at, rules, zone) for zone in zones) / len(zones)
    return round(reached - _WAITING * ((candidate.at - start) / timedelta(days=1)), 6)


def _reach(at: datetime, rules: PlatformRules, zone: ZoneInfo) -> float:
    """How well a moment meets the windows of one zone: the best of them."""
    day = at.astimezone(zone).date()
    best = 0.0
    for window in rules.windows:
        for local_day in (day, day - timedelta(days=1)):
            late = at - local_instant(local_day, window.hour, window.minute, zone)
            if local_day.weekday() in window.days and timedelta() <= late <= _NEAR:
                best = max(best, window.weight if not late else window.weight / 2)
    return best


def _reason(best: _Candidate, rules: PlatformRules, zones: Sequence[ZoneInfo]) -> str:
    local = best.at.astimezone(best.zone)
    reached = [zone.key for zone in zones if _reach(best.at, rules, zone) > 0]
    others = [zone for zone in reached if zone != best.zone.key]
    also = f", and reaches {' and '.join(others)} as well" if others else ""
    left = len(zones) - len(reached)
    rest = f"; {left} of {len(zones)} zones are outside their usual times" if left else ""
    usual = f"{local:%A %H:%M} in {best.zone.key} is a usual time of {rules.title} (weight {best.window.weight:g})"
    return f"{usual}{also}{rest}"
