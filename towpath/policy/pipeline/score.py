"""The score of a dataset's quality, made of what its rules found."""

from collections.abc import Iterable

from towpath.contracts.quality import RuleResult


def score(results: Iterable[RuleResult]) -> float:
    """Sum over rules of weight times the share of passing rows, over the sum of the weights; without rules 1.

    A rule over the whole dataset counts as one row. Severity plays no part: what a rule is worth is its weight.
    """
    found = list(results)
    weights = sum(result.weight for result in found)
    if weights == 0:
        return 1.0
    return sum(result.weight * result.passing for result in found) / weights


def deviates(rows: int, history: tuple[int, ...], deviations: float) -> bool:
    """Whether a number of rows is further from the mean of the runs before than so many standard deviations.

    A history without any spread tolerates a tenth of its mean.
    """
    mean = sum(history) / len(history)
    spread = (sum((one - mean) ** 2 for one in history) / len(history)) ** 0.5
    return abs(rows - mean) > max(deviations * spread, 0.1 * mean)
