"""Transformations as data: a closed set of typed operations, whose expressions are compiled and never run as they are.

Operations are applied in order. Each takes the columns that the ones before it left.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from towpath.contracts.core.claude import Provenance
from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire
from towpath.contracts.pipeline.dataset import Column, ColumnName, Identifier, Profile

Expression = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class Rename(Wire):
    op: Literal["rename"]
    columns: dict[ColumnName, ColumnName] = Field(description="old name to new name")


class Cast(Wire):
    """What cannot be cast becomes null and is counted; with `on_error: quarantine` its row is quarantined."""

    op: Literal["cast"]
    column: ColumnName
    to: Column
    formats: tuple[str, ...] = Field(
        default=(), max_length=20, description="of dates and times, tried in order (strptime)"
    )
    on_error: Literal["null", "quarantine"] = "quarantine"


class Derive(Wire):
    op: Literal["derive"]
    column: Column
    expression: Expression


class Normalise(Wire):
    """Named clean-ups of a text column, in order."""

    op: Literal["normalise"]
    column: ColumnName
    steps: tuple[
        Literal["trim", "lower", "upper", "collapse_spaces", "strip_accents", "digits_only", "empty_to_null", "money"],
        ...,
    ] = Field(min_length=1)


class MapValues(Wire):
    op: Literal["map_values"]
    column: ColumnName
    values: dict[str, str | None] = Field(max_length=5_000)
    otherwise: Literal["keep", "null", "quarantine"] = "keep"


class Split(Wire):
    op: Literal["split"]
    column: ColumnName
    separator: Annotated[str, StringConstraints(min_length=1, max_length=10)]
    into: tuple[ColumnName, ...] = Field(min_length=1, max_length=20)
    keep: bool = False


class Filter(Wire):
    """Rows for which the expression is true go on; the others are left out, and counted."""

    op: Literal["filter"]
    expression: Expression


class Deduplicate(Wire):
    """One row for each key: the one with the greatest `newest_by`; of equals, the last in its source."""

    op: Literal["deduplicate"]
    key: tuple[ColumnName, ...] = Field(min_length=1)
    newest_by: ColumnName | None = None


class Join(Wire):
    """Columns of another source of the pipeline. A left join keeps rows without a match."""

    op: Literal["join"]
    source: Identifier
    on: dict[ColumnName, ColumnName] = Field(description="column here to column there")
    columns: dict[ColumnName, ColumnName] = Field(description="column there to its name here")
    kind: Literal["left", "inner"] = "left"


class Aggregate(Wire):
    op: Literal["aggregate"]
    by: tuple[ColumnName, ...]
    measures: dict[ColumnName, tuple[Literal["sum", "count", "min", "max", "avg", "count_distinct"], ColumnName]]


class Unnest(Wire):
    """One row for each entry of a JSON list."""

    op: Literal["unnest"]
    column: ColumnName
    into: ColumnName
    keep_empty: bool = False


Operation = Annotated[
    Rename | Cast | Derive | Normalise | MapValues | Split | Filter | Deduplicate | Join | Aggregate | Unnest,
    Field(discriminator="op"),
]


class Specification(Wire):
    """How one source becomes the target. The columns that are left at the end must be the target's."""

    source: Identifier
    operations: tuple[Operation, ...] = ()
    notes: str = ""

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
