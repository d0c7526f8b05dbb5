"""Transformations as data: a closed set of typed operations, whose expressions are compiled and never run as they are.

Operations are applied in order. Each takes the columns that the ones before it left.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from towpath.contracts.core.claude import Provenance
from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire
from towpath.contracts.pipeline.dataset import Column, ColumnName, Identifier, Profile

Expression = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


OnError = Literal["null", "quarantine"]
"""What becomes of a row in which an operation fails: set aside, or a null in it, which is counted."""


class Rename(Wire):
    """Columns get other names. Those that are not named stay as they are."""

    op: Literal["rename"]
    columns: dict[ColumnName, ColumnName] = Field(description="old name to new name")


class Cast(Wire):
    """A row whose value is none of the type is quarantined; with `on_error: null` it becomes null, and is counted."""

    op: Literal["cast"]
    column: ColumnName = Field(description="the column that is read")
    to: Column = Field(description="the column that it becomes: name and type")
    formats: tuple[str, ...] = Field(
        default=(), max_length=20, description="of dates and times, tried in order (strptime)"
    )
    on_error: OnError = Field(default="quarantine", description="what a value leads to that fails")


class Derive(Wire):
    """A column is computed from others. One that is there already under the name is replaced.

    A row in which the expression fails is quarantined; a null that comes of a null is no failure.
    """

    op: Literal["derive"]
    column: Column = Field(description="name and type of what is computed")
    expression: Expression = Field(description="a scalar expression over the columns of the row")
    on_error: OnError = Field(default="quarantine", description="what becomes of a row in which it fails")


class Normalise(Wire):
    """Named clean-ups of a text column, in order."""

    op: Literal["normalise"]
    column: ColumnName = Field(description="a column of type text")
    steps: tuple[
        Literal["trim", "lower", "upper", "collapse_spaces", "strip_accents", "digits_only", "empty_to_null", "money"],
        ...,
    ] = Field(min_length=1, description="clean-ups, done in this order")


class MapValues(Wire):
    """Values of a text column are replaced by others."""

    op: Literal["map_values"]
    column: ColumnName = Field(description="a column of type text")
    values: dict[str, str | None] = Field(max_length=5_000, description="old value to new value; ~ stands for null")
    otherwise: Literal["keep", "null", "quarantine"] = Field(
        default="keep", description="what happens to a value that is not in the list"
    )


class Split(Wire):
    """A text becomes several columns. The last one gets the rest; what is empty is null."""

    op: Literal["split"]
    column: ColumnName = Field(description="a column of type text")
    separator: Annotated[str, StringConstraints(min_length=1, max_length=10)] = Field(
        description="stands between parts"
    )
    into: tuple[ColumnName, ...] = Field(min_length=1, max_length=20, description="columns that the parts become")
    keep: bool = Field(default=False, description="true: the column that was split stays")


class Filter(Wire):
    """Rows for which the expression is true go on; the others are left out, and counted."""

    op: Literal["filter"]
    expression: Expression = Field(description="true for the rows that stay")
    on_error: OnError = Field(default="quarantine", description="what becomes of a row in which it fails")


class Deduplicate(Wire):
    """One row for each key: the one with the greatest `newest_by`; of equals, the last in its source."""

    op: Literal["deduplicate"]
    key: tuple[ColumnName, ...] = Field(min_length=1, description="columns that name a row")
    newest_by: ColumnName | None = Field(
        default=None, description="of the rows with one key the greatest one here stays"
    )


class Join(Wire):
    """Columns of another source of the pipeline. A left join keeps rows without a match."""

    op: Literal["join"]
    source: Identifier = Field(description="the other source, one with main: false")
    on: dict[ColumnName, ColumnName] = Field(description="column here to column there")
    columns: dict[ColumnName, ColumnName] = Field(description="column there to its name here")
    kind: Literal["left", "inner"] = Field(default="left", description="inner: rows without a match are left out")


class Aggregate(Wire):
    """One row for each group. Nothing but the groups and the measures is left."""

    op: Literal["aggregate"]
    by: tuple[ColumnName, ...] = Field(description="columns that make a group; [] for one row of all")
    measures: dict[ColumnName, tuple[Literal["sum", "count", "min", "max", "avg", "count_distinct"], ColumnName]] = (
        Field(description="name of the new column to what is computed of which column")
    )
    on_error: OnError = Field(default="quarantine", description="what becomes of a group in which a measure fails")


class Unnest(Wire):
    """One row for each entry of a JSON list."""

    op: Literal["unnest"]
    column: ColumnName = Field(description="a column with JSON lists")
    into: ColumnName = Field(description="the column that the entries become, as text")
    keep_empty: bool = Field(default=False, description="true: a row with an empty list stays, with null in it")


Operation = Annotated[
    Rename | Cast | Derive | Normalise | MapValues | Split | Filter | Deduplicate | Join | Aggregate | Unnest,
    Field(discriminator="op"),
]


class Specification(Wire):
    """How one source becomes the target. The target's columns must be there at the end; others are dropped."""

    source: Identifier = Field(description="the main source; of a repair, the target's table")
    operations: tuple[Operation, ...] = Field(default=(), description="what is done, in this order")
    notes: str = Field(default="", description="for people")

    @property
    def deduplicates(self) -> bool:
        """The keys of all parts have to be looked at before the first part is transformed."""
        return any(isinstance(operation, Deduplicate) for operation in self.operations)

    @property
    def aggregates(self) -> bool:
        """No part can be transformed by itself."""
        return any(isinstance(operation, Aggregate) for operation in self.operations)

    @property
    def joined_sources(self) -> tuple[Identifier, ...]:
        """Other sources that have to be extracted first, sorted."""
        return tuple(sorted({operation.source for operation in self.operations if isinstance(operation, Join)}))


class SpecificationProblem(Wire):
    """What is wrong with a specification: `place` is `operations.3.expression`; with a mend where one is known."""

    place: str
    code: str
    message: str
    mend: str = ""


class FrozenSpecification(Wire):
    """A specification as runs use it: by the digest of itself and of both schemas."""

    digest: str
    specification: Specification
    source_schema: str
    target_schema: str
    origin: Literal["written", "proposed"]
    provenance: Provenance | None = None
    approved_by: str = ""


class SampleRow(Wire):
    before: JsonObject
    after: JsonObject | None
    """None: the row is left out or quarantined; `why` says so."""
    why: str = ""


class BackTest(ActivityResult):
    """What a specification does to the sample, and to rows that were made to hurt it."""

    problems: tuple[SpecificationProblem, ...] = ()
    rows: int = 0
    quarantined: int = 0
    nulls_made: dict[str, int] = {}
    sample: tuple[SampleRow, ...] = ()


class ProposalTask(Wire):
    """Input of the proposal: what is known of the source, and what is wanted. Everything in it is data."""

    source: str
    columns: tuple[Column, ...]
    profile: Profile
    sample: tuple[JsonObject, ...]
    target: tuple[Column, ...]
    key: tuple[str, ...]
    newest_by: str | None
    other_sources: dict[str, tuple[str, ...]] = {}
    problems: tuple[SpecificationProblem, ...] = ()
    previous: str = ""


class ProposedOperation(Wire):
    """One operation as Claude gives it: `arguments` is the operation's JSON without its name."""

    op: Literal[
        "rename",
        "cast",
        "derive",
        "normalise",
        "map_values",
        "split",
        "filter",
        "deduplicate",
        "join",
        "aggregate",
        "unnest",
    ]
    arguments: str = Field(description="JSON object with the operation's fields")


class Proposal(Wire):
    operations: list[ProposedOperation]
    unresolved: list[str] = Field(description="target columns that nothing in the source gives, and why")
