"""Scores and outcomes say no more than is known."""

from datetime import UTC, datetime

import pytest

from towpath.contracts.publishing.campaign import ChannelScore, PublishingOutcome, TextFinding
from towpath.contracts.publishing.posting import Job, JobState
from towpath.policy.publishing.outcome import outcome_of
from towpath.policy.publishing.scores import channel_quality, kept_evidence

BLOCKING = TextFinding(rule="number", text="'38%' does not stand in the source")
SMALL = TextFinding(rule="name", text="'Stripe' does not stand in the source", blocking=False)


def answer(score: float, *evidence: str) -> ChannelScore:
    return ChannelScore(channel="x", score=score, issues=[], evidence=list(evidence))


@pytest.mark.parametrize(
    ("findings", "said", "score"),
    [
        pytest.param((), answer(0.9), 0.9, id="claude-alone"),
        pytest.param((SMALL,), answer(0.9), 0.85, id="one-finding"),
        pytest.param((SMALL,) * 20, answer(0.9), 0.6, id="many-findings"),
        pytest.param((BLOCKING,), answer(1.0), 0.0, id="blocking"),
        pytest.param((), answer(7.0), 1.0, id="too-high"),
        pytest.param((SMALL,), answer(-3.0), 0.0, id="too-low"),
        pytest.param((), answer(float("nan")), 0.0, id="no-number"),
        pytest.param((), None, 0.0, id="no-answer"),
    ],
)
def test_score(findings: tuple[TextFinding, ...], said: ChannelScore | None, score: float) -> None:
    """Code comes first, and Claude's score never lifts what code holds down."""
    assert channel_quality(findings, said) == score


def test_evidence_that_does_not_stand_in_the_text_is_dropped() -> None:
    """It proves nothing."""
    said = answer(0.5, "no order  was lost", "made up", "")

    assert kept_evidence(said, ["Since then\nno order\nwas lost."]) == ("no order was lost",)


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        pytest.param([JobState.PUBLISHED] * 2, PublishingOutcome.PUBLISHED, id="all"),
        pytest.param([JobState.PUBLISHED, JobState.FAILED], PublishingOutcome.PARTLY, id="one-of-two"),
        pytest.param([JobState.PUBLISHED, JobState.DROPPED], PublishingOutcome.PARTLY, id="one-stale"),
        pytest.param([JobState.PARTIAL], PublishingOutcome.PARTLY, id="part-of-a-thread"),
        pytest.param([JobState.UNKNOWN], PublishingOutcome.PARTLY, id="may-be-out"),
        pytest.param([JobState.DROPPED] * 2, PublishingOutcome.EXPIRED, id="stale"),
        pytest.param([JobState.CANCELLED, JobState.WITHDRAWN], PublishingOutcome.CANCELLED, id="stopped"),
        pytest.param([JobState.DROPPED, JobState.CANCELLED], PublishingOutcome.NOTHING, id="mixed"),
        pytest.param([JobState.FAILED], PublishingOutcome.NOTHING, id="failed"),
        pytest.param([], PublishingOutcome.NOTHING, id="no-jobs"),
    ],
)
def test_outcome(states: list[JobState], outcome: PublishingOutcome) -> None:
    """Of all jobs together."""
    at = datetime(2027, 3, 1, tzinfo=UTC)
    jobs = [
        Job(job=f"x.{n}", channel="x", account="main", state=state, at=at, reason="") for n, state in enumerate(states)
    ]

    assert outcome_of(jobs) is outcome
