"""Acting needs proof: measured now, able to fail, earned before; and a verification has three answers."""

import operator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.incident.material import NOON, WELL, shipped
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.incident.remediation import (
    ActionUses,
    CatalogueAction,
    ControlRecord,
    MetricQuery,
    ReservedAction,
    Verify,
)
from towpath.policy.incident.autonomy import told, unproved
from towpath.policy.incident.conditions import Judged, Judgement
from towpath.policy.incident.reach import can_fail, can_hold
from towpath.policy.incident.verdicts import Looks

EARNED = ActionUses(judged=20, verified=19)
SICK = {**WELL, "error_rate": 0.3}
METRICS = tuple(
    MetricQuery(name=name, title=name, query="q", unit=unit)
    for name, unit in [("error_rate", "ratio"), ("latency_p95", "s"), ("instances_up", "")]
)


def action(name: str = "restart-instance") -> CatalogueAction:
    catalogue = shipped().catalogue
    assert catalogue is not None
    return next(one for one in catalogue.actions if one.id == name)


def measured() -> tuple[MetricQuery, ...]:
    catalogue = shipped().catalogue
    assert catalogue is not None
    return catalogue.metrics


@pytest.mark.parametrize(
    ("values", "uses", "why"),
    [
        pytest.param(SICK, EARNED, "", id="proved"),
        pytest.param(WELL, EARNED, "no metric of the service speaks for it", id="healthy service"),
        pytest.param({}, EARNED, "no metric of the service speaks for it", id="no measurement"),
        pytest.param({"instances_up": 3.0}, EARNED, "no metric of the service speaks for it", id="half measured"),
        pytest.param(SICK, None, "has not earned it", id="never used"),
        pytest.param(SICK, ActionUses(judged=20, verified=18), "18 of 20", id="failed twice"),
        pytest.param(SICK, ActionUses(judged=19, verified=19), "19 of 19", id="used too seldom"),
    ],
)
def test_an_automatic_action_needs_proof(values: dict[str, float], uses: ActionUses | None, why: str) -> None:
    """Each part of the proof is needed, whatever anybody wrote."""
    found = unproved(action(), measured(), values, uses)

    assert (found == "") == (why == "") and why in found


def test_a_precondition_that_cannot_be_false_proves_nothing() -> None:
    """What always holds is no condition."""
    always = action().model_copy(update={"precondition": "metrics.error_rate >= 0"})

    assert "can never be false" in unproved(always, measured(), SICK, EARNED)


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ("metrics.error_rate >= 0", True, False),
        ("metrics.error_rate <= 100%", True, False),
        ("metrics.error_rate < 2", True, False),
        ("metrics.error_rate < 0.02 || metrics.error_rate >= 0.02", True, False),
        ("metrics.error_rate > 0.5 && metrics.error_rate < 0.2", False, True),
        ("metrics.error_rate > 1", False, True),
        ("metrics.error_rate < 0", False, True),
        ("metrics.instances_up > 2 && metrics.instances_up < 3", True, True),
        ("metrics.latency_p95 >= 1.0 && metrics.error_rate < 2%", True, True),
        ("!(metrics.latency_p95 < 1.0)", True, True),
    ],
)
def test_what_a_condition_can_become(condition: str, *, holds: bool, fails: bool) -> None:
    """Read by a person."""
    assert (can_hold(condition, METRICS), can_fail(condition, METRICS)) == (holds, fails)


@given(
    st.lists(st.tuples(st.sampled_from(["<", "<=", ">", ">="]), st.integers(0, 6)), min_size=1, max_size=4),
    st.booleans(),
)
def test_reach_agrees_with_a_dense_grid(parts: list[tuple[str, int]], both: bool) -> None:
    """The oracle tries a fine grid by Python's own comparisons."""
    written = (" && " if both else " || ").join(f"metrics.instances_up {sign} {number}" for sign, number in parts)
    compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
    grid = [step / 4 for step in range(60)]
    seen = {(all if both else any)(compare[sign](value, number) for sign, number in parts) for value in grid}

    assert (can_hold(written, METRICS), can_fail(written, METRICS)) == (True in seen, False in seen)


def verdict(looks: list[str], *, every: int = 10, hold: int = 60, within: int = 300) -> Judgement | None:
    """The answer after these looks: `+` holds, `-` fails, `?` has no value; the last of them goes on."""
    times = {"every": timedelta(seconds=every), "hold": timedelta(seconds=hold), "within": timedelta(seconds=within)}
    course, now = Looks(Verify(condition="metrics.error_rate < 0.02", **times), NOON), NOON
    meaning = {"+": Judgement.HOLDS, "-": Judgement.FAILS, "?": Judgement.UNKNOWN}
    for number in range(200):
        course.add(Judged(meaning[looks[number % len(looks)]], "error_rate 0.001"), now)
        answer = course.answer(now)
        if answer is not None:
            return answer
        now += course.next_look(now)
    return None


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        pytest.param(["+"], Judgement.HOLDS, id="well"),
        pytest.param(["-"], Judgement.FAILS, id="sick"),
        pytest.param(["?"], Judgement.UNKNOWN, id="no data"),
        pytest.param(["+", "+", "+", "+", "?"], Judgement.HOLDS, id="each fifth look has no data"),
        pytest.param(["-", "-", "-", "-", "?"], Judgement.FAILS, id="sick, each fifth look has no data"),
        pytest.param(["+", "+", "-"], Judgement.UNKNOWN, id="each third look is bad"),
        pytest.param(["+", "-"], Judgement.UNKNOWN, id="each other look is bad"),
        pytest.param(["+", "?", "?", "?", "?"], Judgement.UNKNOWN, id="hardly ever data"),
        pytest.param(["-"] * 12 + ["+"] * 188, Judgement.HOLDS, id="helps after two minutes"),
    ],
)
def test_verification_has_three_answers(looks: list[str], found: Judgement) -> None:
    """Only what stands for its whole time is an answer; a gap or a bad look among good ones is no failure."""
    assert verdict(looks) is found


@given(st.lists(st.sampled_from("+-?"), min_size=1, max_size=60))
def test_every_course_has_an_end(looks: list[str]) -> None:
    """Whatever the metrics do, there is an answer, and a course that never held is never called verified."""
    found = verdict(looks)

    assert found is not None
    assert found is not Judgement.HOLDS or "+" in looks
    assert found is not Judgement.FAILS or "-" in looks


def test_what_runs_are_told_of_the_record() -> None:
    """Uses that were judged, runs of the last hour, and targets that are busy."""
    hour = timedelta(hours=1)
    entries = (
        ReservedAction(action="a", key=EffectKey("1"), at=NOON, target="checkout", incident="i-1", until=NOON + hour),
        ReservedAction(action="a", key=EffectKey("2"), at=NOON - 2 * hour, target="search", incident="i-2", until=NOON),
    )
    known = told(ControlRecord(reservations=entries, outcomes={"a": (True,) * 19 + (False,)}), NOON)

    assert known.uses["a"] == ActionUses(judged=20, verified=19, last_hour=1)
    assert known.busy == {"checkout": "i-1"}
