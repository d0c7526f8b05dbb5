"""CSV files: cut into partitions at line ends outside of quotes, and read one partition at a time."""

import csv
from collections.abc import Iterator
from typing import NamedTuple

from towpath.contracts.pipeline.pipeline import FileSource
from towpath.contracts.pipeline.stages import ByteRange, Extracted, ExtractTask
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.core.quarantine import LINE
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.csv_rows import CsvShape, UnclosedQuoteError, csv_rows, header_of
from towpath.dataplane.extract.decoding import MARK, Decoded, as_read, bad_bytes, shown
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.lines import LONGEST_RECORD, Cut, StrayQuotes, cut_at_lines, whole
from towpath.dataplane.extract.places import FilePlace
from towpath.dataplane.extract.text_files import TextFile, open_text
from towpath.policy.pipeline.naming import column_names, placed


class _Header(NamedTuple):
    """Names, and where the first row begins: byte and line."""

    names: list[str]
    start: int
    line: int


def csv_names(source: FileSource, text: TextFile) -> list[str]:
    """As the header has them; without one, as declared, or by number. None: there is no line with anything in it."""
    return placed(_header(source, text).names)


def csv_cuts(source: FileSource, text: TextFile, size_bytes: int) -> list[Cut]:
    """Reads a large file once: where a line ends outside of quotes cannot be told from its neighbourhood."""
    header, file = _header(source, text), text.file
    if text.is_whole:
        return whole(0, file.size_bytes, header.line)
    if file.size_bytes <= size_bytes:
        return whole(header.start, file.size_bytes, header.line)
    pieces = text.place.read(file.name, header.start, file.size_bytes)
    return cut_at_lines(pieces, header.start, header.line, size_bytes, quoted=True, line_end=text.line_end)


def extract_csv(task: ExtractTask, source: FileSource, cut: ByteRange, place: FilePlace, work: Workspace) -> Extracted:
    """Read a partition; once more, line by line, when a quote in it is not closed."""
    text = open_text(source, place, place.file(cut.file))
    header = _header(source, text)
    names = column_names(header.names, task.wanted)
    shape = CsvShape(names, source.delimiter, text.encoding, cut.first_line, text.line_end.decode())
    reading = _Reading(task, shape, cut, text, header.start if text.is_whole else 0)
    try:
        return reading.read(work)
    except UnclosedQuoteError:
        pass
    try:
        return reading.read(work, stray_quotes=True)
    except UnclosedQuoteError as error:
        raise SourceFormatError(f"{cut.file}: not CSV from line {cut.first_line} on") from error


class _Reading(NamedTuple):
    """`skipped` is how much of the text comes before the partition."""

    task: ExtractTask
    shape: CsvShape
    cut: ByteRange
    file: TextFile
    skipped: int

    def read(self, work: Workspace, *, stray_quotes: bool = False) -> Extracted:
        shape, cut = self.shape, self.cut
        intake = RowIntake(self.task, work, cut.file)
        text = self.file.text(cut.start, cut.end)
        pieces: Iterator[bytes] = _after(text, self.skipped)
        if stray_quotes:

            def reject(line: int, content: bytes) -> None:
                read = as_read(content[:LONGEST_RECORD].decode(errors="ignore"), shape.encoding)
                intake.reject(rule="quotes", reason="a quoted value does not end", line=line, row={LINE: read})

            pieces = iter(StrayQuotes(pieces, shape.delimiter, cut.first_line, reject, self.file.line_end))
        for table in csv_rows(text, pieces, shape, intake.reject):
            intake.add(table, text.size_bytes)
        return intake.close()


def _header(source: FileSource, text: TextFile) -> _Header:
    name, head = text.file.name, text.head
    try:
        told, after, line = header_of(head, source.delimiter, text.head_encoding)
    except (ValueError, csv.Error) as error:
        raise SourceFormatError(f"{name}: its first line is not CSV") from error
    start = text.start
    if source.header:
        if MARK in "".join(told):
            bad = bad_bytes("".join(told))[0]
            what = f"its first line is not {shown(text.encoding)} text (byte {bad})"
            raise SourceFormatError(f"{name}: {what}: write the encoding that it has")
        return _Header(told, start + after, line)
    declared = [column.name for column in source.columns]
    if declared and told and len(declared) != len(told):
        raise SourceFormatError(f"{name}: {len(told)} values in its first line, and {len(declared)} columns declared")
    return _Header((declared or [""] * len(told)) if told else [], start, 1)


def _after(text: Decoded, skipped: int) -> Iterator[bytes]:
    for piece in text:
        if len(piece) > skipped:
            yield piece[skipped:]
        skipped = max(0, skipped - len(piece))
