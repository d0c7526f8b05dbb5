"""The score of a dataset, and the rules that look at it as a whole."""

import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime

from towpath.contracts.pipeline.quality import Freshness, RuleResult, Volume

LEAST_SPREAD = 0.01
"""Runs that were all alike would forbid any change: the standard deviation counts as 1 % of the mean at least."""


def score(results: Iterable[RuleResult]) -> float:
    """Sum over rules of weight × share of rows that pass, over the sum of the weights: 0 to 1, and 1 without rules."""
    counted = list(results)
    weights = sum(result.weight for result in counted)
    if not counted:
        return 1.0
    return round(sum(result.weight * result.passing for result in counted) / weights, 6)


def freshness_problem(rule: Freshness, newest: datetime | None, began_at: datetime) -> str:
    """Why the newest value is too old at the beginning of the run; empty when it is not. No value at all is too old."""
    if newest is None:
        return f"{rule.column} has no value"
    age = began_at - newest
    return f"the newest is {age} old, {rule.at_most} is allowed" if age > rule.at_most else ""


def volume_problem(rule: Volume, rows: int, history: Sequence[int]) -> str:
    """Why the number of rows is out of what the runs before had; empty when it is not, and with too few of them."""
    if len(history) < rule.runs:
        return ""
    mean = statistics.fmean(history)
    spread = max(statistics.stdev(history) if len(history) > 1 else 0.0, LEAST_SPREAD * mean)
    least, most = mean - rule.deviations * spread, mean + rule.deviations * spread
    if least <= rows <= most:
        return ""
    return f"{rows:,} rows, {max(0, round(least)):,} to {round(most):,} are expected after {len(history)} runs"
