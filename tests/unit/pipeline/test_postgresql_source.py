"""Tables of PostgreSQL are read in ranges that leave no row out, with the types that they have."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.fakes.postgresql import postgresql_server
from tests.unit.pipeline.reading import Reader, shop_database, source
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.dataset import ColumnType
from towpath.contracts.pipeline.pipeline import DateRange, Source
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.connections import PostgresqlConnection
from towpath.dataplane.core.errors import SourceError, SourceFormatError

TABLE = """
CREATE TABLE orders (
    id bigint, "Order No" text, price numeric(12, 2), weight numeric, paid boolean, day date, at timestamptz,
    extra jsonb, tags text[], ref uuid
)
"""
ROWS = """
INSERT INTO orders SELECT n, 'no ' || n, n / 100.0, n / 7.0, n %% 2 = 0, '2026-01-01'::date + n %% 60,
    '2026-01-01T02:00:00+02'::timestamptz + n * interval '1 hour', '{"a": 1}', '{x,y}', gen_random_uuid()
FROM generate_series(1, %s) n
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture
def database(server: str, reader: Reader) -> Iterator[psycopg.Connection[Any]]:
    with shop_database(server, reader, TABLE) as connection:
        yield connection


def table(**told: Any) -> Source:
    return source(**({"type": "postgresql", "connection": "shop", "table": "public.orders"} | told))


@pytest.mark.parametrize("field", ["ref", "extra", "kind"])
def test_cursor_that_the_database_orders_otherwise(
    reader: Reader, database: psycopg.Connection[Any], field: str
) -> None:
    """A number that is a text there comes after itself: rows would be passed over, so the source is refused."""
    database.execute("ALTER TABLE orders ADD kind text")
    columns = [{"name": field, "type": "integer"}]

    with pytest.raises(SourceFormatError, match=f"{field} is .* in PostgreSQL"):
        reader.plan(table(columns=columns, cursor={"field": field}))


def test_types(reader: Reader, database: psycopg.Connection[Any]) -> None:
    """Numbers keep their scale, times become UTC; what has no type of ours is read as its text."""
    database.execute(ROWS, (1,))

    found = reader.read(table())

    types = {column.name: column.type for column in found.planned.columns}
    assert types == {
        "id": ColumnType.INTEGER,
        "Order_No": ColumnType.TEXT,
        "price": ColumnType.DECIMAL,
        "weight": ColumnType.TEXT,
        "paid": ColumnType.BOOLEAN,
        "day": ColumnType.DATE,
        "at": ColumnType.TIMESTAMP,
        "extra": ColumnType.JSON,
        "tags": ColumnType.TEXT,
        "ref": ColumnType.TEXT,
    }
    row = found.rows[0]
    assert len(row.pop("ref")) == 36
    assert row == {
        "id": 1,
        "Order_No": "no 1",
        "price": Decimal("0.01"),
        "weight": "0.14285714285714285714",
        "paid": False,
        "day": date(2026, 1, 2),
        "at": datetime.fromisoformat("2026-01-01T01:00:00"),
        "extra": '{"a": 1}',
        "tags": "{x,y}",
        ROW: 1,
    }


@pytest.mark.parametrize(
    ("partition", "partitions"),
    [
        pytest.param({"by": "file"}, 1, id="whole"),
        pytest.param({"by": "range", "column": "id", "rows": 200}, 7, id="ranges"),
        pytest.param({"by": "range", "column": "price", "rows": 500}, 3, id="ranges-of-decimals"),
        pytest.param({"by": "date", "column": "day", "every": "month"}, 4, id="months"),
        pytest.param({"by": "date", "column": "at", "every": "day"}, 43, id="days"),
    ],
)
def test_partitions(
    reader: Reader, database: psycopg.Connection[Any], partition: dict[str, Any], partitions: int
) -> None:
    """However a table is cut, each row is read once, rows without a value in the cut's column too."""
    database.execute(ROWS, (1_000,))
    database.execute("INSERT INTO orders (id) VALUES (NULL), (1001)")

    found = reader.read(table(partition=partition))

    assert len(found.planned.partitions) == partitions
    assert sorted(row["id"] for row in found.rows if row["id"] is not None) == list(range(1, 1_002))
    assert len(found.rows) == 1_002
    assert found.planned.size_bytes > 0


def test_incremental(reader: Reader, database: psycopg.Connection[Any]) -> None:
    """Rows from the watermark less the lag are read, up to what was there at planning: the rest is the next run's."""
    database.execute(ROWS, (100,))
    orders = table(cursor={"field": "at", "lag": "PT2H"})
    planned = reader.plan(orders, watermark="2026-01-04T00:00:00")
    database.execute(ROWS, (110,))

    extracted = reader.extract(orders, planned, planned.partitions[0])
    found = reader.reading(planned, [extracted])

    assert planned.since == "2026-01-03T22:00:00"
    assert planned.until == extracted.max_cursor == "2026-01-05T04:00:00"
    assert sorted({row["id"] for row in found.rows}) == list(range(70, 101))


def test_backfill(reader: Reader, database: psycopg.Connection[Any]) -> None:
    """A backfill reads its days, a partition each."""
    database.execute(ROWS, (100,))
    days = DateRange.model_validate({"first": "2026-01-02", "last": "2026-01-03"})

    found = reader.read(table(partition={"by": "date", "column": "at"}), dates=days)

    assert len(found.planned.partitions) == 2
    assert sorted(row["id"] for row in found.rows) == list(range(24, 72))


def test_empty_table(reader: Reader, database: psycopg.Connection[Any]) -> None:
    """A table without rows has columns and nothing to read."""
    assert database.execute("SELECT count(*) FROM orders").fetchone() == (0,)

    for partition in ({"by": "file"}, {"by": "range", "column": "id"}, {"by": "date", "column": "day"}):
        found = reader.read(table(partition=partition, cursor={"field": "at"}))

        assert found.rows == found.bad == []
        assert len(found.planned.columns) == 10
        assert all(one.part is None for one in found.extracted)


def test_rules(reader: Reader, database: psycopg.Connection[Any]) -> None:
    """Rules hold for typed values as well; a quarantined row is told as JSON."""
    database.execute(ROWS, (3,))
    rules = [{"rule": "pattern", "column": "price", "value": r"0\.0[13]"}]

    found = reader.read(table(validation=rules))

    assert [row["id"] for row in found.rows] == [1, 3]
    assert found.bad_rows[0]["price"] == "0.02"
    assert found.bad[0]["position"] == "public.orders all:2"


def test_value_without_a_place_in_its_type(reader: Reader, database: psycopg.Connection[Any]) -> None:
    """PostgreSQL's NaN is no decimal anywhere else: its row is quarantined, and the others are read."""
    database.execute("INSERT INTO orders (id, price) VALUES (1, 1.5), (2, 'NaN')")

    found = reader.read(table())

    assert [(row["id"], row["price"]) for row in found.rows] == [(1, Decimal("1.50"))]
    assert [row["rule"] for row in found.bad] == ["type"]


def test_views_and_names(reader: Reader, database: psycopg.Connection[Any]) -> None:
    """A view is read like a table."""
    database.execute(ROWS, (10,))
    database.execute("CREATE VIEW even AS SELECT id FROM orders WHERE id % 2 = 0")

    assert len(reader.read(table(table="even", partition={"by": "range", "column": "id", "rows": 2})).rows) == 5


@pytest.mark.parametrize("name", ["orders; DROP TABLE orders", 'a"b', "a.b.c", "orders -- x", ""])
def test_table_is_a_name(name: str) -> None:
    """There is no SQL in a pipeline."""
    with pytest.raises(ValueError, match="table"):
        table(table=name)


def test_range_of_a_text(reader: Reader, database: psycopg.Connection[Any]) -> None:
    """Ranges are cut of numbers, and the message says so."""
    database.execute(ROWS, (3,))

    with pytest.raises(SourceFormatError, match="at is not a whole"):
        reader.plan(table(partition={"by": "range", "column": "at"}))


def test_failures(reader: Reader, database: psycopg.Connection[Any]) -> None:
    """A table that is not there is final, a database that is not there is not; neither tells its address."""
    assert database.closed is False
    with pytest.raises(SourceError) as missing:
        reader.plan(table(table="nothing"))
    away = "postgresql://reader:hunter2@127.0.0.1:1/shop"
    reader.connections = {"shop": PostgresqlConnection.model_validate({"url": away})}
    with pytest.raises(SourceError) as unreachable:
        reader.plan(table())

    assert "42P01" in str(missing.value)
    assert (missing.value.retryable, unreachable.value.retryable) == (False, True)
    assert missing.value.code is FailureCode.PIPELINE_SOURCE_UNAVAILABLE
    assert "hunter2" not in repr(unreachable.value)
