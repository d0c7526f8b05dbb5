"""CSV files: cut into partitions at line ends outside of quotes, and read one partition at a time."""

import csv
from collections.abc import Iterator

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.pipeline import FileSource
from towpath.contracts.pipeline.stages import ByteRange, Extracted, ExtractTask
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.core.quarantine import LINE
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.csv_rows import CsvShape, UnclosedQuoteError, csv_rows, header_of
from towpath.dataplane.extract.decoding import BOM, Decoded, as_read
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.lines import LONGEST_RECORD, Cut, StrayQuotes, cut_at_lines, whole
from towpath.dataplane.extract.places import FilePlace, SourceFile
from towpath.policy.pipeline.naming import column_names


def csv_columns(source: FileSource, place: FilePlace, file: SourceFile) -> tuple[Column, ...]:
    """As the header names them; without one, as declared, or by number. A name that had to be changed is told."""
    told, _, _ = _header(source, place, file)
    return tuple(
        Column(name=name, type=ColumnType.TEXT, description="" if name == text else text)
        for name, text in zip(column_names(told), told, strict=True)
    )


def csv_cuts(source: FileSource, place: FilePlace, file: SourceFile, size_bytes: int) -> list[Cut]:
    """Reads a large file once: where a line ends outside of quotes cannot be told from its neighbourhood."""
    _, start, line = _header(source, place, file)
    if file.size_bytes <= size_bytes:
        return whole(start, file.size_bytes, line)
    pieces = place.read(file.name, start, file.size_bytes)
    return cut_at_lines(pieces, start, line, size_bytes, quoted=True)


def extract_csv(task: ExtractTask, source: FileSource, cut: ByteRange, place: FilePlace, work: Workspace) -> Extracted:
    """Read a partition; once more, line by line, when a quote in it is not closed."""
    told, _, _ = _header(source, place, place.file(cut.file))
    shape = CsvShape(column_names(told), source.delimiter, source.encoding, cut.first_line)
    try:
        return _read(task, shape, cut, place, work)
    except UnclosedQuoteError:
        pass
    try:
        return _read(task, shape, cut, place, work, stray_quotes=True)
    except UnclosedQuoteError as error:
        raise SourceFormatError(f"{cut.file}: not CSV from line {cut.first_line} on") from error


def _read(
    task: ExtractTask, shape: CsvShape, cut: ByteRange, place: FilePlace, work: Workspace, *, stray_quotes: bool = False
) -> Extracted:
    intake = RowIntake(task, work, cut.file)
    text = Decoded(place.read(cut.file, cut.start, cut.end), shape.encoding)
    pieces: Iterator[bytes] = iter(text)
    if stray_quotes:

        def reject(line: int, content: bytes) -> None:
            read = as_read(content[:LONGEST_RECORD].decode(errors="ignore"), shape.encoding)
            intake.reject(rule="quotes", reason="a quoted value does not end", line=line, row={LINE: read})

        pieces = iter(StrayQuotes(pieces, shape.delimiter, cut.first_line, reject))
    for table in csv_rows(text, pieces, shape, intake.reject):
        intake.add(table, text.size_bytes)
    return intake.close()


def _header(source: FileSource, place: FilePlace, file: SourceFile) -> tuple[list[str], int, int]:
    """Names, and where the first row begins: byte and line."""
    head = b"".join(place.read(file.name, 0, min(LONGEST_RECORD, file.size_bytes)))
    start = len(BOM) if head.startswith(BOM) and source.encoding == "utf-8" else 0
    try:
        told, after, line = header_of(head[start:], source.delimiter, source.encoding)
    except (ValueError, csv.Error) as error:
        raise SourceFormatError(f"{file.name}: its first line is not CSV") from error
    if source.header:
        return told, start + after, line
    declared = [column.name for column in source.columns]
    if declared and told and len(declared) != len(told):
        raise SourceFormatError(
            f"{file.name}: {len(told)} values in its first line, and {len(declared)} columns declared"
        )
    return declared or [""] * len(told), start, 1
