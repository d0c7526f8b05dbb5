"""What `check` says of firings at changes of clocks is what Temporal does."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from temporalio.client import Schedule, ScheduleActionStartWorkflow, ScheduleSpec

from tests.integration.conftest import House
from towpath.control.schedules import Schedules
from towpath.engine.checks.clocks import ClockChange, clock_changes, touched
from towpath.engine.language.cron import firings

TODAY = date(2026, 11, 30)
CRONS = ("30 2 * * *", "0 0 * * *", "*/20 1-3 * * SUN", "45 1 1-14 * 1", "30 */2 * * *", "@daily", "0 3 28 3 *")
ZONES = ("Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Seoul")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("zone", ZONES)
async def test_temporal_does_what_is_told(house: House, zone: str) -> None:
    """A time that clocks skip does not fire. Where `check` tells nothing, each firing comes once."""
    changes = clock_changes(zone, TODAY)
    assert bool(changes) is (zone != "Asia/Seoul")
    for cron in CRONS:
        name = f"clocks-{uuid4().hex[:8]}"
        action = ScheduleActionStartWorkflow("none", id=name, task_queue="none")
        spec = ScheduleSpec(cron_expressions=[cron], time_zone_name=zone)
        handle = await house.client.create_schedule(name, Schedule(action=action, spec=spec))
        for change in changes[:4]:
            await compare(house, name, cron, zone, change)
        await handle.delete()


async def compare(house: House, name: str, cron: str, zone: str, change: ClockChange) -> None:
    """A time that clocks show twice fires once or twice; one skipped by half an hour comes half an hour later."""
    around = change.begin - 5 * HOUR, change.end + 5 * HOUR
    begin, end = (moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1) for moment in around)
    fired = await Schedules(house.client).firings(name, begin, end, zone)
    found = sorted(firing.local.replace(tzinfo=None, fold=0) for firing in fired)
    ordinary = list(firings(cron, *around))
    told = set(touched(cron, change))
    if not told or (change.lost and change.end - change.begin == HOUR):
        assert found == [moment for moment in ordinary if moment not in told], (cron, zone, change)
    elif change.lost:
        assert found != ordinary


def test_moments_of_a_change() -> None:
    """The two changes of a year, as times on the clock."""
    first, second, *_ = clock_changes("Europe/Berlin", TODAY)
    spring, autumn = datetime.fromisoformat("2027-03-28T02:00"), datetime.fromisoformat("2027-10-31T02:00")
    assert (first.begin, first.end, first.lost) == (spring, spring + HOUR, True)
    assert (second.begin, second.end, second.lost) == (autumn, autumn + HOUR, False)
