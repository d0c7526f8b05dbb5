"""What the dataset store keeps beside the rows of a run: frozen specifications, and for how long datasets are kept."""

from datetime import datetime, timedelta

from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.contracts.pipeline.transformation import FrozenSpecification


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


class HoldTask(Wire):
    """Keep files of the store until a moment, however old they are: `run` still needs them, or its quarantine does.

    With `since` the run is under way, and all that was kept since then may be its own; `ended` lets those files go.
    """

    run: str
    until: datetime
    uris: tuple[str, ...] = ()
    since: datetime | None = None
    ended: bool = False


class Held(ActivityResult):
    """`files` are held for this run."""

    files: int = 0


class ForgetTask(Wire):
    """Delete what runs have left in the store and nobody holds at the moment `at`: older than `keep`."""

    before: datetime
    keep: timedelta = timedelta()
    at: datetime | None = None
    hold: HoldTask | None = None
    """What the run that cleans up leaves behind to be held."""


class Forgotten(ActivityResult):
    files: int = 0
    size_bytes: int = 0
