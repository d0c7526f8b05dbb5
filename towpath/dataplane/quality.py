"""Rules checked over a dataset: one pass for each part, rows that fail set aside, and the score."""

from towpath.contracts.stages import QualityChecked, QualityTask
from towpath.dataplane.workspace import Workspace


def check_quality(task: QualityTask, work: Workspace) -> QualityChecked:
    """Raises SpecificationError for a rule that does not fit its columns, StoreError and EngineError."""
    raise NotImplementedError(task, work)
