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

    field: ColumnName = Field(description="column of the source: a number, a date or a time that grows")
    lag: timedelta = Field(
        default=timedelta(), description="so far before the watermark reading begins again, for rows that come late"
    )
    initial: str | None = Field(default=None, description="where the first run begins; without it, at the beginning")


class ByFile(Wire):
    """Each file is a partition; one above `size_bytes` is cut at line ends where the format allows it, evenly."""

    by: Literal["file"] = "file"
    size_bytes: int = Field(
        default=128 * 1024**2, ge=1024, description="a larger file is cut into shares of about this size"
    )


class ByRange(Wire):
    """Ranges of a numeric key, of about `rows` rows each."""

    by: Literal["range"]
    column: ColumnName = Field(description="a numeric column, best one with an index")
    rows: int = Field(default=500_000, ge=1, description="so many rows make a partition, about")


class ByDate(Wire):
    """Periods of a date or a time: of a table, or of an API with `since_parameter` and `until_parameter`."""

    by: Literal["date"]
    column: ColumnName = Field(description="a column of type date or timestamp")
    every: Literal["hour", "day", "month"] = Field(default="day", description="the length of a period")


class ByPage(Wire):
    """So many pages of an API are one partition."""

    by: Literal["page"]
    pages: int = Field(default=100, ge=1, description="so many pages make a partition")


Partitioning = Annotated[ByFile | ByRange | ByDate | ByPage, Field(discriminator="by")]


class RowRule(Wire):
    """A check at extraction, on the raw value: rows that fail it are quarantined at once."""

    rule: Literal["not_null", "pattern", "max_length", "type"] = Field(description="what is checked")
    column: ColumnName = Field(description="the column of the source that is looked at")
    value: str = Field(
        default="",
        description="pattern: RE2 of the whole value; max_length: characters; type: one, else the declared one",
    )

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
    """What every source has."""

    name: Identifier = Field(description="what operations, rules and messages call it")
    columns: tuple[Column, ...] = Field(default=(), description="the schema; left out, it is read from the data")
    partition: Partitioning = Field(default_factory=ByFile, description="how it is cut into shares, read side by side")
    cursor: CursorField | None = Field(default=None, description="read only what is new since the run before")
    validation: tuple[RowRule, ...] = Field(
        default=(), description="checks of raw values; rows that fail are set aside"
    )
    contract: SchemaContract = Field(default=SchemaContract(), description="what a changed schema leads to")
    main: bool = Field(default=True, description="false for a source that only joins and foreign keys look at")


class FileSource(SourceBase):
    """Files of a folder or of S3 (`s3://bucket/prefix/*.csv`): `path` may hold `*`.

    A byte order mark counts more than `encoding`; with `auto`, the first bytes of a file say how it is compressed.
    """

    type: Literal["csv", "ndjson", "json", "parquet"]
    path: str = Field(description="a file, or several by * and ?; in a bucket s3://BUCKET/KEY")
    connection: str | None = Field(default=None, description="the connection of type s3, for a bucket")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="between the fields of a csv")
    header: bool = Field(
        default=True, description="the first line of a csv has the names; else columns are in their order"
    )
    encoding: EncodingName = Field(default="utf-8", description="of the texts of a csv or JSON, by its usual name")
    compression: Literal["auto", "none", "gzip", "zstd"] = Field(
        default="auto", description="how the files are packed; auto looks at their first bytes"
    )


class ApiPaging(Wire):
    """How an API gives its next page. Paths in an answer have dots between names, as `data.items`.

    With the number of rows, in the answer or in the header `X-Total-Count`, pages are read side by side; without it one
    partition after the other.
    """

    style: Literal["page", "cursor", "link", "none"] = Field(
        default="none", description="numbered pages, a cursor in the answer, a Link header, or one answer with all"
    )
    items: str = Field(default="", description="path of the list of rows; empty where the answer is the list")
    page_parameter: str = Field(default="page", description="query parameter of the page's number")
    size_parameter: str = Field(default="per_page", description="query parameter of the number of rows of a page")
    size: int = Field(default=100, description="rows of a page that are asked for")
    first_page: int = Field(default=1, description="number of the first page")
    cursor_parameter: str = Field(default="cursor", description="query parameter that takes the cursor")
    next_cursor: str = Field(default="next_cursor", description="path of the next cursor in an answer")
    total: str = Field(default="", description="path of the number of all rows, where the answer has it")


class HttpSource(SourceBase):
    """A JSON API. `connection` names its host, address and token; `path` is below it."""

    type: Literal["http"]
    connection: str = Field(description="the connection of type http")
    path: str = Field(description="below the connection's base_url")
    query: dict[str, str] = Field(default={}, description="parameters that every request has")
    paging: ApiPaging = Field(default=ApiPaging(), description="how the next page is found")
    requests_per_second: float = Field(default=5.0, gt=0, description="at most, by all partitions together")
    since_parameter: str | None = Field(default=None, description="query parameter that takes the watermark")
    until_parameter: str | None = Field(default=None, description="query parameter for the end of a period, exclusive")


class PostgresqlSource(SourceBase):
    """A table or view. Names are identifiers and nothing else; there is no SQL in a pipeline."""

    type: Literal["postgresql"]
    connection: str = Field(description="the connection of type postgresql")
    table: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")] = Field(
        description="table or view, with its schema in front where it is not public"
    )


Source = Annotated[FileSource | HttpSource | PostgresqlSource, Field(discriminator="type")]


class Target(Wire):
    """What all destinations get: one table."""

    table: Identifier = Field(description="what rules, repairs and messages call it")
    columns: tuple[Column, ...] = Field(min_length=1, description="what the destinations get, in this order")
    key: tuple[ColumnName, ...] = Field(default=(), description="columns that name a row; upsert and scd2 need it")
    newest_by: ColumnName | None = Field(
        default=None, description="of two rows with one key the greater one here stays"
    )
    partition_by: ColumnName | None = Field(default=None, description="delete_insert replaces rows by this column")

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

    propose: Literal[True] = Field(description="true: no operations stand in the file")
    approval: Literal["required", "none"] = Field(default="required", description="whether a person decides about it")


class QualityPolicy(Wire):
    """Below the threshold: `remediation`, looked at again at most twice, then `otherwise`."""

    rules: tuple[Rule, ...] = Field(default=(), description="what the transformed rows are held against")
    threshold: float = Field(default=0.95, ge=0, le=1, description="the least score with which rows are loaded")
    remediation: Literal["quarantine", "repair"] = Field(default="quarantine", description="what is tried below it")
    repair: Specification | None = Field(default=None, description="operations from the target to the target")
    otherwise: Literal["human", "fail"] = Field(default="human", description="what follows when that did not help")
    ask_claude: bool = Field(default=False, description="Claude remarks on twenty rows; no part of the score")
    claude_columns: tuple[ColumnName, ...] = Field(default=(), description="columns it sees; else all not personal")


class LineageSinks(Wire):
    """Where the lineage of a run is told, as events of OpenLineage."""

    namespace: str = Field(default="towpath", description="namespace of the job in the events")
    file: str | None = Field(default=None, description="file that gets the events, one a line")
    url_setting: bool = Field(default=True, description="send to TOWPATH_OPENLINEAGE_URL where it is set")


class PipelineConfig(Wire):
    """A pipeline, as its file says it."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")] = Field(
        description="names the pipeline in commands, runs and ledgers"
    )
    version: Version = Field(description="of this file, as 1.0.0")
    description: str = Field(default="", description="one sentence for people")
    sources: tuple[Source, ...] = Field(min_length=1, description="where rows come from; one is the main source")
    target: Target = Field(description="the table that all destinations get")
    transformation: Specification | Proposing = Field(description="how the main source becomes the target")
    quality: QualityPolicy = Field(default=QualityPolicy(), description="rules, and what follows when they fail")
    destinations: tuple[Destination, ...] = Field(min_length=1, description="where the rows are loaded")
    schedule: PipelineSchedule | None = Field(default=None, description="when it runs by itself")
    lineage: LineageSinks = Field(default=LineageSinks(), description="where its lineage is told")
    concurrency: int = Field(default=2, ge=1, le=64, description="partitions that are worked on at once")
    retention: timedelta = Field(default=timedelta(days=14), description="how long what runs keep stays in the store")
    review: ReviewPolicy = Field(
        default=ReviewPolicy(team="data-team", escalate_to="data-leads"), description="who decides, and until when"
    )
    budget: Budget = Field(default=Budget(), description="what questions to Claude may cost in one run")

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
    nulls_made: dict[str, int] = {}
    """Rows in which an operation failed and, by its `on_error`, made a null: by operation, as `operations.3.derive`."""


class FinishedPartition(Wire):
    """What a partition of a stage came to, as far as the run goes on with it."""

    part: DatasetPart | None = None
    quarantined: QuarantinedRows | None = None
    metrics: StageMetrics
    max_cursor: str | None = None
    boundary: DatasetPart | None = None
    left_out: dict[str, int] = {}
    errors: dict[str, int] = {}


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
    nulls_made: dict[str, int] = {}
    """As in the result."""
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
