"""One partition of a source, read into a part of a dataset and a quarantine."""

from towpath.contracts.pipeline.pipeline import FileSource, HttpSource
from towpath.contracts.pipeline.stages import Extracted, ExtractTask, Replayed
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.api import extract_api
from towpath.dataplane.extract.file_sources import extract_file
from towpath.dataplane.extract.postgresql import extract_table
from towpath.dataplane.extract.replay import extract_replayed


def extract_partition(task: ExtractTask, work: Workspace) -> Extracted:
    """Bounded in memory whatever the partition's size. Another attempt begins anew and comes to the same rows.

    Raises DataError.
    """
    source, share = task.source, task.partition.slice
    if isinstance(share, Replayed):
        return extract_replayed(task, share, work)
    if isinstance(source, FileSource):
        return extract_file(task, source, work)
    if isinstance(source, HttpSource):
        return extract_api(task, source, work)
    return extract_table(task, source, work)
