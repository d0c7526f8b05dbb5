"""What Claude claims is kept only as far as its evidence exists and says so."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.incident.material import NOON, alert, deployment, evidence, hypothesis, lines, series, task
from towpath.contracts.incident.investigation import (
    AnalysisAnswer,
    Claim,
    DiagnosisAnswer,
    Evidence,
    Hypothesis,
    Runbook,
    SimilarIncident,
)
from towpath.policy.incident.evidence import checked_claims, checked_diagnosis, one_line

LINES = lines("ERROR charge 17 failed: field 'currency' is missing", "info all good", level="")
METRICS = [series("error_rate", 0.31, 0.002), series("disk_used", 0.412, 0.411, instance="checkout-1")]
SIMILAR = SimilarIncident(incident_id="inc-1", at=NOON, service="checkout", summary="Payments failed", score=0.7)
RUNBOOK = Runbook(name="high-error-rate", title="Requests fail", text="Was there a deployment? Roll it back.")
TASK = task(
    log=LINES,
    metrics=METRICS,
    deployments=[deployment()],
    similar=[SIMILAR],
    runbooks=[RUNBOOK],
    alerts=[alert(summary="checkout fails 31 % of its requests")],
)


def answer(*hypotheses: Hypothesis, insufficient: bool = False) -> DiagnosisAnswer:
    return DiagnosisAnswer(
        insufficient_evidence=insufficient,
        hypotheses=list(hypotheses),
        impact="Customers cannot pay",
        recommended_actions=["Roll back"],
        prevention=["Test it"],
    )


def analysis(*claims: Claim) -> AnalysisAnswer:
    return AnalysisAnswer(summary="s", claims=list(claims), suggested_level=4, suggested_level_reason="r")


def test_claims_keep_the_evidence_that_exists() -> None:
    """Line numbers and metrics that do not exist fall away, and a claim without any other goes with them."""
    claims, dropped = checked_claims(
        analysis(
            Claim(statement="Charges fail", lines=[1, 1, 999], metrics=["error_rate", "nonsense"]),
            Claim(statement="The database is down", lines=[999], metrics=["db_up"]),
            Claim(statement="It is Tuesday", lines=[], metrics=[]),
            Claim(statement="   ", lines=[1], metrics=[]),
        ),
        LINES,
        METRICS,
    )

    assert claims == (Claim(statement="Charges fail", lines=[1], metrics=["error_rate"]),)
    assert dropped == 3


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(evidence("log", "1", "field 'currency' is missing"), id="line"),
        pytest.param(evidence("log", "line 1", "CHARGE  17 failed"), id="case-and-space"),
        pytest.param(evidence("log", "#1", '"ERROR charge 17"'), id="quoted"),
        pytest.param(evidence("metric", "error_rate", "0.31"), id="figure"),
        pytest.param(evidence("metric", "error_rate", "rose from 0.2 % to 31 %"), id="percent"),
        pytest.param(evidence("metric", "error_rate", "error_rate went to 0.3"), id="rounded"),
        pytest.param(evidence("metric", "disk_used", "41.2%"), id="one-decimal"),
        pytest.param(evidence("deployment", "checkout-d7", "2026.11.7"), id="deployment"),
        pytest.param(evidence("deployment", "checkout-d7", "version: 2026.11.7"), id="field"),
        pytest.param(evidence("alert", "HighErrorRate", "31 % of its requests"), id="alert"),
        pytest.param(evidence("alert", "HighErrorRate-checkout", "severity=critical"), id="alert-by-fingerprint"),
    ],
)
def test_evidence_that_stands_is_kept(piece: Evidence) -> None:
    """A quote stands in the line, deployment or alert that it names; a figure is one of the metric's, as rounded."""
    found = checked_diagnosis(answer(hypothesis(piece)), TASK)

    assert not found.insufficient_evidence
    assert len(found.hypotheses[0].evidence) == 1
    assert found.dropped == 0


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(evidence("log", "2", "field 'currency' is missing"), id="other-line"),
        pytest.param(evidence("log", "3", "ERROR"), id="no-such-line"),
        pytest.param(evidence("log", "01", "ERROR charge"), id="odd-number"),
        pytest.param(evidence("log", "1, 2", "ERROR charge"), id="two-lines"),
        pytest.param(evidence("log", "1", "database is down"), id="invented-quote"),
        pytest.param(evidence("log", "1", "a"), id="letter"),
        pytest.param(evidence("log", "1", ""), id="empty"),
        pytest.param(evidence("metric", "error_rate", "0.99"), id="invented-figure"),
        pytest.param(evidence("metric", "error_rate", "it rose"), id="no-figure"),
        pytest.param(evidence("metric", "error_rate", "0.31 of 500 requests"), id="one-figure-invented"),
        pytest.param(evidence("metric", "cpu_used", "0.31"), id="no-such-metric"),
        pytest.param(evidence("deployment", "checkout-d8", "2026.11.7"), id="no-such-deployment"),
        pytest.param(evidence("deployment", "checkout-d7", "2026.12.1"), id="other-version"),
        pytest.param(evidence("alert", "DiskFull", "critical"), id="no-such-alert"),
        pytest.param(evidence("runbook", "high-error-rate", "Roll it back"), id="runbook-alone"),
        pytest.param(evidence("incident", "inc-1", "Payments failed"), id="past-incident-alone"),
    ],
)
def test_a_hypothesis_without_standing_evidence_is_dropped(piece: Evidence) -> None:
    """What points to nothing, or says what is not there, is no evidence; none left is insufficient evidence."""
    found = checked_diagnosis(answer(hypothesis(piece)), TASK)

    assert found.insufficient_evidence
    assert found.hypotheses == ()
    assert found.dropped >= 1


def test_runbooks_and_past_incidents_support_a_hypothesis() -> None:
    """Beside evidence of what happens now, they are kept."""
    pieces = [
        evidence("log", "1", "charge 17 failed"),
        evidence("runbook", "Requests fail", "Roll it back"),
        evidence("incident", "inc-1", "payments failed"),
        evidence("incident", "inc-2", "payments failed"),
    ]

    found = checked_diagnosis(answer(hypothesis(*pieces)), TASK)

    assert [piece.kind for piece in found.hypotheses[0].evidence] == ["log", "runbook", "incident"]
    assert found.dropped == 1


def test_counter_evidence_is_checked_as_well() -> None:
    """What speaks against a hypothesis has to exist too."""
    against = [evidence("log", "2", "all good"), evidence("log", "2", "all bad")]
    given_one = hypothesis(evidence("log", "1", "charge 17")).model_copy(update={"counter_evidence": against})

    assert checked_diagnosis(answer(given_one), TASK).hypotheses[0].counter_evidence == against[:1]


def test_insufficient_evidence_is_a_proper_answer() -> None:
    """Claude may say that it does not know; its hypotheses are then shown, and nothing more is made of them."""
    found = checked_diagnosis(answer(hypothesis(evidence("log", "1", "charge 17")), insufficient=True), TASK)

    assert found.insufficient_evidence
    assert len(found.hypotheses) == 1


@pytest.mark.parametrize(
    ("written", "kept"), [(7.0, 1.0), (-1.0, 0.0), (math.nan, 0.0), (math.inf, 0.0), (0.4, 0.4)], ids=str
)
def test_confidence_lies_between_none_and_all(written: float, kept: float) -> None:
    """A confidence that is none is brought between 0 and 1."""
    given_one = hypothesis(evidence("log", "1", "charge 17"), confidence=written)

    assert checked_diagnosis(answer(given_one), TASK).hypotheses[0].confidence == kept


def test_the_most_confident_comes_first_and_four_are_kept() -> None:
    """Of six hypotheses the first four that stand are kept, the most confident first."""
    standing = [hypothesis(evidence("log", "1", "charge 17"), confidence=number / 10) for number in range(1, 7)]

    found = checked_diagnosis(answer(*standing), TASK)

    assert [one.confidence for one in found.hypotheses] == [0.4, 0.3, 0.2, 0.1]
    assert found.dropped == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb\x1b[31m c", "a b [31m c"), ("x" * 600, "x" * 499 + "…"), ("\u202eabc", "abc"), (" \n ", "")],
    ids=["control", "long", "direction", "empty"],
)
def test_texts_for_people_stay_on_one_line(text: str, shown: str) -> None:
    """A text from outside cannot forge a line, move the cursor, or fill a page."""
    assert one_line(text) == shown


kinds = st.sampled_from(["log", "metric", "deployment", "incident", "runbook", "alert"])
references = st.one_of(
    st.sampled_from(["1", "2", "3", "error_rate", "checkout-d7", "inc-1", "high-error-rate", "HighErrorRate"]),
    st.text(max_size=12),
)
quotes = st.one_of(
    st.sampled_from(["charge 17", "0.31", "31 %", "2026.11.7", "Roll it back", "critical", "all good", "payments"]),
    st.text(max_size=20),
)
pieces = st.builds(evidence, kinds, references, quotes)


@given(st.lists(st.lists(pieces, max_size=4), max_size=5))
@settings(max_examples=200, deadline=None)
def test_checked_evidence_always_exists(given_pieces: list[list[Evidence]]) -> None:
    """Whatever the answer says, what is kept names something real, and a checked diagnosis stays as it is."""
    found = checked_diagnosis(answer(*[hypothesis(*each) for each in given_pieces]), TASK)

    real = {
        "log": {"1", "2"},
        "metric": {"error_rate", "disk_used"},
        "deployment": {"checkout-d7"},
        "incident": {"inc-1"},
        "runbook": {"high-error-rate", "Requests fail"},
        "alert": {"HighErrorRate", "HighErrorRate-checkout"},
    }
    kept = [piece for one in found.hypotheses for piece in (*one.evidence, *one.counter_evidence)]
    assert all(
        piece.reference.lower().removeprefix("line ").removeprefix("#") in real[piece.kind]
        or piece.reference in real[piece.kind]
        for piece in kept
    )
    assert found.insufficient_evidence is not bool(found.hypotheses)
    again = checked_diagnosis(answer(*found.hypotheses), TASK)
    assert again.hypotheses == found.hypotheses
    assert again.dropped == 0


@given(
    st.lists(
        st.builds(Claim, statement=st.text(max_size=9), lines=st.lists(st.integers()), metrics=st.lists(st.text()))
    )
)
@settings(max_examples=100, deadline=None)
def test_kept_claims_point_to_what_exists(claims: list[Claim]) -> None:
    """No claim is kept with a line or a metric that was not shown."""
    kept, dropped = checked_claims(analysis(*claims), LINES, METRICS)

    assert len(kept) + dropped == len(claims)
    assert all(set(claim.lines) <= {1, 2} and (claim.lines or claim.metrics) for claim in kept)
    assert all(set(claim.metrics) <= {"error_rate", "disk_used"} for claim in kept)
