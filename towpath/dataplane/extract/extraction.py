"""One partition of a source, read into a part of a dataset and a quarantine."""

from towpath.contracts.pipeline import FileSource
from towpath.contracts.stages import ByteRange, Extracted, ExtractTask
from towpath.dataplane.errors import SourceFormatError
from towpath.dataplane.extract.csv_files import extract_csv
from towpath.dataplane.extract.places import open_place, unchanged
from towpath.dataplane.workspace import Workspace


def extract_partition(task: ExtractTask, work: Workspace) -> Extracted:
    """Bounded in memory whatever the partition's size. Another attempt begins anew and comes to the same part.

    Raises DataError.
    """
    source, cut = task.source, task.partition.slice
    if isinstance(source, FileSource) and isinstance(cut, ByteRange):
        place = open_place(source, work)
        unchanged(place, cut.file, cut.version)
        return extract_csv(task, source, cut, place, work)
    raise SourceFormatError(f"{source.name}: {source.type} has no partition of this kind")
