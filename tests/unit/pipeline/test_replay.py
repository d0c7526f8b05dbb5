"""Quarantined rows are read again once the reason is mended; what is still bad is in quarantine again."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.reading import Reader, Reading, source
from towpath.contracts.pipeline.pipeline import Source
from towpath.contracts.pipeline.stages import Partition, Replayed
from towpath.dataplane.core.columns import ROW


def again(reader: Reader, first: Reading, mended: Source) -> Reading:
    """Replay everything that the first reading quarantined, with another configuration."""
    results = [
        reader.extract(
            mended, first.planned, Partition(name=f"replay {number}", number=number, slice=Replayed(rows=rows))
        )
        for number, rows in enumerate(first.quarantined)
    ]
    return reader.reading(first.planned, results)


def orders(tmp_path: Path, content: bytes, kind: str = "csv", **told: Any) -> Source:
    path = tmp_path / f"orders.{kind}"
    path.write_bytes(content)
    return source(type=kind, path=str(path), **told)


def test_rule_that_was_too_strict(reader: Reader, tmp_path: Path) -> None:
    """Rows come as they were, at the line where they were; those that the new rule refuses stay out."""
    content = b"id,qty\n1,5\n2,five\n3,\n4,-\n"
    strict = [{"rule": "pattern", "column": "qty", "value": "[0-9]+"}, {"rule": "not_null", "column": "qty"}]
    first = reader.read(orders(tmp_path, content, validation=strict))

    mild = [{"rule": "pattern", "column": "qty", "value": "[a-z0-9]*"}]
    found = again(reader, first, orders(tmp_path, content, validation=mild))

    assert found.rows == [{"id": "2", "qty": "five", ROW: 3}, {"id": "3", "qty": None, ROW: 4}]
    assert found.bad_places == [("pattern", "orders.csv:5")]


def test_encoding_that_was_wrong(reader: Reader, tmp_path: Path) -> None:
    """The bytes were kept, so the right encoding makes a text of them."""
    content = "id,name\n1,홍길동\n2,plain\n".encode("cp949")
    first = reader.read(orders(tmp_path, content))

    found = again(reader, first, orders(tmp_path, content, encoding="cp949"))

    assert found.rows == [{"id": "1", "name": "홍길동", ROW: 2}]


def test_lines_that_could_not_be_taken_apart(reader: Reader, tmp_path: Path) -> None:
    """A line with too many values, or a quote that nothing closes, is no row the second time either."""
    content = b'id;name\n1;A\n2;B;C\n3;"D\n'
    first = reader.read(orders(tmp_path, content, delimiter=";"))

    found = again(reader, first, orders(tmp_path, content, delimiter=";"))

    assert found.rows == []
    assert sorted(found.bad_places) == [("columns", "orders.csv:3"), ("columns", "orders.csv:4")]
    assert found.bad_rows == first.bad_rows


def test_json_lines(reader: Reader, tmp_path: Path) -> None:
    """A line of NDJSON that is no object is bad again, one that a rule refused is read."""
    content = b'{"id": 1, "name": null}\n{"id": 2, "name": "B"}\n{"id": 3\n'
    strict = [{"rule": "not_null", "column": "name"}]
    first = reader.read(orders(tmp_path, content, "ndjson", validation=strict))

    found = again(reader, first, orders(tmp_path, content, "ndjson"))

    assert found.rows == [{"id": "1", "name": None, ROW: 1}]
    assert found.bad_places == [("json", "orders.ndjson:3")]


@pytest.mark.parametrize("rows", [25_000])
def test_many_rows(reader: Reader, tmp_path: Path, rows: int) -> None:
    """A quarantine of any size is read in batches."""
    content = b"id,qty\n" + b"".join(b"%d,x\n" % number for number in range(rows))
    rules = [{"rule": "type", "column": "qty", "value": "integer"}]
    first = reader.read(orders(tmp_path, content, validation=rules))
    assert (len(first.rows), len(first.bad)) == (0, rows)

    assert [row["id"] for row in again(reader, first, orders(tmp_path, content)).rows] == [str(n) for n in range(rows)]
