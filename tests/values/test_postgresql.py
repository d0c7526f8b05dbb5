"""PostgreSQL as a source: times that nothing else has cost their row alone, wherever they stand."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import psycopg
import pytest

from tests.fakes.postgresql import postgresql_server
from tests.unit.pipeline.reading import Reader, shop_database, source

TABLE = """
CREATE TABLE orders (id bigint, day date, at timestamp, zoned timestamptz, n numeric, f float8, raw bytea);
INSERT INTO orders VALUES
    (1, '2024-01-05', '2024-01-05 10:00:00.123456', '2024-01-05 10:00:00+09', 1.10, 0.1, 'a'),
    (2, 'infinity', NULL, NULL, NULL, NULL, NULL),
    (3, NULL, '-infinity', NULL, NULL, NULL, NULL),
    (4, NULL, NULL, 'infinity', NULL, NULL, NULL),
    (5, '0044-01-05 BC', NULL, NULL, NULL, NULL, NULL),
    (6, '10000-01-01', NULL, NULL, NULL, NULL, NULL),
    (7, NULL, '294276-12-31 23:59:59', NULL, NULL, NULL, NULL),
    (8, NULL, NULL, '0001-01-01 00:00:00+15', NULL, NULL, NULL),
    (9, '0001-01-01', '0001-01-01 00:00:00', '9999-12-31 23:59:59.999999Z', 'NaN', 'NaN', NULL),
    (10, '9999-12-31', '9999-12-31 23:59:59.999999', '0001-01-01 00:00:00Z', 12345678901234567890.1234, 5e-324, NULL)
"""
BAD = [2, 3, 4, 5, 6, 7, 8]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture
def database(server: str, reader: Reader) -> Iterator[psycopg.Connection[Any]]:
    with shop_database(server, reader, TABLE) as connection:
        yield connection


def orders(**told: Any) -> Any:
    return source(type="postgresql", connection="shop", table="public.orders", **told)


@pytest.mark.usefixtures("database")
def test_times_that_others_do_not_have(reader: Reader) -> None:
    """Infinity, years before Christ and after 9999 are set aside; the first and the last moment are read."""
    found = reader.read(orders())

    assert [row["id"] for row in found.rows] == [1, 9, 10]
    assert sorted(str(row["id"]) for row in found.bad_rows) == sorted(map(str, BAD))
    assert found.rows[0]["zoned"] == datetime.fromisoformat("2024-01-05T01:00:00")
    assert (found.rows[2]["day"], found.rows[1]["day"]) == (date.max, date.min)
    assert [row["n"] for row in found.rows] == ["1.10", "NaN", "12345678901234567890.1234"]


@pytest.mark.parametrize("column", ["day", "at", "zoned"])
def test_periods_leave_no_row_out(reader: Reader, database: psycopg.Connection[Any], column: str) -> None:
    """A time in no period is read with the rows that have none."""
    database.execute("DELETE FROM orders WHERE id > 8")

    found = reader.read(orders(partition={"by": "date", "column": column, "every": "month"}))

    assert [row["id"] for row in found.rows] == [1]
    assert sorted(str(row["id"]) for row in found.bad_rows) == sorted(map(str, BAD))


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("column", ["day", "at", "zoned"])
def test_no_watermark_is_infinite(reader: Reader, column: str) -> None:
    """A cursor that others do not have moves nothing, and its row is set aside with every run."""
    found = reader.read(orders(cursor={"field": column}), watermark="2024-01-01")

    assert str(found.planned.until).startswith("9999-12-31")
    own = {"day": {2, 5, 6}, "at": {3, 7}, "zoned": {4, 8}}[column]
    assert own <= {int(str(row["id"])) for row in found.bad_rows}
