"""What the command line asks of the data plane to look at: a source, a pipeline, what was quarantined."""

from pydantic import Field

from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire
from towpath.contracts.pipeline.dataset import Column, ColumnName, Profile, QuarantinedRows
from towpath.contracts.pipeline.pipeline import PipelineConfig, Source


class SourceProfileTask(Wire):
    """Look at a source before anything is run on it. Shares of it are read, evenly spread, until there are `rows`.

    Nothing is checked or left out, and what is read is kept nowhere. `key` is for the count of duplicates.
    """

    source: Source
    rows: int = Field(default=200_000, ge=1)
    key: tuple[ColumnName, ...] = ()


class SourceProfiled(ActivityResult):
    """`declared` are the columns as the source has them; those of text are profiled by the type that all values of the
    profile have. `page` is one HTML file that needs no other.
    """

    profile: Profile
    declared: tuple[Column, ...] = ()
    partitions: int = 0
    partitions_read: int = 0
    size_bytes: int = 0
    """Of the whole source, as far as it tells."""
    unreadable: int = 0
    """Rows that could not be taken apart."""
    changes: tuple[str, ...] = ()
    """What differs from the columns that the pipeline declares."""
    notes: tuple[str, ...] = ()
    """What was found out about it: encodings, compression, names that were made."""
    page: str = ""


class PipelineCheckTask(Wire):
    """Everything of a pipeline that an engine has to look at. Files on this machine are looked at; nothing is run."""

    config: PipelineConfig


class PipelineFinding(Wire):
    """What is wrong with a pipeline: `place` is its path in the file, `transformation.operations.3.expression`."""

    place: str
    code: str
    message: str
    mend: str = ""
    is_warning: bool = False
    """It would be an error of the run only if it is still so then."""


class PipelineChecked(ActivityResult):
    findings: tuple[PipelineFinding, ...] = ()


class ReadQuarantine(Wire):
    """The first `most` rows of quarantine. With `file`, all of them are written there instead, by its ending as CSV or
    NDJSON.
    """

    quarantine: tuple[QuarantinedRows, ...]
    most: int = 20
    personal: tuple[ColumnName, ...] = ()
    """Columns of which only shapes are shown; a file has their values."""
    file: str = ""


class QuarantinedRow(Wire):
    """`row` is as it came into the stage."""

    stage: str
    rule: str
    reason: str
    position: str
    row: JsonObject


class QuarantineRead(ActivityResult):
    """`rows` is how many were written, or shown."""

    rows: int = 0
    shown: tuple[QuarantinedRow, ...] = ()
