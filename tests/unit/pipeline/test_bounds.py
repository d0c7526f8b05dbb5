"""What a run reads of a source: watermarks with their lag, days of a backfill, ranges of keys and times."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.pipeline import CursorField, DateRange
from towpath.dataplane.core.errors import SourceFormatError
from towpath.policy.pipeline.bounds import Bounds, BoundsError, cursor_bounds, periods, ranges

DAYS = DateRange.model_validate({"first": "2026-02-01", "last": "2026-02-03"})
AT = CursorField(field="at", lag=timedelta(hours=2), initial="2020-01-01")


@pytest.mark.parametrize(
    ("kind", "told", "bounds"),
    [
        pytest.param("timestamp", {}, ("2020-01-01", None), id="first-run"),
        pytest.param("timestamp", {"watermark": "2026-01-01T01:00:00"}, ("2025-12-31T23:00:00", None), id="lag"),
        pytest.param("date", {"watermark": "2026-01-01"}, ("2025-12-31", None), id="lag-in-days"),
        pytest.param("timestamp", {"watermark": "2026-01-01", "full": True}, (None, None), id="full"),
        pytest.param("timestamp", {"dates": DAYS}, ("2026-02-01", "2026-02-03T23:59:59.999999"), id="backfill"),
        pytest.param("date", {"dates": DAYS}, ("2026-02-01", "2026-02-03"), id="backfill-of-dates"),
        pytest.param("timestamp", {"dates": DAYS, "watermark": "2026-05-01"}, None, id="backfill-behind-the-watermark"),
    ],
)
def test_bounds_of_the_cursor(kind: str, told: dict[str, Any], bounds: tuple[str | None, str | None] | None) -> None:
    """A run goes on where the last one ended, less the lag; days and `full` go before."""
    arguments: dict[str, Any] = {"watermark": None, "dates": None, "full": False} | told
    column = Column(name="at", type=ColumnType(kind))

    wanted = bounds or ("2026-02-01", "2026-02-03T23:59:59.999999")
    assert cursor_bounds(AT, column, **arguments) == Bounds(*wanted)


@pytest.mark.parametrize(
    ("watermark", "dates", "kind"),
    [("17", None, "integer"), ("yesterday", None, "timestamp"), (None, DAYS, "text")],
    ids=["lag-of-a-number", "no-time", "days-of-a-text"],
)
def test_bounds_that_make_no_sense(watermark: str | None, dates: DateRange | None, kind: str) -> None:
    """A lag and days are for times; the message says what to declare."""
    column = Column(name="at", type=ColumnType(kind))

    with pytest.raises(BoundsError, match="at: "):
        cursor_bounds(AT, column, watermark=watermark, dates=dates, full=False)


def test_ranges_leave_nothing_out() -> None:
    """Ranges touch, and are open at both ends; of few whole numbers there are no more ranges than numbers."""
    cut = ranges(Decimal(1), Decimal(100), 4)

    assert cut == [(None, Decimal(26)), (Decimal(26), Decimal(50)), (Decimal(50), Decimal(75)), (Decimal(75), None)]
    assert ranges(Decimal(1), Decimal(2), 10) == [(None, Decimal(2)), (Decimal(2), None)]
    assert ranges(Decimal(5), Decimal(5), 3) == [(None, None)]


@pytest.mark.parametrize(("every", "count"), [("hour", 697), ("day", 30), ("month", 3)])
def test_periods(every: Literal["hour", "day", "month"], count: int) -> None:
    """Periods begin where the clock or the calendar does, and touch each other."""
    first, last = datetime(2026, 1, 31, 23, 30, tzinfo=UTC), datetime(2026, 3, 1, 23, 59, tzinfo=UTC)

    found = periods(first, last, every)

    assert found[0][0] <= first < found[0][1]
    assert found[-1][0] <= last < found[-1][1]
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
    assert len(found) == count


def test_too_many_periods() -> None:
    """A table whose oldest row is of the year 1 is not cut into a million partitions."""
    with pytest.raises(BoundsError, match="longer period than hour"):
        periods(datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "hour")


def dated(tmp_path: Path, *times: str) -> Any:
    path = tmp_path / "orders.csv"
    path.write_text("id,at\n" + "".join(f"{number},{at}\n" for number, at in enumerate(times)))
    columns = [{"name": "id", "type": "integer"}, {"name": "at", "type": "timestamp"}]
    cursor = {"field": "at", "lag": "PT1H"}
    return source(type="csv", path=str(path), columns=columns, cursor=cursor)


def test_incremental_file(reader: Reader, tmp_path: Path) -> None:
    """Rows before the watermark less the lag are left out and counted; rows without a time are read each time."""
    orders = dated(tmp_path, "2026-01-01 10:00:00", "2026-01-01T11:00:00", "2026-01-01 12:30:00", "", "soon")

    found = reader.read(orders, watermark="2026-01-01T12:00:00")

    assert [row["id"] for row in found.rows] == ["1", "2", "3", "4"]
    assert found.extracted[0].left_out == {"before the watermark": 1}
    assert found.extracted[0].max_cursor == "2026-01-01T12:30:00"


def test_time_in_the_future_moves_no_watermark(reader: Reader, tmp_path: Path) -> None:
    """One wrong year is read, and does not hide the rows of all runs to come."""
    found = reader.read(dated(tmp_path, "2026-01-01 10:00:00", "9999-12-31 00:00:00"))

    assert len(found.rows) == 2
    assert found.extracted[0].max_cursor == "2026-01-01T10:00:00"


def test_backfill_of_a_file(reader: Reader, tmp_path: Path) -> None:
    """Only rows of the days are read, both days included."""
    orders = dated(tmp_path, "2026-01-31 23:59:59", "2026-02-01 00:00:00", "2026-02-03 23:59:59", "2026-02-04 00:00:00")

    found = reader.read(orders, dates=DAYS)

    assert [row["id"] for row in found.rows] == ["1", "2"]
    assert found.extracted[0].left_out == {"after the plan": 1, "before the watermark": 1}


def test_days_that_nothing_tells_apart(reader: Reader, tmp_path: Path) -> None:
    """A backfill of a source without times is refused, since it would read everything for each day."""
    path = tmp_path / "orders.csv"
    path.write_text("id\n1\n")

    with pytest.raises(SourceFormatError, match="dates need a cursor"):
        reader.plan(source(type="csv", path=str(path)), dates=DAYS)
    assert reader.plan(source(type="csv", path=str(path), main=False), dates=DAYS).partitions


def test_cursor_that_is_not_there(reader: Reader, tmp_path: Path) -> None:
    """A cursor that names no column fails before anything is read."""
    path = tmp_path / "orders.csv"
    path.write_text("id\n1\n")

    with pytest.raises(SourceFormatError, match="no column at"):
        reader.plan(source(type="csv", path=str(path), cursor={"field": "at"}))
