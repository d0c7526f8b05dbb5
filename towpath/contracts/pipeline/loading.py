"""Loading: where rows go, by which strategy, and the ledger by which a part is loaded once."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.contracts.pipeline.dataset import Column, ColumnName, DatasetPart, Identifier

Strategy = Literal["append", "upsert", "delete_insert", "scd2"]
Table = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")]


class PostgresqlDestination(Wire):
    """A table in PostgreSQL; `connection` names a setting. Ledger and watermark lie in the same database."""

    name: Identifier = Field(description="what results and messages call it")
    type: Literal["postgresql"]
    connection: str = Field(description="the connection of type postgresql")
    table: Table = Field(description="table, with its schema in front where it is not public")
    strategy: Strategy = Field(default="upsert", description="how rows get in")


class DuckdbDestination(Wire):
    """A table in a DuckDB file, written by one activity at a time."""

    name: Identifier = Field(description="what results and messages call it")
    type: Literal["duckdb"]
    path: str = Field(description="the file; it is made where it is missing")
    table: Table = Field(description="table, with its schema in front where it is not main")
    strategy: Strategy = Field(default="upsert", description="how rows get in")


class ParquetDestination(Wire):
    """A folder of Parquet files with a manifest that names the current ones: what it does not name does not exist."""

    name: Identifier = Field(description="what results and messages call it")
    type: Literal["parquet"]
    path: str = Field(description="the folder, or s3://BUCKET/PREFIX")
    connection: str | None = Field(default=None, description="the connection of type s3, for a bucket")
    strategy: Strategy = Field(default="upsert", description="how rows get in")
    buckets: int = Field(
        default=16, ge=1, le=1024, description="files over which the keys of upsert and scd2 are spread"
    )


Destination = Annotated[PostgresqlDestination | DuckdbDestination | ParquetDestination, Field(discriminator="type")]


class LoadPart(Wire):
    """Load one part. Ledger row and rows are committed together, so the same part is loaded once.

    `load` is `pipeline/run key`. The last part of a load carries the watermark, set in the same transaction.
    """

    destination: Destination
    columns: tuple[Column, ...]
    key: tuple[ColumnName, ...]
    newest_by: ColumnName | None
    partition_by: ColumnName | None
    part: DatasetPart
    load: str
    number: int
    total: int
    watermark: str | None = None
    boundary: tuple[DatasetPart, ...] = ()
    """Digests of the rows at the watermark."""
    pipeline: str
    fenced: bool = False
    """The watermark moves only when `after` is still the load that set it: no other has appended the same rows."""
    after: str | None = None


class AdvanceWatermark(Wire):
    """A load without a row: what was new went to quarantine, or the specification left it out. Read again is none."""

    destination: Destination
    columns: tuple[Column, ...]
    key: tuple[ColumnName, ...]
    newest_by: ColumnName | None
    partition_by: ColumnName | None
    load: str
    watermark: str
    boundary: tuple[DatasetPart, ...] = ()
    pipeline: str


class PartLoaded(ActivityResult):
    """`skipped`: the ledger had it already. `stale` rows were older than what was there, or the same.

    A Parquet dataset changes with the last part of a load: that part's numbers are the whole load's.
    """

    rows: int
    inserted: int = 0
    updated: int = 0
    stale: int = 0
    deleted: int = 0
    skipped: bool = False
    seconds: float = 0
    cpu_seconds: float = 0
    peak_rss_bytes: int = 0


class FindTable(Wire):
    """Whether a destination has its table, or its dataset, yet."""

    destination: Destination


class TableFound(ActivityResult):
    found: bool


class PrepareDestination(Wire):
    """Make the target and the ledger where they are missing, and add what columns it lacks."""

    destination: Destination
    columns: tuple[Column, ...]
    key: tuple[ColumnName, ...] = ()
    newest_by: ColumnName | None = None
    partition_by: ColumnName | None = None


class DestinationPrepared(ActivityResult):
    """`added` are columns that the target lacked, `widened` those whose decimals got more digits."""

    created: bool = False
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()


class CleanDestination(Wire):
    """Remove what is of no use since a moment: files that the manifest of a Parquet dataset stopped naming, and parts
    that wait to be appended with others that never came, of the loads of a pipeline; without one, of all loads.
    """

    destination: Destination
    before: datetime
    pipeline: str = ""


class DestinationCleaned(ActivityResult):
    """`parts` waited to be appended."""

    files: int = 0
    size_bytes: int = 0
    parts: int = 0


class LoadResult(Wire):
    destination: Identifier
    state: Literal["loaded", "failed", "skipped"]
    parts: int = 0
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    stale: int = 0
    failure: str = ""
    note: str = ""
