"""What there is to read of a source: its columns, the bounds of its cursor, and partitions by its size."""

from towpath.contracts.dataset import Column
from towpath.contracts.pipeline import ByFile, FileSource
from towpath.contracts.stages import ByteRange, Partition, Planned, PlanTask
from towpath.dataplane.errors import SourceFormatError
from towpath.dataplane.extract.csv_files import csv_columns, csv_cuts
from towpath.dataplane.extract.places import open_place
from towpath.dataplane.workspace import Workspace


def plan_partitions(task: PlanTask, work: Workspace) -> Planned:
    """Raises DataError."""
    if isinstance(task.source, FileSource):
        return _plan_files(task, task.source, work)
    raise SourceFormatError(f"{task.source.name}: {task.source.type} has no partitions")


def _plan_files(task: PlanTask, source: FileSource, work: Workspace) -> Planned:
    place = open_place(source, work)
    by_file = source.partition if isinstance(source.partition, ByFile) else ByFile()
    columns: dict[str, Column] = {}
    partitions: list[Partition] = []
    size = 0
    for file in place.files(source.path):
        size += file.size_bytes
        for column in csv_columns(source, place, file):
            columns.setdefault(column.name, column)
        for cut in csv_cuts(source, place, file, by_file.size_bytes):
            work.progress(0, size)
            span = ByteRange(file=file.name, start=cut.start, end=cut.end, version=file.version, first_line=cut.line)
            name = f"{file.name}:{cut.start}"
            partitions.append(Partition(name=name, number=len(partitions), slice=span, size_bytes=cut.end - cut.start))
    return Planned(partitions=tuple(partitions), columns=tuple(columns.values()), since=task.watermark, size_bytes=size)
