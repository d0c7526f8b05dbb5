"""The score as the documents define it, and rules that look at a dataset as a whole."""

from datetime import UTC, datetime, timedelta

import pytest

from towpath.contracts.pipeline.quality import Freshness, RuleResult, Volume
from towpath.policy.pipeline.score import freshness_problem, score, volume_problem

BEGAN = datetime(2026, 3, 2, 12, tzinfo=UTC)


def result(weight: float, rows: int, failed: int) -> RuleResult:
    return RuleResult(rule="r", kind="not_null", severity="error", weight=weight, rows=rows, failed=failed)


@pytest.mark.parametrize(
    ("results", "expected"),
    [([], 1.0), ([(1, 10, 0)], 1.0), ([(1, 10, 10)], 0.0), ([(1, 10, 1), (3, 10, 2)], 0.825), ([(5, 0, 0)], 1.0)],
    ids=["no-rules", "all-pass", "none-pass", "by-weight", "no-rows"],
)
def test_the_score_is_the_weighted_share_of_rows_that_pass(
    results: list[tuple[float, int, int]], expected: float
) -> None:
    """Sum of weight × share over the sum of weights."""
    assert score([result(*one) for one in results]) == expected


@pytest.mark.parametrize(
    ("age", "wrong"), [(None, True), (timedelta(hours=2), False), (timedelta(hours=2, seconds=1), True)]
)
def test_freshness(age: timedelta | None, wrong: bool) -> None:
    """The newest value may be as old as the rule says, and no older."""
    rule = Freshness(rule="freshness", column="at", at_most=timedelta(hours=2))
    assert bool(freshness_problem(rule, None if age is None else BEGAN - age, BEGAN)) is wrong


@pytest.mark.parametrize(
    ("rows", "history", "wrong"),
    [
        (1, [1000] * 4, False),
        (1030, [1000] * 5, False),
        (1031, [1000] * 5, True),
        (969, [1000] * 5, True),
        (1200, [900, 1000, 1100, 950, 1050], False),
        (1300, [900, 1000, 1100, 950, 1050], True),
    ],
    ids=["too-few-runs", "alike-within", "alike-above", "alike-below", "spread-within", "spread-above"],
)
def test_volume(rows: int, history: list[int], wrong: bool) -> None:
    """Three standard deviations from the mean of the runs before, a deviation being 1 % of it at least."""
    assert bool(volume_problem(Volume(rule="volume"), rows, history)) is wrong
