"""The tasks of loading, by kind of destination."""

from towpath.contracts.loading import (
    CleanDestination,
    DestinationCleaned,
    DestinationPrepared,
    LoadPart,
    PartLoaded,
    PrepareDestination,
)
from towpath.contracts.stages import Watermark, WatermarkTask
from towpath.dataplane.workspace import Workspace


def prepare_destination(request: PrepareDestination, work: Workspace) -> DestinationPrepared:
    """Makes target and ledger where they are missing; `load_part` does the same. Raises DestinationError, LoadError."""
    raise NotImplementedError(request, work)


def load_part(request: LoadPart, work: Workspace) -> PartLoaded:
    """Loads one part once. Raises DestinationError when another attempt may help, LoadError when none will."""
    raise NotImplementedError(request, work)


def read_watermark(request: WatermarkTask, work: Workspace) -> Watermark:
    """How far a pipeline has loaded into a destination; nothing where it never has. Raises DestinationError."""
    raise NotImplementedError(request, work)


def clean_destination(request: CleanDestination, work: Workspace) -> DestinationCleaned:
    """Removes files that a Parquet dataset stopped using before a moment. Raises DestinationError."""
    raise NotImplementedError(request, work)
