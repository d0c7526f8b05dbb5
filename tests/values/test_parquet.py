"""Parquet: a value that has no place in its column costs its row alone, and no time is shifted or cut."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.core.wire import json_object
from towpath.dataplane.core.arrow import pa, parquet

at = datetime.fromisoformat
OLD_TIMES = (at("1000-01-01"), at("9999-12-31T23:59:59.999999"), at("2024-01-01T00:00:00.000001"), at("1600-02-29"))


def written(folder: Path, values: Any, **how: Any) -> str:
    path = folder / "orders.parquet"
    parquet.write_table(pa.table({"id": pa.array(range(len(values))), "v": values}), path, **how)
    return str(path)


CASES: dict[str, tuple[Any, list[object], list[int]]] = {
    "uint64": (pa.array([1, 2**63 - 1, 2**64 - 1, None], pa.uint64()), [1, 2**63 - 1, None], [3]),
    "binary": (pa.array([b"a", b"\xff\x00", "é".encode(), None], pa.binary()), ["a", "é", None], [2]),
    "halves": (pa.array([b"\xc3", b"\xa9", b"x"], pa.binary()), ["x"], [1, 2]),
    "nul": (pa.array(["a\0b", "c"]), ["c"], [1]),
    "nanoseconds": (
        pa.array([1_000, 1_001, -1], pa.timestamp("ns")),
        [at("1970-01-01T00:00:00.000001")],
        [2, 3],
    ),
    "far": (
        pa.array([253_402_300_799, 253_402_300_800, -62_135_596_800, -62_135_596_801, 2**43], pa.timestamp("s")),
        [at("9999-12-31T23:59:59"), at("0001-01-01")],
        [2, 4, 5],
    ),
    "microseconds": (
        pa.array([2**63 - 1, -(2**63) + 1, 0], pa.timestamp("us", "UTC")),
        [at("1970-01-01")],
        [1, 2],
    ),
    "days": (
        pa.array([2**31 - 1, -(2**31), 2_932_896, 2_932_897, -719_162, -719_163], pa.date32()),
        [date.max, date.min],
        [1, 2, 4, 6],
    ),
    "wide": (
        pa.array([Decimal("1.5"), Decimal("1" * 50)], pa.decimal256(60, 1)),
        [Decimal("1.5")],
        [2],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_value_costs_its_row_alone(reader: Reader, tmp_path: Path, case: str) -> None:
    """What has no place in the column's type is set aside with its row number, and shown."""
    values, kept, bad = CASES[case]
    path = written(tmp_path, values, version="2.6")

    found = reader.read(source(type="parquet", path=path))

    assert [row["v"] for row in found.rows] == kept
    assert [place for _, place in found.bad_places] == [f"orders.parquet:{number}" for number in bad]
    assert all(json_object(row["row"]) for row in found.bad)


def test_old_times_are_read(reader: Reader, tmp_path: Path) -> None:
    """Times of 96 bits are right in all years, and those below a microsecond are set aside."""
    path = written(tmp_path, pa.array(OLD_TIMES, pa.timestamp("us")), use_deprecated_int96_timestamps=True)

    found = reader.read(source(type="parquet", path=path))

    assert [row["v"] for row in found.rows] == list(OLD_TIMES)


def test_old_times_are_not_cut(reader: Reader, tmp_path: Path) -> None:
    """One nanosecond is one too many."""
    values = pa.array([1_704_067_200_000_000_001, 1_704_067_200_000_001_000, None, -1_000], pa.timestamp("ns"))
    path = written(tmp_path, values, use_deprecated_int96_timestamps=True)

    found = reader.read(source(type="parquet", path=path))

    expected = [at("2024-01-01T00:00:00.000001"), None, at("1969-12-31T23:59:59.999999")]
    assert [row["v"] for row in found.rows] == expected
    assert found.bad_rows == [{"id": 0, "v": "2024-01-01 00:00:00.000000001"}]


def test_nested_numbers_keep_their_digits(reader: Reader, tmp_path: Path) -> None:
    """A decimal in a list is a number of JSON, to its last digit."""
    kind = pa.list_(pa.struct([("n", pa.decimal128(30, 4)), ("at", pa.timestamp("us", "UTC")), ("raw", pa.binary())]))
    value = {"n": Decimal("12345678901234567890.1000"), "at": datetime(2024, 1, 1, tzinfo=UTC), "raw": b"\xff"}
    path = written(tmp_path, pa.array([[value], None], kind))

    found = reader.read(source(type="parquet", path=path))

    text = '[{"n":12345678901234567890.1000,"at":"2024-01-01 00:00:00+00:00","raw":"ff"}]'
    assert [row["v"] for row in found.rows] == [text, None]


@pytest.mark.parametrize(
    ("values", "declared", "kept"),
    [
        (pa.array([0.1, 0.00005, 1e20]), {"type": "decimal"}, ["0.1000", "100000000000000000000.0000"]),
        (pa.array([at("2024-01-01"), at("2024-01-01T10:00")], pa.timestamp("us")), {"type": "date"}, ["2024-01-01"]),
        (pa.array(["1e3", "1_000", " 7 "]), {"type": "integer"}, ["1000", "7"]),
    ],
    ids=["float", "time", "text"],
)
def test_declared_types_are_exact(
    reader: Reader, tmp_path: Path, values: Any, declared: dict[str, object], kept: list[str]
) -> None:
    """A number is not rounded and a time of the day not lost on the way into another type."""
    first = tmp_path / "a.parquet"
    empty = {"integer": pa.int64(), "date": pa.date32(), "decimal": pa.decimal128(38, 4)}[str(declared["type"])]
    parquet.write_table(pa.table({"id": pa.array([0]), "v": pa.array([None], empty)}), first)
    written(tmp_path, values)

    found = reader.read(source(type="parquet", path=str(tmp_path / "*.parquet")))

    assert [str(row["v"]) for row in found.rows[1:]] == kept
