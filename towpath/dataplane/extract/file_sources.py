"""Sources that are files: one door to planning and reading, whatever their format."""

import math
import re
from contextlib import suppress

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
from towpath.dataplane.core.errors import SourceFormatError, SourceMissingError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.csv_files import csv_columns, csv_cuts, extract_csv
from towpath.dataplane.extract.json_files import extract_json, json_cuts, json_file_columns
from towpath.dataplane.extract.parquet_files import extract_parquet, parquet_columns, parquet_cuts
from towpath.dataplane.extract.places import FilePlace, SourceFile, open_place, unchanged
from towpath.policy.pipeline.bounds import days


def plan_files(
    task: ExtractionPlanTask, source: FileSource, work: Workspace
) -> tuple[tuple[Partition, ...], tuple[Column, ...]]:
    """Partitions in the order of the files' names, and the columns of all files together.

    A path may hold a day as strftime writes it (`orders/%Y/%m/%d/*.csv`): a backfill then reads the files of its days.
    """
    place = open_place(source, work)
    columns: dict[str, Column] = {}
    partitions: list[Partition] = []
    size = 0
    for file in _files(place, source.path, task.dates):
        for column in _columns(source, place, file):
            columns.setdefault(column.name, column)
        for name, cut, size_bytes in _cuts(source, place, file):
            partitions.append(Partition(name=name, number=len(partitions), slice=cut, size_bytes=size_bytes))
        size += file.size_bytes
        work.progress(0, size)
    return tuple(partitions), tuple(columns.values())


def file_columns(source: FileSource, work: Workspace) -> tuple[tuple[SourceFile, ...], tuple[Column, ...]]:
    """The files that there are now, and the columns of all of them together. Raises DataError."""
    place = open_place(source, work)
    files = tuple(_files(place, source.path, None))
    columns: dict[str, Column] = {}
    for file in files:
        for column in _columns(source, place, file):
            columns.setdefault(column.name, column)
    return files, tuple(columns.values())


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
    if "%" not in path:
        return place.files(path)
    if dates is None:
        return place.files(re.sub(r"(?:%[A-Za-z])+", "*", path))
    found: dict[str, SourceFile] = {}
    for day in days(dates):
        # A day without a file is a day without rows.
        with suppress(SourceMissingError):
            found.update((file.name, file) for file in place.files(day.strftime(path)))
    return [found[name] for name in sorted(found)]


def _columns(source: FileSource, place: FilePlace, file: SourceFile) -> tuple[Column, ...]:
    if file.size_bytes == 0:
        return ()
    if source.type == "csv":
        return csv_columns(source, place, file)
    if source.type == "parquet":
        return parquet_columns(place, file)
    return json_file_columns(source, place, file)


def _cuts(source: FileSource, place: FilePlace, file: SourceFile) -> list[tuple[str, ByteRange | RowGroups, int]]:
    """Name, share and size of each partition of one file."""
    if file.size_bytes == 0:
        return []
    most = source.partition.size_bytes if isinstance(source.partition, ByFile) else ByFile().size_bytes
    pieces = math.ceil(file.size_bytes / most)
    size = math.ceil(file.size_bytes / pieces)
    name, version = file.name, file.version
    if source.type == "parquet":
        return [
            (
                f"{name}:group {cut.first}",
                RowGroups(file=name, first=cut.first, last=cut.last, version=version, first_row=cut.row),
                cut.size_bytes,
            )
            for cut in parquet_cuts(place, file, size)
        ]
    cuts = csv_cuts(source, place, file, size) if source.type == "csv" else json_cuts(source, place, file, size)
    return [
        (
            f"{name}:line {cut.line}",
            ByteRange(file=name, start=cut.start, end=cut.end, version=version, first_line=cut.line),
            cut.end - cut.start,
        )
        for cut in cuts
    ]
