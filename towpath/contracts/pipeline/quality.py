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

    name: str = Field(default="", description="what results and report call it")
    severity: Literal["error", "warning"] = Field(default="error", description="what happens to a row that fails")
    weight: float = Field(default=1.0, gt=0, description="how much it counts in the score")


class NotNull(RuleBase):
    """The column has a value."""

    rule: Literal["not_null"]
    column: ColumnName = Field(description="of the target")


class Unique(RuleBase):
    """No two rows have the same values in these columns. All but the first fail."""

    rule: Literal["unique"]
    columns: tuple[ColumnName, ...] = Field(min_length=1, description="of the target, taken together")


class InRange(RuleBase):
    """The number is within bounds, which are allowed themselves. A null passes."""

    rule: Literal["range"]
    column: ColumnName = Field(description="a number of the target")
    minimum: float | None = Field(default=None, description="the least that is right")
    maximum: float | None = Field(default=None, description="the greatest that is right")


class Matches(RuleBase):
    """The whole text matches a pattern. A null passes."""

    rule: Literal["pattern"]
    column: ColumnName = Field(description="a text of the target")
    pattern: str = Field(max_length=200, description="an RE2 expression")


class InSet(RuleBase):
    """The value is one of a list. A null passes."""

    rule: Literal["set"]
    column: ColumnName = Field(description="of the target")
    values: tuple[str, ...] = Field(min_length=1, max_length=10_000, description="what is right")


class ForeignKey(RuleBase):
    """The value is in a column of another source of the pipeline. A null passes."""

    rule: Literal["foreign_key"]
    column: ColumnName = Field(description="of the target")
    source: Identifier = Field(description="the other source, one with main: false")
    references: ColumnName = Field(description="its column")


class Freshness(RuleBase):
    """The newest value is at most so old when the run began."""

    rule: Literal["freshness"]
    column: ColumnName = Field(description="a date or a time of the target")
    at_most: timedelta = Field(description="how old the newest value may be")


class Volume(RuleBase):
    """The number of rows is within so many standard deviations of the runs before, from `runs` of them on."""

    rule: Literal["volume"]
    deviations: float = Field(default=3.0, description="so many standard deviations from the mean are allowed")
    runs: int = Field(default=5, description="with fewer runs before it, the rule passes and says so")


class Custom(RuleBase):
    """Rows for which the expression is true pass."""

    rule: Literal["custom"]
    expression: Expression = Field(description="over the columns of the target, true or false")


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
