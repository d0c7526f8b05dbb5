"""Files of text in every encoding, with every line end, compressed or not: read right, or refused with the cause."""

import codecs
import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.unit.pipeline.reading import Reader, source
from towpath.contracts.pipeline.encodings import CODECS, CUTTABLE, codec_of
from towpath.contracts.pipeline.pipeline import Source
from towpath.dataplane.core.arrow import csv as arrow_csv
from towpath.dataplane.core.arrow import pa
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.errors import SourceFormatError, SourceMissingError
from towpath.dataplane.extract.decoding import MARKING

PLAIN = b"id,name\n1,A\n2,B\n"
ROWS = [{"id": "1", "name": "A"}, {"id": "2", "name": "B"}]
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "windows-1252", "latin-1")
ASIAN = ("euc-kr", "cp949", "shift_jis", "cp932", "gb18030", "big5", "euc_jp", "iso2022_jp")
LINE_ENDS = ("\n", "\r\n", "\r")


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue().to_pybytes())


PACKINGS: dict[str, Callable[[bytes], bytes]] = {"none": bytes, "gzip": gzip.compress, "zstd": zstd}


def write(folder: Path, content: bytes, name: str = "orders.csv") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return str(folder / name)


def csv_source(path: str, **told: Any) -> Source:
    return source(type="csv", path=path, **told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"id,name\r1,A\r2,B\r", {}, id="cr"),
        pytest.param(PLAIN.decode().encode("utf-16"), {}, id="utf-16-mark"),
        pytest.param(codecs.BOM_UTF16_BE + PLAIN.decode().encode("utf-16-be"), {}, id="utf-16-be-mark"),
        pytest.param(PLAIN.decode().encode("utf-16-be"), {"encoding": "utf-16"}, id="utf-16-without-mark"),
        pytest.param(PLAIN.decode().encode("utf-32"), {}, id="utf-32-mark"),
        pytest.param(codecs.BOM_UTF8 + PLAIN, {"encoding": "windows-1252"}, id="utf-8-mark"),
        pytest.param(gzip.compress(PLAIN), {}, id="gzip"),
        pytest.param(gzip.compress(PLAIN[:9]) + gzip.compress(PLAIN[9:]), {}, id="gzip-members"),
        pytest.param(zstd(PLAIN), {"compression": "zstd"}, id="zstd"),
        pytest.param(zstd(PLAIN.decode().encode("utf-16")), {}, id="zstd-utf-16"),
        pytest.param(b"\n\r\n" + PLAIN, {}, id="blank-lines-first"),
        pytest.param(b'id,"na\rme"\n1,A\n2,B\n', {}, id="cr-in-a-name"),
    ],
)
def test_it_is_read_as_it_is(reader: Reader, tmp_path: Path, content: bytes, told: dict[str, str]) -> None:
    """Whatever a file is called and declared to be, its first bytes say what it is."""
    found = reader.read(csv_source(write(tmp_path, content), **told))

    assert [list(row.values()) for row in found.values] == [["1", "A"], ["2", "B"]]
    assert found.bad == []


def test_plain_under_the_name_of_a_compressed_file(reader: Reader, tmp_path: Path) -> None:
    """A file that is called `.gz` and is none is read, and that is told."""
    found = reader.read(csv_source(write(tmp_path, PLAIN, "orders.csv.gz")))

    assert found.values == ROWS
    assert [note.rpartition(": ")[2] for note in found.planned.notes] == ["not gzip, as its name says"]


def test_what_was_found_is_told(reader: Reader, tmp_path: Path) -> None:
    """Encoding, compression and line ends that were found are in the notes of the plan, with the files."""
    write(tmp_path, gzip.compress(PLAIN.decode().encode("utf-16")), "a.csv")
    write(tmp_path, b"id,name\r1,A\r", "b.csv")
    write(tmp_path, b"", "c.csv")
    write(tmp_path, PLAIN, "d.csv")

    notes = reader.plan(csv_source(str(tmp_path / "*.csv"))).notes
    assert [note.replace(f"{tmp_path}/", "") for note in notes] == [
        "a.csv: read as gzip, as its first bytes say",
        "a.csv: read as utf-16-le, as its byte order mark says, and not as utf-8",
        "b.csv: its lines end with a carriage return alone",
        "c.csv: empty",
    ]


@pytest.mark.parametrize(
    ("content", "told", "why"),
    [
        pytest.param(b"", {}, "empty, not even a header", id="empty"),
        pytest.param(b"\n\n", {}, "empty", id="blank"),
        pytest.param(codecs.BOM_UTF8, {}, "empty", id="mark"),
        pytest.param(gzip.compress(b""), {}, "empty", id="empty-gzip"),
        pytest.param(PLAIN.decode().encode("utf-16-le"), {}, "write encoding: utf-16-le", id="utf-16-le"),
        pytest.param(PLAIN.decode().encode("utf-16-be"), {"encoding": "latin-1"}, "write encoding: utf-16-be", id="be"),
        pytest.param(PLAIN.decode().encode("utf-16-be"), {"encoding": "utf-16-le"}, "looks like utf-16-be", id="le-be"),
        pytest.param(PLAIN, {"encoding": "utf-16"}, "no zeros as utf-16 has them", id="no-utf-16"),
        pytest.param("näme,id\n1,2\n".encode("latin-1"), {}, "first line is not utf-8 text", id="latin-1"),
        pytest.param(gzip.compress(PLAIN)[:-9], {}, "breaks off|damaged", id="gzip-cut"),
        pytest.param(zstd(PLAIN)[:-3], {}, "damaged, or breaks off", id="zstd-cut"),
        pytest.param(PLAIN, {"compression": "gzip"}, "not gzip", id="no-gzip"),
        pytest.param(gzip.compress(PLAIN), {"compression": "zstd"}, "not zstd", id="no-zstd"),
        pytest.param(b"PK\x03\x04" + bytes(30), {}, "a ZIP archive", id="zip"),
        pytest.param(b"PAR1" + bytes(30), {}, "write type: parquet", id="parquet"),
        pytest.param(gzip.compress(bytes(80 * 1024**2)), {}, "as bombs do|looks like|first line", id="bomb"),
    ],
)
def test_it_fails_with_the_cause(
    reader: Reader, tmp_path: Path, content: bytes, told: dict[str, str], why: str
) -> None:
    """What cannot be read as it is told fails and says why; it is never a run without rows."""
    with pytest.raises(SourceFormatError, match=why):
        reader.read(csv_source(write(tmp_path, content), **told))


def test_bomb(reader: Reader, tmp_path: Path) -> None:
    """A file that unpacks to far more than its size ends where that shows, not when the disk is full."""
    path = write(tmp_path, gzip.compress(b"id,name\n" + b"1,A\n" * 40_000_000, 9))
    with pytest.raises(SourceFormatError, match="as bombs do"):
        reader.read(csv_source(path))


@pytest.mark.parametrize("pattern", ["*.csv", "none/*.csv", "none.csv", "%Y/*.csv"])
@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_nothing_matches(reader: Reader, tmp_path: Path, pattern: str, kind: str) -> None:
    """A path or a pattern without a file is a failure, of every type."""
    with pytest.raises(SourceMissingError):
        reader.plan(source(type=kind, path=str(tmp_path / pattern)))


def test_unknown_encoding() -> None:
    """An encoding that nobody knows is refused by its name."""
    with pytest.raises(ValidationError, match="not an encoding that is known here"):
        csv_source("orders.csv", encoding="utf-9")


@pytest.mark.parametrize("codec", sorted(set(CODECS.values())))
def test_every_encoding_is_of_its_kind(codec: str) -> None:
    """Python knows each of them by its name; in those that are cut, ASCII is itself and ends no other character."""
    assert codecs.lookup(codec)
    assert codec_of(codec.replace("_", "-").upper()) == codec
    if codec not in CUTTABLE:
        return
    assert bytes(range(128)).decode(codec) == bytes(range(128)).decode("ascii")
    for lead in range(0x80, 0x100):
        for trail in b'\n\r"':
            text = bytes([lead, trail]).decode(codec, MARKING)
            assert text.endswith(chr(trail)), (codec, lead, trail)


CELLS = st.text(st.characters(codec="ascii", exclude_characters="\0\x1b\x0e\x0f"), max_size=8)
LETTERS = {
    **dict.fromkeys(ENCODINGS, "éüß£"),
    "windows-1252": "€“é",
    **dict.fromkeys(("euc-kr", "cp949"), "한글"),
    **dict.fromkeys(("shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb18030"), "日本あ"),
    "big5": "中文",
}


@settings(max_examples=150, deadline=None)
@given(
    cells=st.lists(st.tuples(CELLS, CELLS, st.integers(0, 9)), min_size=1, max_size=12),
    encoding=st.sampled_from(sorted(LETTERS)),
    line_end=st.sampled_from(LINE_ENDS),
    packing=st.sampled_from(sorted(PACKINGS)),
    size=st.sampled_from([1024, 2048, 10_000_000]),
)
@example(cells=[("\r", "\n", 1), ("a", "b", 2)], encoding="utf-8", line_end="\r", packing="none", size=1024)
def test_everything_arrives(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[tuple[str, str, int]],
    encoding: str,
    line_end: str,
    packing: str,
    size: int,
) -> None:
    """Any content × encoding × line end × compression × partitions: the rows are those that Python's codecs and csv
    read, and those of pyarrow's reader where it can read the file.
    """
    folder = tmp_path_factory.mktemp("files")
    rows = [[first + LETTERS[encoding], second, str(number)] for first, second, number in cells] * 40
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *rows])
    content = text.getvalue().encode(encoding)
    named = encoding if encoding != "utf-8-sig" else "utf-8"
    partition = {"by": "file", "size_bytes": size}
    path = write(folder, PACKINGS[packing](content))

    found = Reader(folder / "worker").read(csv_source(path, encoding=named, partition=partition))

    read = list(csv.reader(io.StringIO(content.decode(encoding), newline="")))
    assert read[0] == ["a", "b", "c"]
    assert [[value or "" for value in row.values()] for row in found.values] == read[1:]
    assert found.bad == []
    if not named.startswith(("utf-32", "iso")) and packing != "zstd":
        assert [row for row in _arrow(content, encoding) if row] == read[1:]
    lines = [row[ROW] for row in found.rows]
    assert lines == sorted(lines) and lines[0] == 2


def _arrow(content: bytes, encoding: str) -> list[list[str]]:
    table = arrow_csv.read_csv(
        pa.BufferReader(content.decode(encoding).encode()),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys("abc", pa.string())),
    )
    return [list(row.values()) for row in table.to_pylist()]


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufdd0"), max_size=9), min_size=1),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-32"]),
    line_end=st.sampled_from(LINE_ENDS),
    packing=st.sampled_from(sorted(PACKINGS)),
)
def test_every_object_arrives(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], encoding: str, line_end: str, packing: str
) -> None:
    """The same for NDJSON, with Python's json as the oracle."""
    folder = tmp_path_factory.mktemp("files")
    lines = [json.dumps({"id": number, "v": value}, ensure_ascii=False) for number, value in enumerate(values)]
    content = PACKINGS[packing]("".join(line + line_end for line in lines).encode(encoding))

    found = Reader(folder / "worker").read(
        source(type="ndjson", path=write(folder, content, "orders.ndjson"), encoding=encoding)
    )

    assert [row["v"] for row in found.rows] == [json.loads(line)["v"] for line in lines]
    assert found.bad == []


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(min_size=1, max_size=6), encoding=st.sampled_from(["utf-8", *ASIAN[:6], "windows-1252"]))
def test_bytes_that_are_no_text_are_told(tmp_path_factory: pytest.TempPathFactory, noise: bytes, encoding: str) -> None:
    """What Python's codec cannot read puts its row into quarantine; what it reads arrives as it reads it."""
    noise = bytes(byte for byte in noise if byte not in b'\0",\r\n') or b"x"
    folder = tmp_path_factory.mktemp("files")
    content = b"id,v,w\n1," + noise + b" ,a\n2,b,c\n"

    found = Reader(folder / "worker").read(csv_source(write(folder, content), encoding=encoding))

    try:
        wanted = (noise + b" ").decode(codec_of(encoding))
    except UnicodeDecodeError:
        assert [(row["rule"], row["position"][-2:]) for row in found.bad] == [("encoding", ":2")]
        assert [row["id"] for row in found.rows] == ["2"]
    else:
        assert [row["v"] for row in found.rows] == [wanted, "b"]
