"""NDJSON, JSON and Parquet files, columns that nobody announced, and rules at extraction."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.pipeline.dataset import ColumnType
from towpath.contracts.pipeline.pipeline import DateRange, RowRule
from towpath.dataplane.core.arrow import pa, parquet
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.errors import SourceFormatError

NDJSON = (
    b'{"id": 1, "name": "A", "price": 12.5, "tags": ["x", 1], "at": {"city": null}}\n'
    b"\n"
    b'{"id": 2, "name": null, "ok": true}\n'
    b'{"id": 3, "name": "broken\n'
    b"[1, 2]\n"
    b'{"id": 12345678901234567890, "name": "\xff"}\n'
    b'{"id": 4, "name": "nul \\u0000"}\n'
    b'{"id": 98765432109876543210, "name": "q\\"\\u00e9"}'
)


def write(tmp_path: Path, content: bytes, name: str) -> str:
    path = tmp_path / name
    path.write_bytes(content)
    return str(path)


def test_ndjson(reader: Reader, tmp_path: Path) -> None:
    """Each value is read as its text, objects and lists as JSON; a line that is no object is quarantined."""
    found = reader.read(source(type="ndjson", path=write(tmp_path, NDJSON, "orders.ndjson")))

    nothing = {"price": None, "tags": None, "at": None, "ok": None}
    assert found.rows == [
        nothing | {"id": "1", "name": "A", "price": "12.5", "tags": '["x",1]', "at": '{"city":null}', ROW: 1},
        nothing | {"id": "2", "name": None, "ok": "true", ROW: 3},
        nothing | {"id": "98765432109876543210", "name": 'q"é', ROW: 8},
    ]
    assert sorted(found.bad_places) == [
        ("encoding", "orders.ndjson:6"),
        ("encoding", "orders.ndjson:7"),
        ("json", "orders.ndjson:4"),
        ("json", "orders.ndjson:5"),
    ]


def test_ndjson_by_partition(reader: Reader, tmp_path: Path) -> None:
    """Lines are numbered through the whole file, however it is cut; quotes and commas do not matter."""
    lines = "".join(json.dumps({"id": number, "text": '"\n,'}) + "\n" for number in range(5_000))
    path = write(tmp_path, lines.encode(), "orders.ndjson")

    found = reader.read(source(type="ndjson", path=path, partition={"by": "file", "size_bytes": 20_000}))

    assert len(found.planned.partitions) > 5
    assert [(row["id"], row[ROW]) for row in found.rows] == [(str(number), number + 1) for number in range(5_000)]


def test_fields_that_come_later(reader: Reader, tmp_path: Path) -> None:
    """A field that the front of a file does not show is told by the partition that meets it."""
    content = b'{"id": 1}\n' * 2_000 + b'{"id": 2, "new field": "x"}\n'

    found = reader.read(source(type="ndjson", path=write(tmp_path, content, "orders.ndjson")))

    assert found.extracted[0].new_columns == ("new_field",)
    assert len(found.rows) == 2_001


def test_names_of_fields(reader: Reader, tmp_path: Path) -> None:
    """A field whose name no database takes is read all the same."""
    content = json.dumps({"order id": 7, "a.b": 1, 'c"d': "x"}).encode()

    found = reader.read(source(type="ndjson", path=write(tmp_path, content, "orders.ndjson")))

    assert found.values == [{"order_id": "7", "a_b": "1", "c_d": "x"}]


def test_json_array(reader: Reader, tmp_path: Path) -> None:
    """A large array is read item by item, numbered from 1; an item that is no object is quarantined."""
    items = [{"id": number, "text": "x" * 500 + "é"} for number in range(30_000)]
    content = json.dumps([*items, 5], ensure_ascii=False, indent=1).encode()

    found = reader.read(source(type="json", path=write(tmp_path, content, "orders.json")))

    assert [row["id"] for row in found.rows] == [str(number) for number in range(30_000)]
    assert found.rows[-1][ROW] == 30_000
    assert found.bad_places == [("json", "orders.json:30001")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b'{"id": 1}', "not a JSON array", id="object"),
        pytest.param(b'[{"id": 1}, {"id', "breaks off", id="cut-off"),
        pytest.param(b"[1 2", "breaks off", id="not-json"),
    ],
)
def test_json_that_is_none(reader: Reader, tmp_path: Path, content: bytes, told: str) -> None:
    """A file that is no whole array fails, since nobody knows what is missing."""
    orders = source(type="json", path=write(tmp_path, content, "orders.json"))

    with pytest.raises(SourceFormatError, match=told):
        reader.read(orders)


def test_empty_json(reader: Reader, tmp_path: Path) -> None:
    """A list of no objects has no rows; a file without anything in it is a failure."""
    assert reader.read(source(type="json", path=write(tmp_path, b"[]", "list.json"))).rows == []
    for kind in ("json", "ndjson"):
        for content in (b"", b"\n"):
            with pytest.raises(SourceFormatError, match="empty"):
                reader.read(source(type=kind, path=write(tmp_path, content, f"orders.{kind}")))


def orders_table(rows: int = 4) -> Any:
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int32()),
            "price": pa.array([Decimal("1.10")] * rows, pa.decimal128(12, 2)),
            "at": pa.array([datetime(2026, 1, 1, 12, tzinfo=UTC)] * rows, pa.timestamp("ns", "Europe/Berlin")),
            "tags": pa.array([["a"], None] * (rows // 2), pa.list_(pa.string())),
            "state": pa.array(["open", "done"] * (rows // 2)).dictionary_encode(),
        }
    )


def test_parquet(reader: Reader, tmp_path: Path) -> None:
    """Types stay; times become UTC, lists become JSON. Row groups are cut into partitions, and rows are numbered."""
    path = tmp_path / "orders.parquet"
    parquet.write_table(orders_table(8), path, row_group_size=2)

    found = reader.read(source(type="parquet", path=str(path), partition={"by": "file", "size_bytes": 1_024}))

    types = [column.type for column in found.planned.columns]
    assert types == [ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.TIMESTAMP, ColumnType.JSON, ColumnType.TEXT]
    assert (found.planned.columns[1].precision, found.planned.columns[1].scale) == (12, 2)
    assert len(found.planned.partitions) > 1
    assert [row[ROW] for row in found.rows] == list(range(1, 9))
    assert found.values[0] == {
        "id": 0,
        "price": Decimal("1.10"),
        "at": datetime(2026, 1, 1, 12, tzinfo=UTC).replace(tzinfo=None),
        "tags": '["a"]',
        "state": "open",
    }


@pytest.mark.parametrize(
    ("action", "ids", "bad", "left_out"),
    [
        pytest.param("quarantine_row", [1, 3], [("type", "b.parquet:2")], {}, id="quarantine"),
        pytest.param("discard_row", [1, 3], [], {"values of another type": 1}, id="discard-row"),
        pytest.param("discard_value", [1, None, 3], [], {}, id="discard-value"),
    ],
)
def test_type_that_changes_between_files(
    reader: Reader, tmp_path: Path, action: str, ids: list[int | None], bad: list[Any], left_out: dict[str, int]
) -> None:
    """A later file has texts for numbers: those that are numbers are read, the contract decides on the others."""
    parquet.write_table(pa.table({"id": [0]}), tmp_path / "a.parquet")
    parquet.write_table(pa.table({"id": ["1", "two", "3"]}), tmp_path / "b.parquet")

    found = reader.read(source(type="parquet", path=str(tmp_path / "*.parquet"), contract={"types": action}))

    assert [row["id"] for row in found.rows] == [0, *ids]
    assert found.bad_places == bad
    assert found.extracted[1].left_out == left_out


def test_type_that_must_not_change(reader: Reader, tmp_path: Path) -> None:
    """A frozen contract fails the run."""
    parquet.write_table(pa.table({"id": [0]}), tmp_path / "a.parquet")
    parquet.write_table(pa.table({"id": ["two"]}), tmp_path / "b.parquet")

    with pytest.raises(SourceFormatError, match="freeze"):
        reader.read(source(type="parquet", path=str(tmp_path / "*.parquet"), contract={"types": "freeze"}))


@pytest.mark.parametrize("content", [b"PAR1 but nothing else", b"x"])
def test_parquet_that_is_none(reader: Reader, tmp_path: Path, content: bytes) -> None:
    """A file that is no Parquet is named."""
    with pytest.raises(SourceFormatError, match="not a Parquet file"):
        reader.plan(source(type="parquet", path=write(tmp_path, content, "orders.parquet")))


def test_rules_at_extraction(reader: Reader, tmp_path: Path) -> None:
    """The first rule that a row fails quarantines it, with the rule's name and the whole row."""
    content = b"id,email,qty\n1,a@x.example,1\n,b@x.example,2\n3,none,3\n4,d@x.example,four\n5,a-long-one@x.example,5\n"
    rules = [
        {"rule": "not_null", "column": "id"},
        {"rule": "pattern", "column": "email", "value": ".+@.+"},
        {"rule": "type", "column": "qty", "value": "integer"},
        {"rule": "max_length", "column": "email", "value": "15"},
    ]

    found = reader.read(source(type="csv", path=write(tmp_path, content, "orders.csv"), validation=rules))

    assert [row["id"] for row in found.rows] == ["1"]
    assert found.bad_places == [
        ("not_null", "orders.csv:3"),
        ("pattern", "orders.csv:4"),
        ("type", "orders.csv:5"),
        ("max_length", "orders.csv:6"),
    ]
    assert found.bad_rows[0] == {"id": None, "email": "b@x.example", "qty": "2"}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        pytest.param("integer", ["7", "1e2"], ["1.5", "99999999999999999999"], id="integer"),
        pytest.param("decimal", ["1.25"], ["1.2345678901234567890123", "nan"], id="decimal"),
        pytest.param("float", ["1.5"], ["inf", "nan"], id="float"),
        pytest.param("timestamp", ["2026-01-01T00:00:00+09:00"], ["epoch", "infinity"], id="timestamp"),
        pytest.param("json", ["{}"], ["{"], id="json"),
    ],
)
def test_type_is_that_of_a_later_cast(
    reader: Reader, tmp_path: Path, kind: str, good: list[str], bad: list[str]
) -> None:
    """A text that would lose something in its type is refused, declared or not, as a cast refuses it."""
    path = write(tmp_path, "\n".join(["value", *good, *bad]).encode(), "orders.csv")
    rule, columns = {"rule": "type", "column": "value"}, [{"name": "value", "type": kind}]

    named = reader.read(source(type="csv", path=path, validation=[rule | {"value": kind}]))
    declared = reader.read(source(type="csv", path=path, validation=[rule], columns=columns))

    for found in (named, declared):
        assert [row["value"] for row in found.rows] == good
        assert [row["value"] for row in found.bad_rows] == bad


def test_typed_values_keep_their_type(reader: Reader, tmp_path: Path) -> None:
    """Numbers of a Parquet file are integers where they are whole."""
    parquet.write_table(pa.table({"value": [1.0, 1.5, 2.0]}), tmp_path / "a.parquet")
    rules = [{"rule": "type", "column": "value", "value": "integer"}]

    found = reader.read(source(type="parquet", path=str(tmp_path / "a.parquet"), validation=rules))

    assert ([row["value"] for row in found.rows], found.bad_places) == ([1.0, 2.0], [("type", "a.parquet:2")])


@pytest.mark.parametrize(
    "rule",
    [
        {"rule": "max_length", "column": "id", "value": "many"},
        {"rule": "type", "column": "id", "value": "number"},
        {"rule": "pattern", "column": "id"},
    ],
    ids=["length", "type", "pattern"],
)
def test_rules_that_are_none(rule: dict[str, str]) -> None:
    """A rule without a usable value is refused where it is written."""
    with pytest.raises(ValueError, match="value"):
        RowRule.model_validate(rule)


@pytest.mark.parametrize("name", ["emial", "x"])
def test_rule_for_a_column_that_is_not_there(reader: Reader, tmp_path: Path, name: str) -> None:
    """A rule for an unknown column would pass every row, so the run fails."""
    orders = source(
        type="csv", path=write(tmp_path, b"id\n1\n", "orders.csv"), validation=[{"rule": "not_null", "column": name}]
    )

    with pytest.raises(SourceFormatError, match=f"no column {name}"):
        reader.read(orders)


def test_columns_that_the_contract_does_not_let_in(reader: Reader, tmp_path: Path) -> None:
    """A row with a value in a new column is quarantined or left out; a row without one is read."""
    orders = source(type="csv", path=write(tmp_path, b"id,new\n1,x\n2,\n", "orders.csv"))
    planned = reader.plan(orders)
    known = {"columns": planned.columns[:1]}

    kept = reader.extract(orders, planned, planned.partitions[0], quarantine_where_set=("new",), **known)
    left = reader.extract(orders, planned, planned.partitions[0], discard_where_set=("new",), **known)

    assert reader.reading(planned, [kept]).values == [{"id": "2"}]
    assert reader.reading(planned, [kept]).bad_places == [("contract", "orders.csv:2")]
    assert reader.reading(planned, [left]).values == [{"id": "2"}]
    assert left.left_out == {"columns not in the contract": 1}


def test_dated_paths(reader: Reader, tmp_path: Path) -> None:
    """A path may hold a day: a backfill reads the files of its days, a day without a file is no failure."""
    for day in ("2026-01-01", "2026-01-02", "2026-01-04"):
        write(tmp_path, f"day\n{day}\n".encode(), f"orders-{day}.csv")
    orders = source(type="csv", path=str(tmp_path / "orders-%Y-%m-%d.csv"))
    days = DateRange.model_validate({"first": "2026-01-02", "last": "2026-01-04"})

    assert [row["day"] for row in reader.read(orders, dates=days).rows] == ["2026-01-02", "2026-01-04"]
    assert [row["day"] for row in reader.read(orders).rows] == ["2026-01-01", "2026-01-02", "2026-01-04"]
