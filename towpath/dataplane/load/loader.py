"""What can be done with a destination, whatever its kind, and which loader does it."""

from typing import Protocol

from towpath.contracts.pipeline.loading import (
    CleanDestination,
    Destination,
    DestinationCleaned,
    DestinationPrepared,
    DuckdbDestination,
    LoadPart,
    ParquetDestination,
    PartLoaded,
    PostgresqlDestination,
    PrepareDestination,
)
from towpath.contracts.pipeline.stages import Watermark, WatermarkTask
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.load.duckdb import DuckdbLoader
from towpath.dataplane.load.parquet import ParquetLoader
from towpath.dataplane.load.postgresql import PostgresqlLoader


class Loader(Protocol):
    """Everything raises DestinationError when another attempt may help, LoadError when none will."""

    def is_there(self) -> bool:
        """Makes nothing."""
        ...

    def prepare(self, request: PrepareDestination) -> DestinationPrepared:
        """Makes target and ledger where they are missing; `load` does the same."""
        ...

    def load(self, request: LoadPart) -> PartLoaded:
        """Loads one part once: what was loaded before is only told."""
        ...

    def watermark(self, request: WatermarkTask) -> Watermark:
        """How far a pipeline has loaded; nothing before its first load."""
        ...

    def clean(self, request: CleanDestination) -> DestinationCleaned:
        """Removes what was of use to loads that ended, or that nobody went on with."""
        ...


def loader_of(destination: Destination, work: Workspace) -> Loader:
    match destination:
        case PostgresqlDestination():
            return PostgresqlLoader(destination, work)
        case DuckdbDestination():
            return DuckdbLoader(destination, work)
        case ParquetDestination():
            return ParquetLoader(destination, work)
