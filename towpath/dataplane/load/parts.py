"""The tasks of loading, and which loader does them.

They raise DestinationError when another attempt may help, LoadError when none will.
"""

import time
from typing import Protocol

from towpath.contracts.pipeline.loading import (
    AdvanceWatermark,
    CleanDestination,
    Destination,
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
from towpath.dataplane.load.duckdb import DuckdbLoader
from towpath.dataplane.load.parquet import ParquetLoader
from towpath.dataplane.load.postgresql import PostgresqlLoader
from towpath.dataplane.load.reading import target_schema


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


def find_table(request: FindTable, work: Workspace) -> TableFound:
    return TableFound(found=loader_of(request.destination, work).is_there())


def prepare_destination(request: PrepareDestination, work: Workspace) -> DestinationPrepared:
    return loader_of(request.destination, work).prepare(request)


def load_part(request: LoadPart, work: Workspace) -> PartLoaded:
    began = time.process_time()
    loaded = loader_of(request.destination, work).load(request)
    used, peak = time.process_time() - began, peak_rss_bytes()
    return loaded.model_copy(update={"cpu_seconds": round(used, 3), "peak_rss_bytes": peak})


def advance_watermark(request: AdvanceWatermark, work: Workspace) -> PartLoaded:
    """Loads a part that holds nothing."""
    file = work.folder / "nothing.parquet"
    files.write_table(target_schema(request.columns).empty_table(), file)
    part = work.keep(file, 0, request.columns)
    return load_part(LoadPart(**dict(request), part=part, number=1, total=1), work)


def read_watermark(request: WatermarkTask, work: Workspace) -> Watermark:
    return loader_of(request.destination, work).watermark(request)


def clean_destination(request: CleanDestination, work: Workspace) -> DestinationCleaned:
    return loader_of(request.destination, work).clean(request)
