"""Claude's look at a sample: what it is given, and what is kept of its answer."""

from collections.abc import Sequence

from towpath.contracts.core.wire import JsonObject, clip
from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.quality import ModelIssue, Rule, ValidationAnswer, ValidationTask
from towpath.policy.pipeline.rules import describe

MOST_ISSUES = 10
MOST_ROWS = 20


def shown_columns(target: Sequence[Column], allowed: Sequence[str]) -> tuple[Column, ...]:
    """What Claude may see: the columns that are allowed, or all that are not personal. A personal one never."""
    return tuple(column for column in target if not column.personal and (not allowed or column.name in allowed))


def validation_task(target: Sequence[Column], sample: Sequence[JsonObject], rules: Sequence[Rule]) -> ValidationTask:
    return ValidationTask(
        target=tuple(f"{column.name} {column.type}" for column in target),
        sample=tuple({column.name: row.get(column.name) for column in target} for row in sample[:MOST_ROWS]),
        rules=tuple(describe(rule) for rule in rules),
    )


def kept_issues(
    answer: ValidationAnswer, target: Sequence[Column], sample: Sequence[JsonObject]
) -> tuple[ModelIssue, ...]:
    """Remarks about a column that there is, which rows of the sample show: anything else is dropped."""
    names = {column.name for column in target}
    known = range(min(len(sample), MOST_ROWS))
    kept = (
        ModelIssue(
            column=issue.column, issue=clip(issue.issue), rows=sorted({row for row in issue.rows if row in known})
        )
        for issue in answer.issues
        if issue.column in names
    )
    return tuple(issue for issue in kept if issue.rows)[:MOST_ISSUES]
