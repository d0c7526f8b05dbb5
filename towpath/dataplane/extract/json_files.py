"""NDJSON files, cut at line ends, and JSON files that hold one array each and are read from front to back."""

from collections.abc import Iterable, Iterator
from itertools import islice

from towpath.contracts.pipeline.pipeline import FileSource
from towpath.contracts.pipeline.stages import ByteRange, Extracted, ExtractTask
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.decoding import Decoded
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.json_rows import JsonRows, Located, array_items, json_columns
from towpath.dataplane.extract.lines import LONGEST_RECORD, Cut, cut_at_lines, whole, whole_lines
from towpath.dataplane.extract.places import FilePlace
from towpath.dataplane.extract.text_files import TextFile, open_text

LOOKED_AT = 1_000
"""Objects at the front of a file that tell its columns. What is met later is told as new."""
_BATCH = 20_000
_BATCH_CHARACTERS = 16 * 1024**2


def json_file_names(source: FileSource, text: TextFile) -> tuple[str, ...]:
    """Names in the first objects."""
    file = text.file
    cut = ByteRange(file=file.name, end=file.size_bytes, version=file.version, start=text.start)
    objects = _objects(source, cut, text, text.text(cut.start, cut.end))
    return json_columns(one.text for one in islice(objects, LOOKED_AT))


def json_cuts(source: FileSource, text: TextFile, size_bytes: int) -> list[Cut]:
    start, file = text.start, text.file
    if source.type == "json" or text.is_whole or file.size_bytes <= size_bytes:
        return whole(start, file.size_bytes, 1)
    pieces = text.place.read(file.name, start, file.size_bytes)
    return cut_at_lines(pieces, start, 1, size_bytes, quoted=False, line_end=text.line_end)


def extract_json(task: ExtractTask, source: FileSource, cut: ByteRange, place: FilePlace, work: Workspace) -> Extracted:
    intake = RowIntake(task, work, cut.file)
    text = open_text(source, place, place.file(cut.file))
    decoded = text.text(cut.start, cut.end)
    rows = JsonRows(task.wanted, intake, text.encoding)
    for batch in _batches(_objects(source, cut, text, decoded)):
        intake.add(rows.table(batch), decoded.size_bytes)
    return intake.close(new_columns=rows.new_columns)


def _objects(source: FileSource, cut: ByteRange, file: TextFile, decoded: Decoded) -> Iterator[Located]:
    """With the number of their line, or in an array their own."""
    if source.type == "json":
        for number, text in enumerate(array_items(decoded, cut.file), cut.first_line):
            yield Located(number, text)
        return
    for number, line in enumerate(whole_lines(decoded, file.line_end), cut.first_line):
        if text := line.strip():
            yield Located(number, text[: LONGEST_RECORD + 1].decode(errors="ignore"))


def _batches(objects: Iterable[Located]) -> Iterator[list[Located]]:
    batch: list[Located] = []
    characters = 0
    for one in objects:
        batch.append(one)
        characters += len(one.text)
        if len(batch) >= _BATCH or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
