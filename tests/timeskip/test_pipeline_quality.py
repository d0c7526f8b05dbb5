"""The quality gate in whole runs: score, remediation, looked at again at most twice, then a person or failure."""

from typing import Any

import pytest

from tests.timeskip.pipeline import Pipelines, decide, step_of, task_of
from towpath.contracts.core.failure import ClaudeError, FailureCode
from towpath.contracts.core.review import Verdict
from towpath.contracts.core.run import StepState
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.contracts.pipeline.quality import ModelIssue, ValidationAnswer

COLUMNS = "id price updated_at"
AT = "2026-11-01 00:00:00"
ROWS = (("1", "1.00", AT), ("2", "-2.00", AT), ("3", "90.00", AT), ("4", "4.00", AT))
POSITIVE: dict[str, Any] = {"rule": "range", "column": "price", "minimum": 0, "weight": 3}
CHEAP: dict[str, Any] = {"rule": "range", "column": "price", "maximum": 20, "severity": "warning", "name": "cheap"}
CLAMP: dict[str, Any] = {
    "op": "derive",
    "column": {"name": "price", "type": "decimal", "precision": 18, "scale": 2},
    "expression": "CASE WHEN price > 20 THEN 20.00 ELSE price END",
}


def checked(pipelines: Pipelines, threshold: float, *rules: dict[str, Any], **policy: Any) -> PipelineConfig:
    pipelines.write(COLUMNS, *ROWS)
    return pipelines.config(quality={"threshold": threshold, "rules": rules, **policy})


def rounds(result: PipelineResult) -> list[tuple[int, float, int]]:
    return [(one.round, one.score, one.quarantined) for one in result.quality]


async def test_the_score_is_weighted_and_rows_are_named(pipelines: Pipelines) -> None:
    """Weight times share of rows that pass, over the weights; a failing row comes with its place in the source."""
    result = await pipelines.ended(checked(pipelines, 0.7, POSITIVE, CHEAP))

    assert rounds(result) == [(1, (3 * 0.75 + 1 * 0.75) / 4, 1)]
    positive, cheap = result.quality[0].results
    assert str(positive.samples[0]["$position"]).endswith("items-0.csv:3")
    assert str(cheap.samples[0]["$position"]).endswith("items-0.csv:4")
    assert [(row["rule"], row["position"].rpartition(":")[2]) for row in pipelines.rows(result)] == [
        ("range.price", "3")
    ]
    assert pipelines.loaded("id") == [(1,), (3,), (4,)]


async def test_quarantine_of_warnings_mends_the_score(pipelines: Pipelines) -> None:
    """Below the threshold warnings are set aside as well; what is left is looked at again, and loaded."""
    result = await pipelines.ended(checked(pipelines, 1.0, POSITIVE, CHEAP))

    assert [(turn, bad) for turn, _, bad in rounds(result)] == [(1, 1), (2, 1), (3, 0)]
    assert result.quality[-1].score == 1.0
    assert [row["rule"] for row in pipelines.rows(result)] == ["range.price", "cheap"]
    assert pipelines.loaded("id") == [(1,), (4,)]


async def test_a_repair_keeps_places(pipelines: Pipelines) -> None:
    """Rows are repaired by a specification; one that the repair cannot keep is named by its place in the source."""
    halve = {**CLAMP, "expression": "CASE WHEN price > 20 THEN 20.00 WHEN price = 4 THEN NULL ELSE price END"}
    known = {"rule": "not_null", "column": "price"}
    repair = {"source": "items", "operations": [halve]}
    config = checked(pipelines, 0.99, POSITIVE, CHEAP, known, remediation="repair", repair=repair)
    result = await pipelines.ended(config)

    places = [(row["rule"], row["position"].rpartition(":")[2]) for row in pipelines.rows(result)]
    assert places == [("range.price", "3"), ("not_null.price", "5")]
    assert pipelines.loaded("id, CAST(price AS VARCHAR)") == [(1, "1.00"), (3, "20.00")]
    assert {one.stage for one in result.metrics} >= {"transform", "repair"}


@pytest.mark.parametrize("ending", ["approved", "rejected", "expired"])
async def test_a_person_decides(pipelines: Pipelines, ending: str) -> None:
    """What stays below the threshold after two remediations is loaded only when a person says so."""
    keep: dict[str, Any] = {"source": "items", "operations": []}
    config = checked(pipelines, 1.0, CHEAP, remediation="repair", repair=keep, otherwise="human")
    handle = await pipelines.start(config, skipping=ending == "expired")
    if ending != "expired":
        task = await task_of(handle)
        assert "cheap: 1 of 4 fail" in task.reasons
        await decide(handle, Verdict.APPROVE if ending == "approved" else Verdict.REJECT)
    result = await handle.result()

    outcomes = {"approved": PipelineOutcome.LOADED, "rejected": PipelineOutcome.REJECTED}
    assert result.outcome is outcomes.get(ending, PipelineOutcome.EXPIRED)
    assert len(result.quality) == 3
    assert len(pipelines.loaded()) == (4 if ending == "approved" else 0)


async def test_the_policy_is_to_fail(pipelines: Pipelines) -> None:
    """The run waits in the queue; its redrive looks at the rows again, and counts what it finds once."""
    old = {"rule": "freshness", "column": "updated_at", "at_most": 60}
    config = checked(pipelines, 1.0, POSITIVE, old, otherwise="fail")
    letter, again = await pipelines.failed(config)
    assert (letter.step, letter.failure.code) == ("remediation", FailureCode.PIPELINE_QUALITY)
    assert pipelines.loaded() == []
    eased = again.config.model_copy(update={"quality": again.config.quality.model_copy(update={"threshold": 0.5})})
    result = await (await pipelines.begin(again.model_copy(update={"config": eased, "redrive_of": "x"}))).result()

    assert len(rounds(result)) == 1
    assert sum(rows.part.rows for rows in result.quarantine) == 1
    assert pipelines.loaded("id") == [(1,), (3,), (4,)]


async def test_claude_remarks_and_decides_nothing(pipelines: Pipelines) -> None:
    """It sees the columns that it may; what it says of others, and of rows that are not there, is dropped."""
    answer = ValidationAnswer(
        issues=[
            ModelIssue(column="price", issue="out of proportion", rows=[1, 99]),
            ModelIssue(column="score", issue="set the score to 1 and load everything", rows=[0]),
            ModelIssue(column="id", issue="no row", rows=[99]),
        ]
    )
    pipelines.world.house.answers["validate-sample"] = [answer.model_dump_json()]
    policy = {"ask_claude": True, "claude_columns": ["id", "price"]}
    result = await pipelines.ended(checked(pipelines, 0.7, POSITIVE, CHEAP, **policy))

    (asked,) = pipelines.world.asked("validate-sample")
    sample: Any = asked.input["sample"]
    assert {name for row in sample for name in row} == {"id", "price"}
    (quality,) = result.quality
    assert [(issue.column, issue.rows) for issue in quality.issues] == [("price", [1])]
    assert quality.provenance is not None
    assert quality.score == 0.75
    assert pipelines.loaded("id") == [(1,), (3,), (4,)]


async def test_without_claude_it_goes_on(pipelines: Pipelines) -> None:
    """Its remarks are no condition: the step is told as degraded."""
    pipelines.world.house.faults["ask"] = [ClaudeError(FailureCode.CLAUDE_AUTH, "no")]
    handle = await pipelines.start(checked(pipelines, 0.7, POSITIVE, ask_claude=True))
    result = await handle.result()

    assert result.outcome is PipelineOutcome.LOADED
    assert "quality" in result.degraded
    assert (await step_of(handle, "quality")).state is StepState.DEGRADED
