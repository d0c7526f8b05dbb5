"""Windows: partitions of one stage that a child run does together."""

from towpath.contracts.failure import Failure
from towpath.contracts.loading import LoadPart, PartLoaded
from towpath.contracts.stages import Extracted, ExtractTask, Transformed, TransformTask
from towpath.contracts.wire import Wire

WINDOW = "etl-window"


class WindowRequest(Wire):
    """Partitions of one stage, done by a child run: of a thousand partitions no history grows long."""

    owner: str
    """Workflow id of the pipeline's run."""
    step: str
    first: int
    """Number of the first task among those of the stage."""
    concurrency: int
    extract: tuple[ExtractTask, ...] = ()
    transform: tuple[TransformTask, ...] = ()
    load: tuple[LoadPart, ...] = ()
    partial: bool = False
    """Tell what was done also when a task failed, or the window was cancelled."""


class WindowResult(Wire):
    """Results in the order of the tasks, but for those at the positions `missing`, which were not done."""

    extracted: tuple[Extracted, ...] = ()
    transformed: tuple[Transformed, ...] = ()
    loaded: tuple[PartLoaded, ...] = ()
    missing: tuple[int, ...] = ()
    failure: Failure | None = None
    """Why; None with `missing`: the window was cancelled."""
