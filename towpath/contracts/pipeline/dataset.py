"""Rows by reference: what a part of a dataset is called, where it lies, and what is known of it. Rows never travel."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from towpath.contracts.core.wire import ActivityResult, Wire

ColumnName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class ColumnType(StrEnum):
    """Types of columns. `decimal` has a precision and a scale."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    JSON = "json"


class Column(Wire):
    """One column. A timestamp is UTC. Values of a `personal` one stay in the data plane: samples show their shapes."""

    name: ColumnName = Field(description="letters, digits and _, not a digit first")
    type: ColumnType = Field(description="of its values")
    nullable: bool = Field(default=True, description="false: a row without a value is quarantined")
    precision: int = Field(default=18, ge=1, le=38, description="digits of a decimal in all")
    scale: int = Field(default=2, ge=0, le=38, description="digits of a decimal after the point")
    description: str = Field(
        default="", description="for people; of a source: the name there, as Order No for Order_No"
    )
    personal: bool = Field(default=False, description="values are shown to nobody, their shapes are")


class LeftOut(Wire):
    """Rows of a part's file that are not in the part: a file with their numbers in it, from 0, in the column `row`."""

    uri: str
    sha256: str
    rows: int


class DatasetPart(Wire):
    """One immutable file of a dataset, named by its content: whole or absent.

    `uri` is relative to the dataset store. `schema_hash` is over names and types of the columns.
    An extracted part has the column `_row` besides (int64): where `origin` has the row. A transformed part keeps it,
    unless it is made of many rows.
    """

    uri: str
    format: Literal["parquet", "ndjson"] = "parquet"
    rows: int
    size_bytes: int
    sha256: str
    schema_hash: str
    partition: str = ""
    """Name of the partition that it came from."""
    origin: str = ""
    """What `_row` counts in: a file and its lines, pages of an API and their items, rows of a table."""
    without: LeftOut | None = None
    """Rows that were set aside after the file was written; `rows` counts the others."""

    @property
    def digest(self) -> str:
        """Names the content: two parts with the same rows of the same file have the same one."""
        if self.without is None:
            return self.sha256
        return hashlib.sha256(f"{self.sha256} {self.without.sha256}".encode()).hexdigest()


class Dataset(Wire):
    """All parts of one stage of one run, in the order of their partitions."""

    name: Identifier
    parts: tuple[DatasetPart, ...] = ()
    columns: tuple[Column, ...] = ()

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)


StageName = Literal["extract", "profile", "transform", "quality", "repair", "load"]


class StageMetrics(Wire):
    """What one partition of one stage took."""

    stage: StageName
    partition: str
    rows_in: int = 0
    rows_out: int = 0
    rows_quarantined: int = 0
    size_bytes: int = 0
    seconds: float = 0
    cpu_seconds: float = 0
    peak_rss_bytes: int = 0
    attempt: int = 1


class QuarantinedRows(Wire):
    """Bad rows of one partition at one stage: kept with reason and source position, to be replayed after a fix.

    The part's columns are `reason`, `rule`, `position` (file and line, page and index, or key), and `row` as JSON.
    """

    stage: str
    part: DatasetPart
    by_rule: dict[str, int] = {}


class ColumnProfile(Wire):
    """What is in a column. `top` are its most frequent values with their counts, at most ten, cut to 80 characters."""

    name: str
    type: ColumnType
    rows: int
    nulls: int
    distinct: int
    minimum: str | None = None
    maximum: str | None = None
    mean: float | None = None
    top: tuple[tuple[str, int], ...] = ()
    histogram: tuple[int, ...] = ()
    """Counts in 20 equal steps from minimum to maximum, for numbers and times."""
    formats: tuple[tuple[str, int], ...] = ()
    """Shapes of the texts, digits as 9 and letters as A: at most ten, with their counts."""


class Profile(ActivityResult):
    """`rows` were looked at: all of them, or of a large dataset so many, evenly spread. `total` is what it has."""

    dataset: Identifier
    rows: int
    total: int = 0
    columns: tuple[ColumnProfile, ...]
    duplicates: int | None = 0
    """Rows whose key occurred before; None when nobody counted."""
    sampled_at: datetime | None = None
