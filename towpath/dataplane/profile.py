"""What is in a dataset: counts, extremes, frequent values and shapes of each column, and a sample of its rows."""

from towpath.contracts.stages import Profiled, ProfileTask
from towpath.dataplane.workspace import Workspace


def profile_dataset(task: ProfileTask, work: Workspace) -> Profiled:
    """Raises StoreError and EngineError."""
    raise NotImplementedError(task, work)
