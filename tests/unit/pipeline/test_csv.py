"""CSV files: dirty ones too are read to the last row, and every bad line is found again by its number."""

import csv
import io
import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.dataset import DatasetPart
from towpath.contracts.pipeline.pipeline import Source
from towpath.contracts.pipeline.plane import Compression
from towpath.dataplane.core.arrow import parquet
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.errors import SourceChangedError, SourceFormatError, SourceMissingError
from towpath.dataplane.extract.decoding import MARK, MARKING, Decoded
from towpath.dataplane.extract.lines import cut_at_lines
from towpath.policy.pipeline.naming import marked

DIRTY = (
    b'id,name,note\n1,A,x\n2,"B ""q""","two\nlines"\n\n3,too few\n4,\xff,z\n5,E,\n6,F,"ends in a line end\n"\n'
    b"7,nul\0byte,z\n8,H,ok,too many\n9,I,\n"
)


def csv_source(path: Path, **told: Any) -> Source:
    return source(type="csv", path=str(path), **told)


def write(tmp_path: Path, content: bytes, name: str = "orders.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_dirty_file(reader: Reader, tmp_path: Path) -> None:
    """Good rows come with their line, whatever is between; bad ones are quarantined with reason and line."""
    found = reader.read(csv_source(write(tmp_path, DIRTY)))

    assert found.rows == [
        {"id": "1", "name": "A", "note": "x", ROW: 2},
        {"id": "2", "name": 'B "q"', "note": "two\nlines", ROW: 3},
        {"id": "5", "name": "E", "note": None, ROW: 8},
        {"id": "6", "name": "F", "note": "ends in a line end\n", ROW: 9},
        {"id": "9", "name": "I", "note": None, ROW: 13},
    ]
    assert sorted(found.bad_places, key=lambda place: int(place[1].rpartition(":")[2])) == [
        ("columns", "orders.csv:6"),
        ("encoding", "orders.csv:7"),
        ("encoding", "orders.csv:11"),
        ("columns", "orders.csv:12"),
    ]
    assert {"$line": "3,too few"} in found.bad_rows
    assert {"id": "4", "name": {"$bytes": "/w=="}, "note": "z"} in found.bad_rows
    assert found.extracted[0].metrics.rows_in == 9
    assert found.extracted[0].quarantined is not None
    assert found.extracted[0].quarantined.by_rule == {"columns": 2, "encoding": 2}


@pytest.mark.parametrize(
    ("told", "found"), [(None, "UNCOMPRESSED"), ("snappy", "SNAPPY"), ("zstd", "ZSTD"), ("none", "UNCOMPRESSED")]
)
def test_compression(reader: Reader, tmp_path: Path, told: Compression | None, found: str) -> None:
    """Parts in a folder are not compressed unless it is wished."""
    reader.compression = told
    part = reader.read(csv_source(write(tmp_path, DIRTY))).extracted[0].part

    assert part is not None
    assert parquet.read_metadata(reader.work().local(part)).row_group(0).column(0).compression == found


@pytest.mark.parametrize("size", range(1, 9))
def test_pieces_that_end_within_a_character(size: int) -> None:
    """Text is the same however it is cut; bytes that are no text are marked, and so is what looks like a mark."""
    text = 'a€b\ud55c"é"'.encode() + b"\xff" + MARK.encode() + "z\U0001f600".encode()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    whole, cut = Decoded(iter([text]), "utf-8"), Decoded(iter(pieces), "utf-8")

    assert b"".join(cut) == b"".join(whole) == text.decode("utf-8", MARKING).encode()
    assert (cut.marks, cut.quotes) == (whole.marks, whole.quotes) == (2, True)


def test_reasons_tell_no_values(reader: Reader, tmp_path: Path) -> None:
    """A reason names column and rule; the value is in the quarantine's row only."""
    found = reader.read(csv_source(write(tmp_path, DIRTY)))

    assert sorted(row["reason"] for row in found.bad) == [
        "2 values instead of 3",
        "4 values instead of 3",
        "name: byte 0x00 is not utf-8 text",
        "name: byte 0xff is not utf-8 text",
    ]


def test_quote_that_is_never_closed(reader: Reader, tmp_path: Path) -> None:
    """One stray quote costs its own line, not the rest of the file."""
    lines = [f"{number},name {number},n\n" for number in range(50_000)]
    lines[7] = '7,"stray,n\n'
    path = write(tmp_path, ("id,name,note\n" + "".join(lines)).encode())

    found = reader.read(csv_source(path))

    assert found.bad_places == [("quotes", "orders.csv:9")]
    assert [row["id"] for row in found.rows] == [str(number) for number in range(50_000) if number != 7]
    assert all(row[ROW] == int(row["id"]) + 2 for row in found.rows)


def test_one_bad_byte_in_a_large_file(reader: Reader, tmp_path: Path) -> None:
    """Among a million rows in several partitions a single bad byte costs one row, and its line is told."""
    line = "{},someone@example.com,some text that fills the line\n"
    content = bytearray(("id,email,note\n" + "".join(map(line.format, range(1_000_000)))).encode())
    wanted = content.index(b"\n654321,") + 10
    content[wanted] = 0xFE

    found = reader.read(csv_source(write(tmp_path, bytes(content)), partition={"by": "file", "size_bytes": 16_000_000}))

    assert len(found.planned.partitions) == 4
    assert found.bad_places == [("encoding", "orders.csv:654323")]
    assert len(found.rows) == 999_999
    assert all(row[ROW] == int(row["id"]) + 2 for row in found.rows)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        pytest.param("utf-8", "홍길동 café €", id="utf-8"),
        pytest.param("latin-1", "café £", id="latin-1"),
        pytest.param("cp949", "홍길동 똠방", id="cp949"),
    ],
)
def test_encodings(reader: Reader, tmp_path: Path, encoding: str, text: str) -> None:
    """A text comes as it was written, also where a piece of the file ends within a character."""
    content = "id,name\n" + "".join(f"{number},{text}\n" for number in range(300_000))

    found = reader.read(csv_source(write(tmp_path, content.encode(encoding)), encoding=encoding))

    assert len(found.rows) == 300_000
    assert {row["name"] for row in found.rows} == {text}


def test_wrong_encoding(reader: Reader, tmp_path: Path) -> None:
    """Of a file in another encoding the rows that are no text are quarantined, and the others are read."""
    content = "id,name\n1,plain\n2,홍길동\n".encode("cp949")

    found = reader.read(csv_source(write(tmp_path, content)))

    assert found.values == [{"id": "1", "name": "plain"}]
    assert found.bad_places == [("encoding", "orders.csv:3")]


def test_byte_order_mark(reader: Reader, tmp_path: Path) -> None:
    """The mark that spreadsheets write is no part of the first name."""
    assert reader.read(csv_source(write(tmp_path, b"\xef\xbb\xbfid\n1\n"))).values == [{"id": "1"}]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        pytest.param(b"id,name\n", ["id", "name"], id="header"),
        pytest.param(b"id,name", ["id", "name"], id="header-without-end"),
    ],
)
def test_empty_files(reader: Reader, tmp_path: Path, content: bytes, columns: list[str]) -> None:
    """A source that is nothing but a header has nothing to read, and is no failure."""
    planned = reader.plan(csv_source(write(tmp_path, content)))

    assert planned.partitions == ()
    assert [column.name for column in planned.columns] == columns


def test_pattern_without_a_file(reader: Reader, tmp_path: Path) -> None:
    """A pattern that no file matches is a failure, as a file that is named and missing is one."""
    with pytest.raises(SourceMissingError, match="no file matches"):
        reader.plan(csv_source(tmp_path / "*.csv"))
    with pytest.raises(SourceMissingError) as caught:
        reader.plan(csv_source(tmp_path / "orders.csv"))
    assert caught.value.code is FailureCode.PIPELINE_SOURCE_MISSING
    assert not caught.value.retryable


def test_names_of_columns(reader: Reader, tmp_path: Path) -> None:
    """Names that no database takes are changed, and what the file calls them is told."""
    planned = reader.plan(csv_source(write(tmp_path, "Order ID,주문,id,ID,_row,2nd\n1,2,3,4,5,6\n".encode())))

    names = ["Order_ID", marked("주문"), marked("id"), marked("ID"), marked("_row"), "_2nd"]
    assert [column.name for column in planned.columns] == names
    assert planned.columns[0].description == "Order ID"
    assert planned.notes == (
        "columns read under other names: 'Order ID' as Order_ID, '주문' as column_d64a64, 'id' as id_a56145,"
        " 'ID' as ID_384397, '_row' as row_6a0a75, '2nd' as _2nd",
    )


def test_files_with_other_columns(reader: Reader, tmp_path: Path) -> None:
    """Columns are matched by name: a file may have them in another order, more of them, or fewer."""
    write(tmp_path, b"id,name\n1,A\n", "a.csv")
    write(tmp_path, b"extra,name,id\nx,B,2\n", "b.csv")

    found = reader.read(csv_source(tmp_path / "*.csv"))

    assert found.values == [{"id": "1", "name": "A", "extra": None}, {"id": "2", "name": "B", "extra": "x"}]


def test_without_a_header(reader: Reader, tmp_path: Path) -> None:
    """Columns are as declared, and must be as many as the values."""
    path = write(tmp_path, b"1;A\n2;B\n")
    declared = [{"name": "id", "type": "integer"}, {"name": "name", "type": "text"}]

    found = reader.read(csv_source(path, header=False, delimiter=";", columns=declared))

    assert found.rows == [{"id": "1", "name": "A", ROW: 1}, {"id": "2", "name": "B", ROW: 2}]
    with pytest.raises(SourceFormatError, match="2 values in its first line, and 1 columns declared"):
        reader.plan(csv_source(path, header=False, delimiter=";", columns=declared[:1]))


def messy(line_end: str) -> tuple[bytes, list[list[str]]]:
    """A file with quotes, delimiters and line ends inside values in every order, and what is in it."""
    pieces = ("a", ",", '"', "\n", "\r\n", "é", " ", "")
    texts = ["".join(some) + "x" for some in itertools.product(pieces, repeat=4)]
    count = len(texts)
    rows = [[texts[number], texts[number * 7 % count], texts[number * 13 % count]] for number in range(count)]
    text = io.StringIO(newline="")
    # Python leaves a line feed without quotes where lines do not end with one.
    quoting = csv.QUOTE_ALL if line_end == "\r" else csv.QUOTE_MINIMAL
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows([["a", "b", "c"], *rows])
    return text.getvalue().encode(), rows


@pytest.mark.parametrize(
    "line_end", [pytest.param("\n", id="lf"), pytest.param("\r\n", id="crlf"), pytest.param("\r", id="cr")]
)
def test_cuts_never_touch_a_value(reader: Reader, tmp_path: Path, line_end: str) -> None:
    """However small the partitions are, quoted line ends and delimiters stay inside their values."""
    content, rows = messy(line_end)
    path = write(tmp_path, content)

    whole = reader.read(csv_source(path))
    cut = reader.read(csv_source(path, partition={"by": "file", "size_bytes": 2_048}))

    assert [list(row.values()) for row in whole.values] == rows
    assert len(cut.planned.partitions) > 8
    assert cut.rows == whole.rows
    assert cut.bad == whole.bad == []


@pytest.mark.parametrize("size", [1, 3, 64, 1_000])
def test_cuts_do_not_depend_on_pieces(size: int) -> None:
    """A file read in pieces of any size is cut at the same places."""
    content, _ = messy("\n")
    pieces = [content[start : start + size] for start in range(0, len(content), size)]

    assert cut_at_lines(pieces, 0, 1, 4_096, quoted=True) == cut_at_lines([content], 0, 1, 4_096, quoted=True)


def test_same_part_again(reader: Reader, tmp_path: Path) -> None:
    """Another attempt at a partition comes to the same part, and nothing is there twice."""
    planned = reader.plan(orders := csv_source(write(tmp_path, DIRTY)))

    first = reader.extract(orders, planned, planned.partitions[0])
    second = reader.extract(orders, planned, planned.partitions[0])

    assert isinstance(first.part, DatasetPart)
    assert (first.part, first.quarantined) == (second.part, second.quarantined)


def test_file_that_changes_under_the_run(reader: Reader, tmp_path: Path) -> None:
    """A file that is written after planning is not read half old, half new."""
    path = write(tmp_path, b"id\n1\n")
    planned = reader.plan(orders := csv_source(path))
    path.write_bytes(b"id\n2\n")
    os.utime(path, (1, 1))

    with pytest.raises(SourceChangedError) as caught:
        reader.extract(orders, planned, planned.partitions[0])

    assert caught.value.code is FailureCode.PIPELINE_SOURCE_CHANGED


def test_progress_is_told(reader: Reader, tmp_path: Path) -> None:
    """Rows and bytes grow while a partition is read, up to all of it."""
    path = write(tmp_path, b"id,text\n" + b"1,some text that fills the line\n" * 600_000)

    reader.read(csv_source(path))

    rows = [rows for rows, _ in reader.told if rows]
    assert rows == sorted(rows)
    assert len(rows) > 1
    assert reader.told[-1] == (600_000, path.stat().st_size - len(b"id,text\n"))
