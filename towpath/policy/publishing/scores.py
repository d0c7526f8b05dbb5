"""The score of a channel: what code found comes first, what Claude said can only take away from the rest.

Claude's scores rest on passages that must stand in the text that is scored.
"""

from collections.abc import Mapping, Sequence

from towpath.contracts.publishing.campaign import ChannelScore, QualityAnswer, TextFinding

_EACH = 0.05
_MOST = 0.3


def channel_quality(findings: Sequence[TextFinding], answer: ChannelScore | None) -> float:
    """0 (unusable) to 1 (ready), rounded to two places.

    A blocking finding makes it 0, so that it is below every threshold. Otherwise it is Claude's score, brought into 0
    to 1, less 0.05 for each other finding, at most 0.3. Without an answer nothing vouches for the text, and it is 0;
    so is a score that is no number.
    """
    if answer is None or answer.score != answer.score or any(finding.blocking for finding in findings):
        return 0.0
    taken = min(_MOST, _EACH * len(findings))
    return round(max(0.0, min(1.0, max(0.0, answer.score)) - taken), 2)


def kept_evidence(answer: ChannelScore, texts: Sequence[str]) -> tuple[str, ...]:
    """The passages of an answer that stand in the channel's texts word for word; the others prove nothing."""
    whole = [" ".join(text.split()) for text in texts]
    passages = [" ".join(passage.split()) for passage in answer.evidence]
    return tuple(passage for passage in passages if passage and any(passage in text for text in whole))


def score_problems(answer: QualityAnswer, texts: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with the scores of `texts` (channel to text), in sentences for a re-ask; empty when nothing is."""
    found: list[str] = []
    scored = [score.channel for score in answer.scores]
    found += [f"scores: {channel} is missing" for channel in texts if channel not in scored]
    found += [f"scores: {channel} stands in it twice" for channel in texts if scored.count(channel) > 1]
    for score in answer.scores:
        if score.channel in texts:
            found += _score_problems(score, texts[score.channel])
        else:
            found.append(f"scores: {score.channel[:40]!r} is not one of the channels")
    return tuple(found)


def _score_problems(score: ChannelScore, text: str) -> list[str]:
    found: list[str] = []
    if not 0 <= score.score <= 1:
        found.append(f"scores: the score of {score.channel} is not between 0 and 1")
    kept = kept_evidence(score, [text])
    found += [
        f"evidence: not word for word in the text of {score.channel}: {passage[:80]!r}"
        for passage in score.evidence
        if " ".join(passage.split()) not in kept
    ]
    if score.issues and not score.evidence:
        found.append(f"evidence: the issues of {score.channel} have none")
    return found


def usable_scores(answer: QualityAnswer, texts: Mapping[str, str]) -> dict[str, ChannelScore]:
    """The scores by channel, the first where a channel stands in the answer twice. Evidence that exists nowhere is
    dropped, and so are the issues of a channel that is left without any.
    """
    found: dict[str, ChannelScore] = {}
    for score in answer.scores:
        if score.channel in texts and score.channel not in found:
            evidence = kept_evidence(score, [texts[score.channel]])
            issues = score.issues if evidence else []
            found[score.channel] = score.model_copy(update={"issues": issues, "evidence": list(evidence)})
    return found
