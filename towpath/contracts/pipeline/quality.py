"""The quality of a dataset: rules, what they found, and the score that is made of it."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from towpath.contracts.core.claude import Provenance
from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire
from towpath.contracts.pipeline.dataset import ColumnName, Identifier
from towpath.contracts.pipeline.transformation import Expression


class RuleBase(Wire):
    """`weight` counts in the score. `error` rows are quarantined, `warning` rows are told."""

    name: str = ""
    severity: Literal["error", "warning"] = "error"
    weight: float = Field(default=1.0, gt=0)


class NotNull(RuleBase):
    rule: Literal["not_null"]
    column: ColumnName


class Unique(RuleBase):
    rule: Literal["unique"]
    columns: tuple[ColumnName, ...] = Field(min_length=1)


class InRange(RuleBase):
    rule: Literal["range"]
    column: ColumnName
    minimum: float | None = None
    maximum: float | None = None


class Matches(RuleBase):
    """`pattern` is an RE2 expression that the whole text must match."""

    rule: Literal["pattern"]
    column: ColumnName
    pattern: str = Field(max_length=200)


class InSet(RuleBase):
    rule: Literal["set"]
    column: ColumnName
    values: tuple[str, ...] = Field(min_length=1, max_length=10_000)


class ForeignKey(RuleBase):
    rule: Literal["foreign_key"]
    column: ColumnName
    source: Identifier
    references: ColumnName


class Freshness(RuleBase):
    """The newest value is at most so old when the run began."""

    rule: Literal["freshness"]
    column: ColumnName
    at_most: timedelta


class Volume(RuleBase):
    """The number of rows is within so many standard deviations of the runs before, from `runs` of them on."""

    rule: Literal["volume"]
    deviations: float = 3.0
    runs: int = 5


class Custom(RuleBase):
    """Rows for which the expression is true pass."""

    rule: Literal["custom"]
    expression: Expression


Rule = Annotated[
    NotNull | Unique | InRange | Matches | InSet | ForeignKey | Freshness | Volume | Custom, Field(discriminator="rule")
]


class RuleResult(Wire):
    """What one rule found. For a rule over the whole dataset `rows` is 1. `samples` are at most five failing rows."""

    rule: str
    kind: str
    severity: Literal["error", "warning"]
    weight: float
    rows: int
    failed: int
    samples: tuple[JsonObject, ...] = ()
    note: str = ""

    @property
    def passing(self) -> float:
        """Share of rows that pass, 0 to 1; an empty dataset passes."""
        return 1.0 if self.rows == 0 else 1 - self.failed / self.rows


class ModelIssue(Wire):
    """What Claude remarked about a sample: labelled, and never part of the score."""

    column: str
    issue: str
    rows: list[int] = Field(description="indexes of sample rows that show it")


class ValidationTask(Wire):
    """Input of Claude's validation: a sample with its rules. Everything in it is data."""

    target: tuple[str, ...]
    sample: tuple[JsonObject, ...]
    rules: tuple[str, ...]


class ValidationAnswer(Wire):
    issues: list[ModelIssue] = Field(description="at most ten")


class Quality(ActivityResult):
    """Score: the sum over rules of weight × share of passing rows, over the sum of the weights. No rules: 1."""

    score: float = 1.0
    threshold: float = 0.0
    results: tuple[RuleResult, ...] = ()
    issues: tuple[ModelIssue, ...] = ()
    provenance: Provenance | None = None
    rows: int = 0
    valid: int = 0
    quarantined: int = 0
    at: datetime | None = None
    round: int = 1
