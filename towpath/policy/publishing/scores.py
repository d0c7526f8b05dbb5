"""The score of a channel: what code found comes first, what Claude said can only take away from the rest."""

from collections.abc import Sequence

from towpath.contracts.publishing.campaign import ChannelScore, TextFinding

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
