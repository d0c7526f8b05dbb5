"""Requests and results of the data plane's tasks: what an activity hands to the child process that touches bytes."""

from pydantic import Field

from towpath.contracts.dataset import (
    Column,
    ColumnName,
    Dataset,
    DatasetPart,
    Identifier,
    Profile,
    QuarantinedRows,
    StageMetrics,
)
from towpath.contracts.pipeline import SchemaAction
from towpath.contracts.transformation import BackTest, ProposalTask, Specification, SpecificationProblem
from towpath.contracts.wire import ActivityResult, JsonObject, Wire


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
    """`sample` are rows of the source as JSON, `related` rows of the sources that are joined."""

    sample: tuple[JsonObject, ...] = ()
    related: dict[Identifier, tuple[JsonObject, ...]] = {}


class DuplicatesTask(SpecificationTask):
    """All parts of the source, in their order: a key may occur twice anywhere."""

    parts: tuple[DatasetPart, ...]
    related: dict[Identifier, Dataset] = {}


class Duplicates(ActivityResult):
    """`winners` names, for each key that occurs more than once, the row that stays; None: no key does.

    Its columns are the key, `part` (the index among the parts) and `row` (the index in it).
    """

    winners: DatasetPart | None = None
    keys: int = 0
    superseded: int = 0


class TransformTask(SpecificationTask):
    """Parts to transform together: one, but all of them where the specification aggregates.

    `first` is the index of the first among all parts of the source, as the winners count them.
    `types` says what happens to a value that is not of its declared type. `partition` names the result.
    """

    parts: tuple[DatasetPart, ...] = Field(min_length=1)
    first: int = 0
    winners: DatasetPart | None = None
    related: dict[Identifier, Dataset] = {}
    types: SchemaAction = SchemaAction.QUARANTINE_ROW
    partition: str = ""


class Transformed(ActivityResult):
    """`rows` went in; `left_out` counts what filters, joins and deduplication left out, by operation."""

    valid: DatasetPart | None = None
    quarantined: QuarantinedRows | None = None
    rows: int = 0
    left_out: dict[str, int] = {}
    nulls_made: dict[str, int] = {}
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


__all__ = [
    "BackTest",
    "BackTestTask",
    "Duplicates",
    "DuplicatesTask",
    "ProposalInput",
    "ProposalTask",
    "SpecificationCheck",
    "SpecificationTask",
    "TransformTask",
    "Transformed",
]
