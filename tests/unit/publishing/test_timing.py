"""Times are chosen by the audience's own clocks, kept apart for each account, and never later than allowed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.platforms import BLOG, LINKEDIN, X, with_rules
from towpath.contracts.publishing.campaign import PlatformRules
from towpath.policy.publishing.timing import choose_time, local_instant, next_free, unknown_zones

FRIDAY = datetime(2027, 3, 26, 20, tzinfo=UTC)
"""Two days before summer time begins in Berlin, two weeks after it did in New York."""
ZONES = ["UTC", "Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
moments = st.integers(0, 3 * 366 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
NIGHTLY = with_rules(X, platform="nightly", windows=[{"days": list(range(7)), "hour": 2, "minute": 30, "weight": 1}])


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        pytest.param("Europe/Berlin", "2027-03-27", "2027-03-27T01:30:00+00:00", id="winter"),
        pytest.param("Europe/Berlin", "2027-03-28", "2027-03-28T01:30:00+00:00", id="gap-is-an-hour-later"),
        pytest.param("Europe/Berlin", "2027-03-29", "2027-03-29T00:30:00+00:00", id="summer"),
        pytest.param("Europe/Berlin", "2027-10-31", "2027-10-31T00:30:00+00:00", id="fold-is-the-first"),
        pytest.param("Europe/Berlin", "2027-11-01", "2027-11-01T01:30:00+00:00", id="winter-again"),
        pytest.param("America/New_York", "2027-03-14", "2027-03-14T07:30:00+00:00", id="gap-elsewhere"),
        pytest.param("Australia/Lord_Howe", "2026-10-04", "2026-10-03T15:30:00+00:00", id="end-of-a-half-hour-gap"),
        pytest.param("Asia/Seoul", "2027-03-28", "2027-03-27T17:30:00+00:00", id="no-summer-time"),
    ],
)
def test_local_time_at_half_past_two(zone: str, day: str, instant: str) -> None:
    """Where clocks skip it, it is as much later as they skip; where they show it twice, the first one counts."""
    date = datetime.fromisoformat(day).date()

    assert local_instant(date, 2, 30, ZoneInfo(zone)) == utc(instant)


def test_gap_and_fold_give_one_post_a_day() -> None:
    """Day after day over both changes there is exactly one time, in order."""
    for start in ("2027-03-25T00:00:00+00:00", "2027-10-28T00:00:00+00:00"):
        at, times = utc(start), list[datetime]()
        for _ in range(7):
            chosen = choose_time(NIGHTLY, ["Europe/Berlin"], at, None, None, None)
            assert chosen is not None
            times.append(chosen.at)
            at = chosen.at + timedelta(minutes=1)
        assert times == sorted(set(times))
        assert len({moment.astimezone(ZoneInfo("Europe/Berlin")).date() for moment in times}) == 7


@pytest.mark.parametrize(
    ("zones", "at", "reason"),
    [
        pytest.param(
            ["Europe/Berlin"], "2027-03-30T09:00:00+02:00", "Tuesday 09:00 in Europe/Berlin", id="best-window"
        ),
        pytest.param(["Asia/Seoul"], "2027-03-30T09:00:00+09:00", "Tuesday 09:00 in Asia/Seoul", id="other-zone"),
        pytest.param(
            ["Europe/Berlin", "Europe/Paris"], "2027-03-30T09:00:00+02:00", "and reaches Europe/Paris", id="two-at-once"
        ),
        pytest.param(
            ["Europe/Berlin", "Europe/Paris", "Asia/Seoul"],
            "2027-03-30T09:00:00+02:00",
            "1 of 3 zones are outside",
            id="majority",
        ),
    ],
)
def test_best_time_for_the_audience(zones: list[str], at: str, reason: str) -> None:
    """The strongest window of the coming days for most of the zones, and the reason says which."""
    chosen = choose_time(X, zones, FRIDAY, None, None, None)

    assert chosen is not None
    assert chosen.at == utc(at)
    assert reason in chosen.reason


@pytest.mark.parametrize(
    ("not_before", "not_after", "at", "chosen", "reason"),
    [
        pytest.param(None, None, "2027-03-27T10:00:00+00:00", "2027-03-27T10:00:00+00:00", "asked for", id="wished"),
        pytest.param(
            None, None, "2027-03-26T10:00:00+00:00", "2027-03-26T20:00:00+00:00", "has passed", id="wished-too-early"
        ),
        pytest.param(
            "2027-04-01T00:00:00+00:00",
            None,
            "2027-03-28T10:00:00+00:00",
            "2027-04-01T00:00:00+00:00",
            "embargo",
            id="wished-before-the-embargo",
        ),
        pytest.param(
            "2027-04-01T10:00:00+00:00", None, None, "2027-04-02T09:00:00+00:00", "Friday 09:00", id="after-the-embargo"
        ),
        pytest.param(
            None, "2027-03-26T23:00:00+00:00", None, "2027-03-26T20:00:00+00:00", "no usual time", id="no-window-left"
        ),
        pytest.param(
            None, "2027-03-27T11:00:00+00:00", None, "2027-03-27T11:00:00+00:00", "Saturday 11:00", id="last-moment"
        ),
        pytest.param(None, "2027-03-26T19:59:00+00:00", None, None, "", id="stale-already"),
        pytest.param(None, "2027-03-27T09:00:00+00:00", "2027-03-27T10:00:00+00:00", None, "", id="wished-too-late"),
        pytest.param("2027-04-02T00:00:00+00:00", "2027-04-01T00:00:00+00:00", None, None, "", id="no-room"),
    ],
)
def test_limits_of_time(
    not_before: str | None, not_after: str | None, at: str | None, chosen: str | None, reason: str
) -> None:
    """A wish, an embargo and the end of freshness, and what comes of them."""
    limits = [None if moment is None else utc(moment) for moment in (not_before, not_after, at)]

    found = choose_time(X, ["UTC"], FRIDAY, *limits)

    assert (None if found is None else found.at) == (None if chosen is None else utc(chosen))
    assert found is None or reason in found.reason


@settings(deadline=None)
@given(
    st.sampled_from([X, LINKEDIN, BLOG]),
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=4),
    moments,
    st.none() | moments,
    st.none() | moments,
    st.none() | moments,
)
def test_chosen_time_keeps_its_limits(
    rules: PlatformRules,
    zones: list[str],
    earliest: datetime,
    not_before: datetime | None,
    not_after: datetime | None,
    at: datetime | None,
) -> None:
    """Never before now or the embargo, never after it is stale; without such an end there always is a time."""
    found = choose_time(rules, zones, earliest, not_before, not_after, at)

    if found is None:
        assert not_after is not None
        return
    assert found.at >= earliest
    assert not_before is None or found.at >= not_before
    assert not_after is None or found.at <= not_after
    assert found.reason
    assert at is not None or found.at <= max(earliest, not_before or earliest) + timedelta(days=9)


def test_zone_that_does_not_exist_is_named() -> None:
    """Before anything starts, with the one that was meant."""
    assert unknown_zones(["Europe/Berlin", "Europe/Berln"]) == (
        "'Europe/Berln' is no time zone: did you mean 'Europe/Berlin'?",
    )
    with pytest.raises(ValueError, match="Berln"):
        choose_time(X, ["Europe/Berln"], FRIDAY, None, None, None)


@settings(deadline=None)
@given(moments, st.lists(st.integers(-300, 300), max_size=30), st.integers(0, 120), st.none() | st.integers(0, 600))
def test_next_free_time_is_the_first(at: datetime, offsets: list[int], minutes: int, last: int | None) -> None:
    """It keeps its distance to every taken one, and no earlier one on the minute does."""
    taken = [at + timedelta(minutes=offset) for offset in offsets]
    spacing = timedelta(minutes=minutes)
    not_after = None if last is None else at + timedelta(minutes=last)

    def free(moment: datetime) -> bool:
        return all(abs(moment - other) >= spacing for other in taken)

    found = next_free(at, taken, spacing, not_after)
    wanted = (at + timedelta(minutes=later) for later in range(31 * 121) if free(at + timedelta(minutes=later)))
    first = next(wanted)

    assert found == (first if not_after is None or first <= not_after else None)


@settings(deadline=None)
@given(moments, st.lists(st.integers(0, 50), min_size=1, max_size=12), st.integers(1, 90))
def test_slots_taken_one_by_one_keep_their_distance(at: datetime, offsets: list[int], minutes: int) -> None:
    """However they are asked for, no two are nearer than the spacing, and none is before it was wanted."""
    taken: list[datetime] = []
    for offset in offsets:
        wanted = at + timedelta(minutes=offset)
        found = next_free(wanted, taken, timedelta(minutes=minutes), None)
        assert found is not None and found >= wanted
        taken.append(found)

    ordered = sorted(taken)
    assert all(later - earlier >= timedelta(minutes=minutes) for earlier, later in pairwise(ordered))
