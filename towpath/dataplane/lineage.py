"""Events of OpenLineage: what a run read and wrote, column by column, and of what quality it was."""

from towpath.contracts.stages import LineageEmitted, LineageTask
from towpath.dataplane.workspace import Workspace


def emit_lineage(task: LineageTask, work: Workspace) -> LineageEmitted:
    """To the file and the collector that the pipeline names. Raises LineageError when the collector is not there."""
    raise NotImplementedError(task, work)
