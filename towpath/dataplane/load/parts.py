"""The tasks of loading, by kind of destination."""

from towpath.contracts.loading import (
    CleanDestination,
    DestinationCleaned,
    DestinationPrepared,
    DuckdbDestination,
    LoadPart,
    ParquetDestination,
    PartLoaded,
    PostgresqlDestination,
    PrepareDestination,
)
from towpath.contracts.stages import Watermark, WatermarkTask
from towpath.dataplane.load import duckdb, parquet, postgresql
from towpath.dataplane.workspace import Workspace


def prepare_destination(request: PrepareDestination, work: Workspace) -> DestinationPrepared:
    """Makes target and ledger where they are missing; `load_part` does the same. Raises DestinationError, LoadError."""
    match request.destination:
        case PostgresqlDestination() as destination:
            return postgresql.prepare(request, destination, work)
        case DuckdbDestination() as destination:
            return duckdb.prepare(request, destination, work)
        case ParquetDestination() as destination:
            return parquet.prepare(request, destination, work)


def load_part(request: LoadPart, work: Workspace) -> PartLoaded:
    """Loads one part once. Raises DestinationError when another attempt may help, LoadError when none will."""
    match request.destination:
        case PostgresqlDestination() as destination:
            return postgresql.load(request, destination, work)
        case DuckdbDestination() as destination:
            return duckdb.load(request, destination, work)
        case ParquetDestination() as destination:
            return parquet.load(request, destination, work)


def read_watermark(request: WatermarkTask, work: Workspace) -> Watermark:
    """How far a pipeline has loaded into a destination; nothing before its first load. Raises DestinationError."""
    match request.destination:
        case PostgresqlDestination() as destination:
            return postgresql.watermark(request, destination, work)
        case DuckdbDestination() as destination:
            return duckdb.watermark(request, destination, work)
        case ParquetDestination() as destination:
            return parquet.watermark(request, destination, work)


def clean_destination(request: CleanDestination, work: Workspace) -> DestinationCleaned:
    """Removes files that a Parquet dataset stopped using before a moment. Raises DestinationError."""
    if isinstance(request.destination, ParquetDestination):
        return parquet.clean(request, request.destination, work)
    return DestinationCleaned()
