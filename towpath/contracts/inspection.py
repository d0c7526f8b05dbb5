"""What the command line asks of the data plane before a run: a source looked at, a pipeline held against its files."""

from pydantic import Field

from towpath.contracts.dataset import Column, ColumnName, Profile
from towpath.contracts.pipeline import PipelineConfig, Source
from towpath.contracts.wire import ActivityResult, Wire


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
    page: str = ""


class PipelineCheckTask(Wire):
    """Everything of a pipeline that an engine has to look at. Files on this machine are looked at; nothing is run."""

    config: PipelineConfig


class Finding(Wire):
    """What is wrong with a pipeline: `place` is its path in the file, `transformation.operations.3.expression`."""

    place: str
    code: str
    message: str
    mend: str = ""
    is_warning: bool = False
    """It would be an error of the run only if it is still so then."""


class PipelineChecked(ActivityResult):
    findings: tuple[Finding, ...] = ()
