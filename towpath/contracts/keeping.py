"""What the dataset store keeps beside the rows of a run: frozen specifications, and for how long datasets are kept."""

from datetime import datetime, timedelta

from towpath.contracts.transformation import FrozenSpecification
from towpath.contracts.wire import ActivityResult, Wire


class FindSpecification(Wire):
    """A specification that was frozen for the same pipeline, source schema and target schema."""

    pipeline: str
    source_schema: str
    target_schema: str


class FoundSpecification(ActivityResult):
    frozen: FrozenSpecification | None = None


class KeepSpecification(Wire):
    pipeline: str
    frozen: FrozenSpecification


class ForgetTask(Wire):
    """Delete what runs have left in the store and nothing names any more: older than `keep`."""

    before: datetime
    keep: timedelta = timedelta()


class Forgotten(ActivityResult):
    files: int = 0
    size_bytes: int = 0
