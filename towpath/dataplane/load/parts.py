"""The tasks of loading, by kind of destination."""

import time

from towpath.contracts.pipeline.loading import (
    AdvanceWatermark,
    CleanDestination,
    DestinationCleaned,
    DestinationPrepared,
    DuckdbDestination,
    FindTable,
    LoadPart,
    ParquetDestination,
    PartLoaded,
    PostgresqlDestination,
    PrepareDestination,
    TableFound,
)
from towpath.contracts.pipeline.stages import Watermark, WatermarkTask
from towpath.dataplane.core.arrow import parquet as files
from towpath.dataplane.core.memory import peak_rss_bytes
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.load import duckdb, parquet, postgresql
from towpath.dataplane.load.reading import target_schema


def find_table(request: FindTable, work: Workspace) -> TableFound:
    """Makes nothing. Raises DestinationError."""
    match request.destination:
        case PostgresqlDestination() as destination:
            return TableFound(found=postgresql.is_there(destination, work))
        case DuckdbDestination() as destination:
            return TableFound(found=duckdb.is_there(destination, work))
        case ParquetDestination() as destination:
            return TableFound(found=parquet.is_there(destination, work))


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
    began = time.process_time()
    loaded = _load(request, work)
    used, peak = time.process_time() - began, peak_rss_bytes()
    return loaded.model_copy(update={"cpu_seconds": round(used, 3), "peak_rss_bytes": peak})


def _load(request: LoadPart, work: Workspace) -> PartLoaded:
    match request.destination:
        case PostgresqlDestination() as destination:
            return postgresql.load(request, destination, work)
        case DuckdbDestination() as destination:
            return duckdb.load(request, destination, work)
        case ParquetDestination() as destination:
            return parquet.load(request, destination, work)


def advance_watermark(request: AdvanceWatermark, work: Workspace) -> PartLoaded:
    """Loads a part that holds nothing. Raises DestinationError, LoadError."""
    file = work.folder / "nothing.parquet"
    files.write_table(target_schema(request.columns).empty_table(), file)
    part = work.keep(file, 0, request.columns)
    return load_part(LoadPart(**dict(request), part=part, number=1, total=1), work)


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
    """Removes what was of use to loads that ended, or that nobody went on with. Raises DestinationError."""
    match request.destination:
        case PostgresqlDestination() as destination:
            return postgresql.clean(request, destination, work)
        case DuckdbDestination() as destination:
            return duckdb.clean(request, destination, work)
        case ParquetDestination() as destination:
            return parquet.clean(request, destination, work)
