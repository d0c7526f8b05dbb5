"""Rows of CSV text (RFC 4180), all values as text. An unquoted empty value is null, a line without any value is no row.

Line numbers count line ends, those inside quoted values too.
"""

import csv as python_csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any, NamedTuple, Protocol

from towpath.contracts.core.wire import JsonObject
from towpath.dataplane.core.arrow import ArrowTable, compute, csv, pa
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.quarantine import LINE
from towpath.dataplane.extract.decoding import MARK, MARKING, Decoded, as_read, bad_bytes, shown

BLOCK = 8 * 1024**2
_END = "\x01"
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class Reject(Protocol):
    def __call__(self, *, rule: str, reason: str, line: int, row: JsonObject) -> None: ...


class UnclosedQuoteError(Exception):
    """A quoted value has no end, or none nearby."""


class CsvShape(NamedTuple):
    names: tuple[str, ...]
    delimiter: str
    encoding: str
    first_line: int
    line_end: str = "\n"


class _Lines:
    """Lines of a head as texts, with what was read of it: bytes, and lines."""

    def __init__(self, head: bytes, encoding: str) -> None:
        self._head = head
        self._encoding = encoding
        self.size_bytes = self.lines = 0

    def __iter__(self) -> Iterator[str]:
        for found in _LINE.finditer(self._head):
            self.size_bytes = found.end()
            self.lines += 1
            yield found[0].decode(self._encoding, MARKING)


def header_of(head: bytes, delimiter: str, encoding: str) -> tuple[list[str], int, int]:
    """The names in the first record, and where the next one begins: byte and line, the first being 1.

    Lines without anything may come before it. Bytes that are no text are marked in it.
    """
    lines = _Lines(head, encoding)
    for names in python_csv.reader(iter(lines), delimiter=delimiter):
        if any(name.strip() for name in names):
            return names, lines.size_bytes, lines.lines + 1
    return [], lines.size_bytes, lines.lines + 1


def csv_rows(text: Decoded, pieces: Iterable[bytes], shape: CsvShape, reject: Reject) -> Iterator[ArrowTable]:
    """Tables of the columns and `_row`. `pieces` are those of `text`. Raises UnclosedQuoteError."""
    numbering = _Numbering(shape, reject)
    options = {
        "read_options": csv.ReadOptions(column_names=list(shape.names), block_size=BLOCK, use_threads=False),
        "parse_options": csv.ParseOptions(
            delimiter=shape.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=numbering.invalid,
        ),
        "convert_options": csv.ConvertOptions(
            column_types=dict.fromkeys(shape.names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            check_utf8=False,
        ),
    }
    marks = 0
    try:
        with csv.open_csv(
            pa.PythonFile(_Stream(pieces, len(shape.names), shape.delimiter), mode="r"), **options
        ) as reader:
            for batch in reader:
                table = numbering.numbered(pa.Table.from_batches([batch]), quoted=text.quotes)
                if text.marks > marks:
                    table, found = _without_marks(table, shape, reject)
                    marks += found
                yield _without_blank(table)
    except pa.ArrowInvalid as error:
        raise UnclosedQuoteError from error
    numbering.end()


class _Stream(io.RawIOBase):
    """The pieces as a file, with a last record that has too many fields: it is seen unless a quote is open."""

    def __init__(self, pieces: Iterable[bytes], columns: int, delimiter: str) -> None:
        self._pieces = self._with_end(pieces, _END + delimiter * columns + "\n")
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = BLOCK, /) -> bytes:
        """As much as is asked for: the reader fails when a record does not end in the block after its own."""
        found: list[memoryview] = []
        while size > 0 and (self._left or self._next()):
            found.append(self._left[:size])
            self._left = self._left[size:]
            size -= len(found[-1])
        return b"".join(found)

    def _next(self) -> bool:
        self._left = memoryview(next(self._pieces, b""))
        return bool(self._left)

    @staticmethod
    def _with_end(pieces: Iterable[bytes], end: str) -> Iterator[bytes]:
        last = b"\n"
        for piece in pieces:
            yield piece
            last = piece
        yield (b"" if last.endswith((b"\n", b"\r")) else b"\n") + end.encode()


class _Numbering:
    """Line numbers: of each row, and of the records that are none because they have too few or too many fields.

    The reader tells of the latter from threads of its own, ahead of the rows.
    """

    def __init__(self, shape: CsvShape, reject: Reject) -> None:
        self._shape = shape
        self._reject = reject
        self._invalid: deque[tuple[int, str, int]] = deque()
        self._record = 1
        self._line = shape.first_line
        self._ended = False
        self._lock = Lock()

    def invalid(self, row: Any) -> str:
        """What the reader calls for a record with its number (from 1), text, and number of fields."""
        text: str = row.text
        if text.startswith(_END):
            self._ended = True
            return "skip"
        with self._lock:
            self._invalid.append((row.number, text, row.actual_columns))
            # No row is missing before it: a file without a single row must not be collected in memory.
            self._reject_next(0)
        return "skip"

    def numbered(self, table: ArrowTable, *, quoted: bool) -> ArrowTable:
        rows: int = table.num_rows
        ends = _line_ends_before(table, self._shape.line_end) if quoted else None
        pieces: list[Any] = []
        done = 0
        with self._lock:
            while done < rows:
                self._reject_next(0 if ends is None else ends[0][done].as_py())
                until = min(rows, done + self._invalid[0][0] - self._record) if self._invalid else rows
                count = until - done
                pieces.append(pa.arange(self._line, self._line + count))
                done, self._record, self._line = until, self._record + count, self._line + count
            numbers = pa.chunked_array(pieces, type=pa.int64())
            if ends is not None:
                numbers = compute.add(numbers, ends[0])
                self._line += ends[1]
            self._reject_next(0)
        return table.append_column(ROW, numbers)

    def end(self) -> None:
        """Raises UnclosedQuoteError when the last record was not seen."""
        if not self._ended:
            raise UnclosedQuoteError

    def _reject_next(self, ends: int) -> None:
        """The records without a row that come right here; `ends` are line ends not counted yet."""
        while self._invalid and self._invalid[0][0] <= self._record:
            _, text, fields = self._invalid.popleft()
            if text.strip():
                reason = f"{fields} values instead of {len(self._shape.names)}"
                row: JsonObject = {LINE: as_read(text, self._shape.encoding)}
                self._reject(rule="columns", reason=reason, line=self._line + ends, row=row)
            self._record += 1
            self._line += 1 + text.count(self._shape.line_end)


def _line_ends_before(table: ArrowTable, end: str) -> tuple[Any, int] | None:
    """For each row, the line ends inside values of the rows before it, and of all rows; None when there are none."""
    ends = None
    for column in table.columns:
        if _may_have_line_ends(column, end) and compute.any(compute.match_substring(column, end)).as_py():
            counts = compute.fill_null(compute.count_substring(column, end), 0).cast(pa.int64())
            ends = counts if ends is None else compute.add(ends, counts)
    if ends is None:
        return None
    until = compute.cumulative_sum(ends)
    return compute.subtract(until, ends), until[-1].as_py()


def _may_have_line_ends(column: Any, end: str) -> bool:
    """A look at the bytes of all values together takes a tenth of the time of a look at each."""
    return any(
        values is not None and re.search(re.escape(end.encode()), memoryview(values)) is not None
        for values in (chunk.buffers()[2] for chunk in column.chunks)
    )


def _without_marks(table: ArrowTable, shape: CsvShape, reject: Reject) -> tuple[ArrowTable, int]:
    """Rejects rows with bytes that are no text; the rows without, and the number of marks."""
    bad = None
    for name in shape.names:
        found = compute.fill_null(compute.match_substring(table[name], MARK), False)
        bad = found if bad is None else compute.or_(bad, found)
    marks = 0
    for row in table.filter(bad).to_pylist():
        line = row.pop(ROW)
        marked = [name for name, value in row.items() if value is not None and MARK in value]
        marks += sum(row[name].count(MARK) for name in marked)
        first = marked[0]
        reason = f"{first}: byte {bad_bytes(row[first])[0]} is not {shown(shape.encoding)} text"
        kept = {name: None if value is None else as_read(value, shape.encoding) for name, value in row.items()}
        reject(rule="encoding", reason=reason, line=line, row=kept)
    return table.filter(compute.invert(bad)), marks


def _without_blank(table: ArrowTable) -> ArrowTable:
    blank = None
    for column in table.columns[:-1]:
        if column.null_count == 0:
            return table
        blank = column.is_null() if blank is None else compute.and_(blank, column.is_null())
    return table if blank is None else table.filter(compute.invert(blank))
