"""The ETL pipeline: its configuration, what starts a run, and how it ends."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.claude import Budget
from towpath.contracts.core.process import TriggerType
from towpath.contracts.core.review import DecidedReview, ReviewPolicy
from towpath.contracts.core.run import Cost, Discard
from towpath.contracts.core.signed import Signed
from towpath.contracts.core.wire import Wire
from towpath.contracts.pipeline.dataset import (
    Column,
    ColumnName,
    ColumnType,
    Dataset,
    DatasetPart,
    Identifier,
    QuarantinedRows,
    StageMetrics,
)
from towpath.contracts.pipeline.encodings import EncodingName
from towpath.contracts.pipeline.loading import Destination, LoadResult
from towpath.contracts.pipeline.quality import Quality, Rule
from towpath.contracts.pipeline.scheduling import PipelineSchedule
from towpath.contracts.pipeline.schema import SchemaChange, SchemaContract
from towpath.contracts.pipeline.transformation import FrozenSpecification, Specification

Version = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]


class CursorField(Wire):
    """Incremental extraction: rows whose `field` is at or after the watermark, less the lag for late data.

    Without a lag, rows at the watermark that are loaded are left out: they are known by their contents.
    """

    field: ColumnName
    lag: timedelta = timedelta()
    initial: str | None = None


class ByFile(Wire):
    """Each file is a partition; one above `size_bytes` is cut at line ends where the format allows it, evenly."""

    by: Literal["file"] = "file"
    size_bytes: int = Field(default=128 * 1024**2, ge=1024)


class ByRange(Wire):
    """Ranges of a numeric key, of about `rows` rows each."""

    by: Literal["range"]
    column: ColumnName
    rows: int = Field(default=500_000, ge=1)


class ByDate(Wire):
    by: Literal["date"]
    column: ColumnName
    every: Literal["hour", "day", "month"] = "day"


class ByPage(Wire):
    """So many pages of an API are one partition."""

    by: Literal["page"]
    pages: int = Field(default=100, ge=1)


Partitioning = Annotated[ByFile | ByRange | ByDate | ByPage, Field(discriminator="by")]


class RowRule(Wire):
    """A check at extraction, on the raw value: rows that fail it are quarantined at once.

    `value`: the pattern (RE2, of the whole value), the number of characters, or the type (else the declared one).
    """

    rule: Literal["not_null", "pattern", "max_length", "type"]
    column: ColumnName
    value: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.rule == "max_length" and not (self.value.isascii() and self.value.isdigit()):
            raise ValueError("value: a number of characters is wanted")
        if self.rule == "type" and self.value and self.value not in set(ColumnType):
            raise ValueError(f"value: not a type ({', '.join(ColumnType)})")
        if self.rule == "pattern" and not self.value:
            raise ValueError("value: a pattern is wanted")
        return self


class SourceBase(Wire):
    """`columns` declares the schema; left out, it is read from the data."""

    name: Identifier
    columns: tuple[Column, ...] = ()
    partition: Partitioning = Field(default_factory=ByFile)
    cursor: CursorField | None = None
    validation: tuple[RowRule, ...] = ()
    contract: SchemaContract = SchemaContract()
    main: bool = True
    """False for a source that only joins and foreign keys look at."""


class FileSource(SourceBase):
    """Files of a folder or of S3 (`s3://bucket/prefix/*.csv`): `path` may hold `*`.

    A byte order mark counts more than `encoding`; with `auto`, the first bytes of a file say how it is compressed.
    """

    type: Literal["csv", "ndjson", "json", "parquet"]
    path: str
    connection: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    header: bool = True
    encoding: EncodingName = "utf-8"
    compression: Literal["auto", "none", "gzip", "zstd"] = "auto"


class ApiPaging(Wire):
    """How an API gives its next page.

    Paths have dots between names: `items` is that of the list of rows in an answer, empty when the answer is the list;
    `total` that of the number of rows, which is also taken from the header `X-Total-Count`. With it pages are read in
    parallel, without it one partition after the other.
    """

    style: Literal["page", "cursor", "link", "none"] = "none"
    items: str = ""
    page_parameter: str = "page"
    size_parameter: str = "per_page"
    size: int = 100
    first_page: int = 1
    cursor_parameter: str = "cursor"
    next_cursor: str = "next_cursor"
    total: str = ""


class HttpSource(SourceBase):
    """A JSON API. `connection` names its host, address and token; `path` is below it."""

    type: Literal["http"]
    connection: str
    path: str
    query: dict[str, str] = {}
    paging: ApiPaging = ApiPaging()
    requests_per_second: float = Field(default=5.0, gt=0)
    since_parameter: str | None = None
    """Query parameter that takes the watermark, where the API can filter."""
    until_parameter: str | None = None
    """Query parameter that takes the end of a period, which is not part of it."""


class PostgresqlSource(SourceBase):
    """A table or view. Names are identifiers and nothing else; there is no SQL in a pipeline."""

    type: Literal["postgresql"]
    connection: str
    table: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")]


Source = Annotated[FileSource | HttpSource | PostgresqlSource, Field(discriminator="type")]


class Target(Wire):
    """What all destinations get: one table."""

    table: Identifier
    columns: tuple[Column, ...] = Field(min_length=1)
    key: tuple[ColumnName, ...] = ()
    newest_by: ColumnName | None = None
    partition_by: ColumnName | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = {column.name for column in self.columns}
        if len(names) < len(self.columns):
            raise ValueError("columns: each name may stand in it once")
        wanted = {*self.key, *(name for name in (self.newest_by, self.partition_by) if name is not None)}
        missing = sorted(wanted - names)
        if missing:
            raise ValueError(f"not among the columns: {', '.join(missing)}")
        return self


class Proposing(Wire):
    """Ask Claude for the specification. It is frozen, and asked for again only when a schema changes."""

    propose: Literal[True]
    approval: Literal["required", "none"] = "required"


class QualityPolicy(Wire):
    """Below the threshold: `remediation`, looked at again at most twice, then `otherwise`."""

    rules: tuple[Rule, ...] = ()
    threshold: float = Field(default=0.95, ge=0, le=1)
    remediation: Literal["quarantine", "repair"] = "quarantine"
    repair: Specification | None = None
    otherwise: Literal["human", "fail"] = "human"
    ask_claude: bool = False
    claude_columns: tuple[ColumnName, ...] = ()
    """Columns of the target that Claude sees then; without any, all that are not personal."""


class LineageSinks(Wire):
    namespace: str = "towpath"
    file: str | None = None
    url_setting: bool = True
    """Send to TOWPATH_OPENLINEAGE_URL where it is set."""


class PipelineConfig(Wire):
    """A pipeline, as its file says it."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
    version: Version
    description: str = ""
    sources: tuple[Source, ...] = Field(min_length=1)
    target: Target
    transformation: Specification | Proposing
    quality: QualityPolicy = QualityPolicy()
    destinations: tuple[Destination, ...] = Field(min_length=1)
    schedule: PipelineSchedule | None = None
    lineage: LineageSinks = LineageSinks()
    concurrency: int = Field(default=2, ge=1, le=64)
    retention: timedelta = timedelta(days=14)
    review: ReviewPolicy = ReviewPolicy(team="data-team", escalate_to="data-leads")
    budget: Budget = Budget()

    @property
    def main(self) -> Source:
        return next(source for source in self.sources if source.main)


class DateRange(Wire):
    """Both days included: what a backfill runs over."""

    first: date
    last: date


class PipelineRequest(Signed):
    """Input of the workflow `etl-pipeline`. The checked configuration and its digest travel with the run."""

    config: PipelineConfig
    digest: str
    trigger: TriggerType = TriggerType.MANUAL
    run_key: str = ""
    """Names the load in the ledgers; empty: the workflow's run."""
    dates: DateRange | None = None
    full: bool = False
    """Read everything, whatever the watermark says."""
    replay: tuple[QuarantinedRows, ...] = ()
    """Load these rows, which an earlier run quarantined, in place of what the sources have."""
    discard: Discard | None = None
    redrive_of: str | None = None
    resume: "PipelineProgress | None" = None
    """What the run that this one redrives had done."""


class PipelineOutcome(StrEnum):
    LOADED = "loaded"
    NOTHING = "nothing-new"
    QUARANTINED = "quarantined"
    """All that was new is in quarantine: no row was loaded, and the watermark has moved past them."""
    REJECTED = "rejected"
    EXPIRED = "expired"
    DISCARDED = "discarded"
    FAILED = "failed"
    """In a report only: the run itself fails."""


class PipelineResult(Wire):
    """How a run ended."""

    outcome: PipelineOutcome
    pipeline: str
    run_key: str
    loads: tuple[LoadResult, ...] = ()
    quality: tuple[Quality, ...] = ()
    specification: FrozenSpecification | None = None
    notes: tuple[str, ...] = ()
    """What changed in the sources' schemas, what that leads to, and what else a reader has to know of the rows."""
    quarantine: tuple[QuarantinedRows, ...] = ()
    metrics: tuple[StageMetrics, ...] = ()
    watermark: str | None = None
    report: Artefact | None = None
    """The HTML page; `document` holds the same facts as JSON."""
    document: Artefact | None = None
    decision: DecidedReview | None = None
    started_at: datetime | None = None
    seconds: float = 0
    degraded: dict[str, str] = {}
    cost: Cost = Cost()
    discarded: Discard | None = None


class FinishedPartition(Wire):
    """What a partition of a stage came to, as far as the run goes on with it."""

    part: DatasetPart | None = None
    quarantined: QuarantinedRows | None = None
    metrics: StageMetrics
    max_cursor: str | None = None
    boundary: DatasetPart | None = None
    left_out: dict[str, int] = {}


class PipelineProgress(Wire):
    """What a run knows after each stage: what a redrive begins with, and what its result and report are made of."""

    run_key: str
    started_at: datetime
    watermark: str | None = None
    """From where on the main source was read."""
    boundary: DatasetPart | None = None
    """Digests of the rows at the watermark that are loaded."""
    history: tuple[int, ...] = ()
    """Rows of the loads before, newest last."""
    marks: dict[Identifier, str | None] | None = None
    """Which loads had set the watermarks of the destinations when the run read them."""
    behind: tuple[Identifier, ...] = ()
    """Destinations that this run loads alone, since the others are further, and one appends; empty: all are loaded."""
    until: str | None = None
    """How far the next of the others is."""
    columns: dict[Identifier, tuple[Column, ...]] = {}
    """Schema of each source, as the run reads it."""
    notes: tuple[str, ...] = ()
    """As in the result."""
    changes: dict[Identifier, tuple[SchemaChange, ...]] = {}
    """Of each source's schema against the declared one."""
    left_out: tuple[Identifier, ...] = ()
    """Destinations without a table, which the contract does not let this run make."""
    extracted: dict[Identifier, Dataset] = {}
    reached: str | None = None
    """Greatest cursor that was extracted: the watermark of the load."""
    reached_boundary: tuple[DatasetPart, ...] = ()
    """Digests of the rows that have it."""
    new_rows: int = 0
    """Rows of the main source that the run read anew, quarantined ones among them."""
    specification: FrozenSpecification | None = None
    transformed: Dataset | None = None
    quality: tuple[Quality, ...] = ()
    valid: Dataset | None = None
    decision: DecidedReview | None = None
    loads: dict[Identifier, LoadResult] = {}
    quarantine: tuple[QuarantinedRows, ...] = ()
    metrics: tuple[StageMetrics, ...] = ()
    degraded: dict[str, str] = {}
    cost: Cost = Cost()
    unfinished: dict[str, dict[str, FinishedPartition]] = {}
    """Of a stage that failed: its partitions that were done, by the digest of their task."""


class PipelineFailure(Wire):
    """Second detail of a failed run, after its DeadLetter: what a redrive starts with, and the report until then."""

    pipeline: PipelineRequest
    report: Artefact | None = None
    document: Artefact | None = None


PipelineRequest.model_rebuild()
