"""Targets grow with the pipeline, and what does not fit is refused with the place and the mend, never with a value."""

from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.unit.loading.world import COLUMNS, World, at, row
from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.errors import DestinationError, LoadError
from towpath.dataplane.load.parts import load_part

EMAIL = Column(name="email", type=ColumnType.TEXT)
SECRET = "no-one-may-read-this"


def changed(name: str, **changes: Any) -> tuple[Column, ...]:
    return tuple(column.model_copy(update=changes) if column.name == name else column for column in COLUMNS)


def execute(world: World, text: str) -> None:
    with psycopg.connect(world.url) as connection:
        connection.execute(text.encode())


@pytest.mark.parametrize("strategy", ["append", "upsert", "delete_insert", "scd2"])
def test_new_column(world: World, strategy: Any) -> None:
    """A column that the target lacks is added; rows from before have nothing in it."""
    world.strategy = strategy
    world.load([row(1), row(2, day=1)])
    world.columns = (*COLUMNS, EMAIL)
    world.load([{**row(3, "b", hours=1, day=2), "email": "c@example.com"}])

    assert world.read("id", "email") == [(1, None), (2, None), (3, "c@example.com")]


def test_wider_decimals(world: World) -> None:
    """Decimals get more digits where the target has too few, and keep the values that are there."""
    world.load([row(1)])
    world.columns = changed("amount", precision=20, scale=4)
    world.load([{**row(2), "amount": Decimal("123456789012.3456")}])

    assert world.read("id", "amount") == [(1, Decimal("1.2500")), (2, Decimal("123456789012.3456"))]


def test_narrower_decimals_are_refused(world: World) -> None:
    """A declaration that holds neither more nor the same would cut values."""
    world.load([row(1)])
    world.columns = changed("amount", precision=12, scale=6)

    with pytest.raises(LoadError, match="column amount has 10 digits and 2 decimals there"):
        world.load([{**row(2), "amount": Decimal(1)}])


def test_another_type_is_refused(world: World) -> None:
    """A column of another type is named, with what can be done."""
    world.load([row(1)])
    world.columns = changed("name", type=ColumnType.INTEGER)

    with pytest.raises(LoadError, match=r"column name of .* is (text|VARCHAR) .*cast in the transformation"):
        world.load([{**row(2), "name": 7}])

    assert world.read("id", "name") == [(1, "a")]


def test_every_type(world: World) -> None:
    """Values of all types arrive as they were, empty ones too."""
    kinds = [Column(name=f"c_{kind}", type=kind) for kind in ColumnType]
    world.columns = (COLUMNS[0], *kinds)
    world.newest_by = world.partition_by = None
    values = {
        "c_text": "zażółć 'quoted' \"twice\"\nnext\t%s {x} \\",
        "c_integer": -(2**62),
        "c_decimal": Decimal("-1234567890123456.78"),
        "c_float": 1e-300,
        "c_boolean": True,
        "c_date": date(1, 1, 1),
        "c_timestamp": at(0.123456789),
        "c_json": '{"b": [1, 2.5, null]}',
    }
    empty = dict.fromkeys(values)
    world.load([{"id": 1, **values}, {"id": 2, **empty}])
    world.load([{"id": 3, **values}, {"id": 2, **empty}])

    whole, nothing, again = world.read("id", *(column.name for column in kinds))
    told = [{"b": [1, 2.5, None]} if name == "c_json" else value for name, value in values.items()]
    expected = told if world.kind == "postgresql" else list(values.values())
    assert [*whole][1:] == [*again][1:] == expected
    assert [*nothing] == [2, *empty.values()]


def test_row_without_a_key(world: World) -> None:
    """A missing key is refused: the row would come anew with each load. The error names the column and no value."""
    with pytest.raises(LoadError, match=r"id") as raised:
        world.load([{**row(1, SECRET), "id": None}])

    assert SECRET not in str(raised.value)
    assert world.load([row(1)]).inserted == 1


def test_key_of_two_columns(world: World) -> None:
    """A key can have several columns, and a row nothing else."""
    world.columns, world.key, world.newest_by, world.partition_by = COLUMNS[:2], ("id", "name"), None, None
    keys = [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]
    world.load(keys)
    done = world.load([*keys, {"id": 2, "name": "a"}])

    assert world.read("id", "name") == [(1, "a"), (1, "b"), (2, "a")]
    assert done.inserted == 1


@pytest.mark.parametrize("kind", ["postgresql", "duckdb"])
def test_table_in_a_schema(kind: str, postgresql: World) -> None:
    """A schema is made with the table, and has the ledger beside it."""
    postgresql.kind, postgresql.table = kind, "Sales.orders"
    postgresql.load([row(1)], watermark="3")

    postgresql.table = '"Sales"."orders"'
    assert postgresql.read("id") == [(1,)]
    postgresql.table = '"Sales".towpath_watermarks'
    assert postgresql.read("value") == [("3",)]


def test_table_of_someone_else(postgresql: World) -> None:
    """A table that was there, with other types that take the values, is filled by assignment."""
    execute(
        postgresql,
        "CREATE TABLE orders (id int PRIMARY KEY, name varchar(20), amount numeric, day timestamp,"
        " updated_at timestamp, seen timestamptz NOT NULL DEFAULT now())",
    )
    postgresql.load([row(1), row(2)])
    postgresql.load([row(2, "b", hours=1)])

    assert postgresql.read("id", "name", "amount") == [(1, "a", Decimal("1.25")), (2, "b", Decimal("2.25"))]


@pytest.mark.parametrize(
    ("table", "rows", "message"),
    [
        ("id bigint PRIMARY KEY, name varchar(3)", [row(1, SECRET)], r"StringDataRightTruncation 22001"),
        ("id smallint PRIMARY KEY, name text", [row(70_000)], r"NumericValueOutOfRange 22003"),
        ("id bigint PRIMARY KEY, CHECK (name <> 'a'), name text", [row(1)], r"CheckViolation 23514.*table orders"),
        ("id bigint, name text", [row(1)], r"no unique index on id: make one"),
        ("name text", [row(1)], r"is there without id: load into a new table"),
        ("id bigint PRIMARY KEY, name bytea", [row(1)], r"column name of orders is bytea and the target's is text"),
    ],
    ids=["too-long", "too-great", "check", "no-index", "no-key", "other-type"],
)
def test_table_that_does_not_fit(postgresql: World, table: str, rows: list[dict[str, Any]], message: str) -> None:
    """The error says what the table refuses, without the value; nothing of the part is there."""
    execute(postgresql, f"CREATE TABLE orders ({table})")

    with pytest.raises(LoadError, match=message) as raised:
        postgresql.load(rows)

    assert SECRET not in str(raised.value)
    assert not raised.value.retryable
    assert postgresql.read("name") == []


def test_part_without_a_column(world: World) -> None:
    """A part that lacks a column of the target is refused by its name."""
    request = world.request(world.part([row(1)], COLUMNS[:2]), "one")

    with pytest.raises(LoadError, match="the part lacks columns of the target: amount, day, updated_at"):
        load_part(request, world.work())


def test_columns_of_our_own(world: World) -> None:
    """A column of the target cannot have a name that loading uses itself."""
    world.columns = (*COLUMNS, Column(name="_valid_from", type=ColumnType.DATE))

    with pytest.raises(LoadError, match="rename _valid_from"):
        world.load([row(1)])


def test_version_without_a_time(world: World) -> None:
    """A history whose rows are told apart by time takes no row without one."""
    world.strategy = "scd2"

    with pytest.raises(LoadError, match=r"updated_at|_valid_from"):
        world.load([{**row(1), "updated_at": None}])

    assert world.load([row(1)]).inserted == 1


def test_database_that_is_not_there(postgresql: World) -> None:
    """A dead database may come back; its address and password are not told."""
    postgresql.url = f"postgresql://towpath:{SECRET}@127.0.0.1:9/orders"

    with pytest.raises(DestinationError, match="PostgreSQL cannot be used now") as raised:
        postgresql.load([row(1)])

    assert raised.value.retryable
    assert SECRET not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value)
