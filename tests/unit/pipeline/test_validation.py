"""Claude's look at a sample: what is asked, what is kept, and what the stand-in says."""

from pydantic import TypeAdapter

from tests.unit.pipeline.tables import columns
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.quality import ModelIssue, Rule, ValidationAnswer
from towpath.policy.pipeline.validation import MOST_ISSUES, MOST_ROWS, kept_issues, validation_task
from towpath.standins.claude.answer import drafted

TARGET = columns("id:integer name")
SAMPLE: tuple[JsonObject, ...] = ({"id": 1, "name": "Ann"}, {"id": 2, "name": "N/A"})


def test_the_question_holds_columns_rules_and_few_rows() -> None:
    """Rules are told in words, so that they are not remarked again."""
    rule: Rule = TypeAdapter[Rule](Rule).validate_python({"rule": "range", "column": "id", "minimum": 1})
    task = validation_task(TARGET, SAMPLE * 20, (rule,))
    assert task.target == ("id integer", "name text")
    assert task.rules == ("id: must be at least 1",)
    assert len(task.sample) == MOST_ROWS


def test_only_remarks_that_rows_show_are_kept() -> None:
    """Columns and rows that do not exist are dropped, and so is what is left without a row."""
    issues = [
        ModelIssue(column="name", issue="odd", rows=[1, 1, 7, -1]),
        ModelIssue(column="name", issue="nowhere", rows=[9]),
        ModelIssue(column="salary", issue="no such column", rows=[0]),
        *(ModelIssue(column="id", issue=str(number), rows=[0]) for number in range(20)),
    ]
    kept = kept_issues(ValidationAnswer(issues=issues), TARGET, SAMPLE)
    assert kept[0] == ModelIssue(column="name", issue="odd", rows=[1])
    assert {issue.issue for issue in kept}.isdisjoint({"nowhere", "no such column"})
    assert len(kept) == MOST_ISSUES


def test_the_stand_in_finds_placeholders_and_numbers_that_are_far() -> None:
    """Its remarks are marked as made offline, and there are none where nothing is odd."""
    rows: list[JsonObject] = [{"id": number, "name": "Ann"} for number in (10, 11, 12, 9, 5000)]
    task = validation_task(TARGET, (*rows, {"id": 10, "name": " TBD "}), ())
    answer = ValidationAnswer.model_validate(drafted("ValidationAnswer", task.model_dump(mode="json")))
    assert [(issue.column, issue.rows) for issue in answer.issues] == [("id", [4]), ("name", [5])]
    assert all(issue.issue.startswith("[offline draft]") for issue in answer.issues)
    calm = validation_task(TARGET, tuple(rows[:4]), ())
    assert drafted("ValidationAnswer", calm.model_dump(mode="json")) == {"issues": []}
