"""What Claude's scores of texts must rest on."""

import pytest

from towpath.contracts.publishing.campaign import ChannelScore, QualityAnswer
from towpath.policy.publishing.scores import score_problems, usable_scores

TEXTS = {"x": "The canal\n\nis open again.", "linkedin": "Boats save 40 minutes."}
GOOD = ChannelScore(channel="linkedin", score=0.9, issues=[], evidence=[])


def score(
    channel: str = "x", value: float = 0.5, issues: str = "dull", evidence: str = "canal is open"
) -> ChannelScore:
    return ChannelScore(
        channel=channel, score=value, issues=[issues] if issues else [], evidence=[evidence] if evidence else []
    )


@pytest.mark.parametrize(
    ("scores", "problem"),
    [
        pytest.param([score(), GOOD], None, id="good"),
        pytest.param([score(issues="", evidence=""), GOOD], None, id="nothing-to-mend"),
        pytest.param([GOOD], "x is missing", id="missing"),
        pytest.param([score(), score(), GOOD], "x stands in it twice", id="twice"),
        pytest.param([score(), GOOD, score("tiktok")], "is not one of the channels", id="unknown-channel"),
        pytest.param([score(value=1.5), GOOD], "between 0 and 1", id="too-high"),
        pytest.param([score(value=float("nan")), GOOD], "between 0 and 1", id="no-number"),
        pytest.param([score(evidence="the river"), GOOD], "not word for word", id="invented-evidence"),
        pytest.param([score(evidence="Boats save"), GOOD], "not word for word", id="evidence-of-another-text"),
        pytest.param([score(evidence=""), GOOD], "have none", id="issue-without-evidence"),
    ],
)
def test_problems_of_scores(scores: list[ChannelScore], problem: str | None) -> None:
    """Each channel once, a score from 0 to 1, and for each issue a passage that stands in the text it is about."""
    found = score_problems(QualityAnswer(scores=scores), TEXTS)

    assert (found == ()) if problem is None else any(problem in line for line in found)


def test_only_evidence_that_exists_counts() -> None:
    """Invented passages are dropped, and with the last of them the issues of the channel; foreign channels as well."""
    invented = ChannelScore(channel="x", score=0.5, issues=["dull"], evidence=["the river", "is open"])
    baseless = ChannelScore(channel="linkedin", score=0.6, issues=["rude"], evidence=["you fools"])
    found = usable_scores(QualityAnswer(scores=[invented, baseless, score("tiktok")]), TEXTS)

    assert (found["x"].issues, found["x"].evidence) == (["dull"], ["is open"])
    assert (found["linkedin"].issues, found["linkedin"].evidence) == ([], [])
    assert set(found) == set(TEXTS)
