"""Sources that are files: one door to planning and reading, whatever their format."""

import math
import re
from contextlib import suppress
from typing import Any, NamedTuple

from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.pipeline import ByFile, DateRange, FileSource
from towpath.contracts.pipeline.stages import (
    ByteRange,
    Extracted,
    ExtractionPlanTask,
    ExtractTask,
    Partition,
    RowGroups,
)
from towpath.dataplane.core.arrow import column_of, pa
from towpath.dataplane.core.errors import SourceFormatError, SourceMissingError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.csv_files import csv_cuts, csv_names, extract_csv
from towpath.dataplane.extract.json_files import extract_json, json_cuts, json_file_names
from towpath.dataplane.extract.parquet_files import extract_parquet, parquet_cuts, parquet_types
from towpath.dataplane.extract.places import FilePlace, SourceFile, open_place, unchanged
from towpath.dataplane.extract.text_files import TextFile, open_text
from towpath.policy.pipeline.bounds import days
from towpath.policy.pipeline.naming import most, named_columns, placed

_MOST_NAMED = 3


class FilesPlan(NamedTuple):
    """Partitions in the order of the files' names, the columns of all files together, and what to tell of them."""

    partitions: tuple[Partition, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


class FilesFound(NamedTuple):
    files: tuple[SourceFile, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


def plan_files(task: ExtractionPlanTask, source: FileSource, work: Workspace) -> FilesPlan:
    """A path may hold a day as strftime writes it (`orders/%Y/%m/%d/*.csv`): a backfill then reads the files of its
    days. Raises SourceMissingError when there is no file, SourceFormatError when all of them are empty.
    """
    place = open_place(source, work)
    partitions: list[Partition] = []
    looked = _Looked(source, place)
    size = 0
    files = _files(place, source.path, task.dates)
    for file in files:
        text = looked.at(file)
        for name, cut, size_bytes in [] if file.name in looked.empty else _cuts(source, place, file, text):
            partitions.append(Partition(name=name, number=len(partitions), slice=cut, size_bytes=size_bytes))
        size += file.size_bytes
        work.progress(0, size)
    notes = looked.notes() if files else (f"no file matches {source.path} on these days",)
    return FilesPlan(tuple(partitions), looked.columns(), notes)


def file_columns(source: FileSource, work: Workspace) -> FilesFound:
    """The files that there are now, and the columns of all of them together. Raises DataError."""
    place = open_place(source, work)
    files = tuple(_files(place, source.path, None))
    looked = _Looked(source, place)
    for file in files:
        looked.at(file)
    return FilesFound(files, looked.columns(), looked.notes())


class _Looked:
    """What the files of a source are, one after the other."""

    def __init__(self, source: FileSource, place: FilePlace) -> None:
        self._source = source
        self._place = place
        self._texts: list[list[str]] = []
        self._types: dict[str, Any] = {}
        self._notes: dict[str, list[str]] = {}
        self._files = 0
        self.empty: list[str] = []

    def columns(self) -> tuple[Column, ...]:
        """Of all files together, so that a column has one name in all of them."""
        named = named_columns(most(self._texts), self._source.columns)
        return tuple(column_of(name, self._types.get(text or name, pa.string()), text) for name, text in named)

    def at(self, file: SourceFile) -> TextFile | None:
        """None for what is no text. Raises SourceFormatError."""
        source = self._source
        self._files += 1
        text = None if source.type == "parquet" or not file.size_bytes else open_text(source, self._place, file)
        found = self._names(file, text)
        if not file.size_bytes or (not found and text is not None and _is_empty(source, text)):
            self.empty.append(file.name)
        self._texts.append(found)
        for note in () if text is None else text.notes:
            self._notes.setdefault(note, []).append(file.name)
        return text

    def notes(self) -> tuple[str, ...]:
        """Raises SourceFormatError when there is nothing in any file."""
        if self.empty and len(self.empty) == self._files:
            lacks = ", not even a header is there" if self._source.type == "csv" else ""
            raise SourceFormatError(f"{_some(self.empty)}: empty{lacks}")
        found = {**self._notes, **({"empty": self.empty} if self.empty else {})}
        return tuple(f"{_some(files)}: {note}" for note, files in found.items())

    def _names(self, file: SourceFile, text: TextFile | None) -> list[str]:
        if not file.size_bytes:
            return []
        if text is not None:
            csv = self._source.type == "csv"
            return csv_names(self._source, text) if csv else placed(json_file_names(self._source, text))
        found = parquet_types(self._place, file)
        for name, kind in found:
            self._types.setdefault(name, kind)
        return [name for name, _ in found]


def _is_empty(source: FileSource, text: TextFile) -> bool:
    return source.type == "csv" or not text.head.strip()


def _some(names: list[str]) -> str:
    """The first of them."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def extract_file(task: ExtractTask, source: FileSource, work: Workspace) -> Extracted:
    """Raises SourceChangedError when the file is not what was planned."""
    cut = task.partition.slice
    if not isinstance(cut, (ByteRange, RowGroups)):
        raise SourceFormatError(f"{source.name}: a file has no partition of this kind")
    place = open_place(source, work)
    unchanged(place, cut.file, cut.version)
    if isinstance(cut, RowGroups):
        return extract_parquet(task, cut, place, work)
    if source.type == "csv":
        return extract_csv(task, source, cut, place, work)
    return extract_json(task, source, cut, place, work)


def _files(place: FilePlace, path: str, dates: DateRange | None) -> list[SourceFile]:
    """Raises SourceMissingError when nothing matches, unless it is asked for days."""
    if "%" not in path or dates is None:
        pattern = re.sub(r"(?:%[A-Za-z])+", "*", path)
        files = place.files(pattern)
        if not files:
            raise SourceMissingError(f"no file matches {path}")
        return files
    found: dict[str, SourceFile] = {}
    for day in days(dates):
        # A day without a file is a day without rows.
        with suppress(SourceMissingError):
            found.update((file.name, file) for file in place.files(day.strftime(path)))
    return [found[name] for name in sorted(found)]


def _cuts(
    source: FileSource, place: FilePlace, file: SourceFile, text: TextFile | None
) -> list[tuple[str, ByteRange | RowGroups, int]]:
    """Name, share and size of each partition of one file."""
    most = source.partition.size_bytes if isinstance(source.partition, ByFile) else ByFile().size_bytes
    pieces = math.ceil(file.size_bytes / most)
    size = math.ceil(file.size_bytes / pieces)
    name, version = file.name, file.version
    if text is None:
        return [
            (
                f"{name}:group {cut.first}",
                RowGroups(file=name, first=cut.first, last=cut.last, version=version, first_row=cut.row),
                cut.size_bytes,
            )
            for cut in parquet_cuts(place, file, size)
        ]
    return [
        (
            f"{name}:line {cut.line}",
            ByteRange(file=name, start=cut.start, end=cut.end, version=version, first_line=cut.line),
            cut.end - cut.start,
        )
        for cut in (csv_cuts(source, text, size) if source.type == "csv" else json_cuts(source, text, size))
    ]
