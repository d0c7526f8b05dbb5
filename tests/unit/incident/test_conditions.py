"""Conditions of actions: what they may read, and what they say of values that are there, missing or no numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.policy.incident.conditions import Judgement, judge, metrics_of, problems

KNOWN = ("error_rate", "latency_p95", "disk_used")


@pytest.mark.parametrize(
    ("condition", "values", "judgement", "why"),
    [
        pytest.param("metrics.error_rate < 0.02", {"error_rate": 0.01}, "holds", "error_rate 0.01", id="holds"),
        pytest.param("metrics.error_rate < 0.02", {"error_rate": 0.02}, "does not hold", "error_rate 0.02", id="fails"),
        pytest.param("{{ metrics.error_rate }} < 0.02", {"error_rate": 0.0}, "holds", "error_rate 0", id="braces"),
        pytest.param("metrics.error_rate < 2%", {"error_rate": 0.01}, "holds", "error_rate 0.01", id="percent"),
        pytest.param("metrics.error_rate < 0.02", {}, "unknown", "no value of error_rate", id="missing"),
        pytest.param("metrics.error_rate < 0.02", {"error_rate": math.nan}, "unknown", "no value of", id="nan"),
        pytest.param("metrics.error_rate < 0.02", {"error_rate": math.inf}, "unknown", "no value of", id="infinite"),
        pytest.param(
            "metrics.error_rate < 0.02 && metrics.disk_used < 1",
            {"error_rate": 0.5},
            "does not hold",
            "error_rate 0.5",
            id="decided-by-the-first",
        ),
        pytest.param("metrics.error_rate", {"error_rate": 1.0}, "unknown", "", id="no-boolean"),
        pytest.param("metrics.error_rate <", {"error_rate": 1.0}, "unknown", "", id="no-expression"),
    ],
)
def test_judgements(condition: str, values: dict[str, float], judgement: str, why: str) -> None:
    """Unknown is unknown, never true and never false."""
    judged = judge(condition, values)

    assert judged.judgement == judgement
    assert why in judged.why


@pytest.mark.parametrize(
    ("condition", "code", "at"),
    [
        pytest.param("metrics.error_rate <", "expression.syntax", 20, id="syntax"),
        pytest.param("metrics.eror_rate < 1", "metric.unknown", 0, id="unknown-metric"),
        pytest.param("inputs.x < 1", "read.unknown", 0, id="other-root"),
        pytest.param("metrics['a' + 'b'] < 1", "read.computed", 0, id="computed"),
        pytest.param("metrics == 1", "read.computed", 0, id="whole"),
        pytest.param("metrics.error_rate.x < 1", "read.unknown-field", 0, id="deeper"),
        pytest.param("metrics.error_rate + 1", "expression.type", 0, id="number"),
        pytest.param("metrics.error_rate < '1'", "expression.type", 19, id="text"),
        pytest.param("true", "read.nothing", 0, id="constant"),
    ],
)
def test_problems_have_a_place(condition: str, code: str, at: int) -> None:
    """What is wrong with a condition is told with the character where it is."""
    found = problems(condition, KNOWN)

    assert [(problem.code, problem.at) for problem in found] == [(code, at)]
    assert found[0].mend


@pytest.mark.parametrize(
    "condition", ["metrics.error_rate < 2%", "metrics.disk_used >= 0.9 || metrics.latency_p95 > 1"]
)
def test_good_conditions(condition: str) -> None:
    """A comparison of metrics is good, and says what it reads."""
    assert problems(condition, KNOWN) == ()
    assert set(metrics_of(condition)) <= set(KNOWN)


@given(st.text(max_size=60), st.dictionaries(st.sampled_from(KNOWN), st.floats(), max_size=3))
def test_nothing_is_raised(condition: str, values: dict[str, float]) -> None:
    """Whatever a condition holds, it is judged or told to be wrong."""
    assert judge(condition, values).judgement in set(Judgement)
    problems(condition, KNOWN)
