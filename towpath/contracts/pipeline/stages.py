"""Requests and results of the data plane's tasks: what an activity hands to the child process that touches bytes."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.run import StepRecord
from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire
from towpath.contracts.pipeline.dataset import (
    Column,
    ColumnName,
    ColumnType,
    Dataset,
    DatasetPart,
    Identifier,
    Profile,
    QuarantinedRows,
    StageMetrics,
)
from towpath.contracts.pipeline.loading import Destination
from towpath.contracts.pipeline.pipeline import DateRange, PipelineConfig, PipelineResult, Source
from towpath.contracts.pipeline.quality import Quality, Rule
from towpath.contracts.pipeline.schema import SchemaAction
from towpath.contracts.pipeline.transformation import FrozenSpecification, Specification, SpecificationProblem


class SpecificationTask(Wire):
    """A specification with the schemas that it stands between. `others` are the columns of joinable sources."""

    specification: Specification
    source: tuple[Column, ...]
    target: tuple[Column, ...]
    key: tuple[ColumnName, ...] = ()
    newest_by: ColumnName | None = None
    others: dict[Identifier, tuple[Column, ...]] = {}


class SpecificationCheck(ActivityResult):
    """Nothing to tell: the specification compiles, and its result has the target's columns and types."""

    problems: tuple[SpecificationProblem, ...] = ()


class BackTestTask(SpecificationTask):
    """`sample` are rows of the source as JSON, `related` rows of the sources that are joined.

    With `dataset`, the sample is taken from it: so many `rows`. `joined` are datasets that are joined whole.
    """

    sample: tuple[JsonObject, ...] = ()
    related: dict[Identifier, tuple[JsonObject, ...]] = {}
    dataset: Dataset | None = None
    joined: dict[Identifier, Dataset] = {}
    rows: int = 500


class DuplicatesTask(SpecificationTask):
    """All parts of the source, in their order: a key may occur twice anywhere."""

    parts: tuple[DatasetPart, ...]
    related: dict[Identifier, Dataset] = {}
    types: SchemaAction = SchemaAction.QUARANTINE_ROW


class Duplicates(ActivityResult):
    """`superseded` lists the rows that a newer one of the same key replaces; None: there are none.

    Its columns are `part` (the index among the parts) and `row` (the index in it), sorted. `keys` occur more than once.
    """

    superseded: DatasetPart | None = None
    keys: int = 0
    rows: int = 0


class TransformTask(SpecificationTask):
    """Parts to transform together: one, but all of them where the specification aggregates.

    `first` is the index of the first among all parts of the source, as `superseded` counts them.
    `types` says what happens to a value that is not of its declared type. `partition` names the result. Rows that a
    `repair` sets aside are those of the target.
    """

    stage: Literal["transform", "repair"] = "transform"
    parts: tuple[DatasetPart, ...] = Field(min_length=1)
    first: int = 0
    superseded: DatasetPart | None = None
    related: dict[Identifier, Dataset] = {}
    types: SchemaAction = SchemaAction.QUARANTINE_ROW
    partition: str = ""


class Transformed(ActivityResult):
    """`rows` went in; `left_out` counts what filters, joins and deduplication left out, by operation.

    `errors` counts rows in which an operation failed and, by its `on_error`, made a null, as `operations.3.derive`.
    """

    valid: DatasetPart | None = None
    quarantined: QuarantinedRows | None = None
    rows: int = 0
    left_out: dict[str, int] = {}
    nulls_made: dict[str, int] = {}
    errors: dict[str, int] = {}
    metrics: StageMetrics


class ProposalInput(Wire):
    """What the proposal is made from; `sample` is cut to what a prompt may hold."""

    source: Identifier
    columns: tuple[Column, ...]
    profile: Profile
    sample: tuple[JsonObject, ...]
    target: tuple[Column, ...]
    key: tuple[ColumnName, ...] = ()
    newest_by: ColumnName | None = None
    others: dict[Identifier, tuple[Column, ...]] = {}


class ByteRange(Wire):
    """Lines of a text file, from a line's first byte on. `version` is what the file was when it was planned."""

    slice: Literal["bytes"] = "bytes"
    file: str
    start: int = 0
    end: int
    version: str
    first_line: int = 1


class RowGroups(Wire):
    """Row groups of a Parquet file, `last` not included. `first_row` is the number of their first row, from 1."""

    slice: Literal["row_groups"] = "row_groups"
    file: str
    first: int
    last: int
    version: str
    first_row: int = 1


class ValueRange(Wire):
    """Rows of a table whose `column` is at least `lower` and below `upper`; open where None.

    `nulls`: instead, the rows that have none. Without `column`, all rows.
    """

    slice: Literal["values"] = "values"
    column: ColumnName | None = None
    lower: str | None = None
    upper: str | None = None
    nulls: bool = False


class Pages(Wire):
    """At most `pages` pages of an API, from a page number, a cursor or a link on; `since` and `until` are a period.

    `open_end`: whatever comes after them is read as well, by the partition that the result names as its next.
    `total` is the number of rows that the API told first. `mark` is a cursor or link that was there before, `steps` and
    `reach` say when the next one is marked: by them a circle is found.
    """

    slice: Literal["pages"] = "pages"
    page: int | None = None
    cursor: str | None = None
    link: str | None = None
    pages: int
    first_row: int = 1
    since: str | None = None
    until: str | None = None
    open_end: bool = True
    total: int | None = None
    mark: str | None = None
    steps: int = 0
    reach: int = 1


class Replayed(Wire):
    """Rows that were quarantined at extraction, read again as the source is configured now."""

    slice: Literal["replay"] = "replay"
    rows: QuarantinedRows


Slice = Annotated[ByteRange | RowGroups | ValueRange | Pages | Replayed, Field(discriminator="slice")]


class Partition(Wire):
    """A share of a source that is read by itself, and again as a whole when it fails."""

    name: str
    """Unique in its source, and the same for the same share in every run."""
    number: int
    slice: Slice
    size_bytes: int = 0
    """As far as the source tells; 0 where it does not."""


class ExtractionPlanTask(Wire):
    """What to read of a source: from the watermark less the lag, or of some dates; `full` reads everything."""

    source: Source
    watermark: str | None = None
    dates: DateRange | None = None
    full: bool = False


class Planned(ActivityResult):
    """`columns` is the schema as the source has it now. Every partition keeps to the bounds of the cursor: from `since`
    to `until`, both included. `until` is its maximum at planning, so that partitions read one after the other end at
    the same place; None where the source does not tell it. `notes` is what was found out about the source.
    """

    partitions: tuple[Partition, ...] = ()
    columns: tuple[Column, ...] = ()
    since: str | None = None
    until: str | None = None
    size_bytes: int = 0
    notes: tuple[str, ...] = ()


class ExtractTask(Wire):
    """Read one partition. `columns` is the schema that the contract decided on, `since` and `until` are the plan's.

    `at_once` is how many partitions of an API are read at the same time: they share what it may be asked in a second.

    Rows with a value in `quarantine_where_set` or `discard_where_set` (columns the contract does not let in) are
    quarantined or left out; `deciding` are those columns, as far as the plan saw them.
    """

    source: Source
    partition: Partition
    columns: tuple[Column, ...]
    since: str | None = None
    until: str | None = None
    at_once: int = 1
    quarantine_where_set: tuple[str, ...] = ()
    discard_where_set: tuple[str, ...] = ()
    loaded: DatasetPart | None = None
    """Digests of rows at `since` that an earlier run loaded: they are left out."""
    exact: bool = False
    """A row whose cursor cannot tell whether it is loaded is quarantined."""
    deciding: tuple[Column, ...] = ()

    @property
    def wanted(self) -> tuple[Column, ...]:
        """The columns to read: those of the schema, and those that only decide about a row."""
        others = {*self.quarantine_where_set, *self.discard_where_set} - {column.name for column in self.columns}
        told = {column.name: column.description for column in self.deciding}
        deciding = (Column(name=name, type=ColumnType.TEXT, description=told.get(name, "")) for name in sorted(others))
        return (*self.columns, *deciding)


class Extracted(ActivityResult):
    """`part` is None where the partition holds nothing new. `max_cursor` is the greatest cursor among its rows.

    `left_out` counts rows outside the bounds, loaded before, without any value, or discarded by the contract.
    `new_columns` are fields that the plan did not see. `next` is what follows in a source that tells its pages one
    after the other. `notes` is what a reader should hear of the source.
    """

    part: DatasetPart | None = None
    quarantined: QuarantinedRows | None = None
    metrics: StageMetrics
    max_cursor: str | None = None
    boundary: DatasetPart | None = None
    """Digests of the rows at `max_cursor`; None: there are none, or too many."""
    left_out: dict[str, int] = {}
    new_columns: tuple[str, ...] = ()
    next: Partition | None = None
    notes: tuple[str, ...] = ()


class ProfileTask(Wire):
    """`key` is for the count of duplicates; `sample` rows are returned as JSON, spread over the dataset."""

    dataset: Dataset
    key: tuple[ColumnName, ...] = ()
    sample: int = 50


class Profiled(ActivityResult):
    profile: Profile
    sample: tuple[JsonObject, ...] = ()


class RowQualityTask(Wire):
    """Check rules over the valid rows of a run. `strict` quarantines rows that fail a warning, too.

    `history` are row counts of the runs before, newest last. `related` are datasets that foreign keys look at.
    `nulls_made` counts, by operation, rows in which one failed and made a null: each is a rule that they do not pass.
    """

    pipeline: str
    dataset: Dataset
    rules: tuple[Rule, ...] = ()
    threshold: float = 0.0
    related: dict[Identifier, Dataset] = {}
    history: tuple[int, ...] = ()
    began_at: datetime
    strict: bool = False
    round: int = 1
    sample: int = 20
    nulls_made: dict[str, int] = {}


class QualityChecked(ActivityResult):
    """The score is over all rows that came in; `valid` are those that pass every rule of severity `error`."""

    quality: Quality
    valid: Dataset
    quarantined: tuple[QuarantinedRows, ...] = ()
    sample: tuple[JsonObject, ...] = ()
    metrics: StageMetrics


class WatermarkTask(Wire):
    destination: Destination
    pipeline: str


class Watermark(ActivityResult):
    """`rows` are the row counts of the latest loads, newest last: what the volume rule compares with."""

    value: str | None = None
    rows: tuple[int, ...] = ()
    boundary: DatasetPart | None = None
    """Digests of the rows at the watermark that are loaded."""
    load: str | None = None
    """Which set it."""


class LineageTask(Wire):
    """One OpenLineage event of a run or of a step of it. `run_id` derives from workflow id and step."""

    event: str
    """START, COMPLETE, FAIL or ABORT."""
    workflow_id: str
    step: str
    at: datetime
    config: PipelineConfig
    specification: FrozenSpecification | None = None
    source_columns: dict[Identifier, tuple[Column, ...]] = {}
    quality: Quality | None = None
    rows: dict[Identifier, int] = {}
    """Rows by destination, for output statistics."""
    size_bytes: int = 0
    failure: str = ""


class LineageEmitted(ActivityResult):
    events: int = 0
    file: str = ""
    sent: bool = False


class ReportTask(Wire):
    """Write down how a run went. `dataset` are the rows that were loaded, of which the report shows a profile."""

    config: PipelineConfig
    workflow_id: str
    result: PipelineResult
    source_columns: dict[Identifier, tuple[Column, ...]] = {}
    dataset: Dataset | None = None
    notes: tuple[str, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    failure: str = ""


class ReportRendered(ActivityResult):
    """`page` is one HTML file that needs no other, `document` the same facts as JSON."""

    page: str
    document: str


class ReportWritten(ActivityResult):
    """Where page and document are kept."""

    page: Artefact
    document: Artefact
