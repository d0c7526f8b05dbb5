"""The report of a run: one HTML page with its plots, and the same facts as JSON."""

from towpath.contracts.stages import ReportRendered, ReportTask
from towpath.dataplane.workspace import Workspace


def write_report(task: ReportTask, work: Workspace) -> ReportRendered:
    """Raises StoreError and EngineError."""
    raise NotImplementedError(task, work)
