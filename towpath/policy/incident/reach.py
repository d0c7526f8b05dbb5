"""What a condition over metrics can become: whether it can be true at all, and whether it can be false.

It is tried at, below and above each number that it names, in all combinations: between two numbers of a comparison
nothing changes. Metrics are not negative, and ratios are at most 1.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import prod

from towpath.contracts.incident.remediation import MetricQuery
from towpath.engine.expression.nodes import Literal, Node, children
from towpath.engine.expression.template import compile_condition
from towpath.engine.expression.values import ExpressionError
from towpath.policy.incident.conditions import Judgement, judge, metrics_of

MOST = 20_000
"""Combinations that are tried; a condition with more is not judged."""


def can_hold(condition: str, metrics: Sequence[MetricQuery]) -> bool:
    return Judgement.HOLDS in _outcomes(condition, metrics)


def can_fail(condition: str, metrics: Sequence[MetricQuery]) -> bool:
    return Judgement.FAILS in _outcomes(condition, metrics)


def _outcomes(condition: str, metrics: Sequence[MetricQuery]) -> frozenset[Judgement]:
    """What it was seen to become; both, where there is too much to try."""
    both = frozenset({Judgement.HOLDS, Judgement.FAILS})
    try:
        names, node = metrics_of(condition), compile_condition(condition).node
    except ExpressionError:
        return both
    ratios = {metric.name for metric in metrics if metric.unit == "ratio"}
    tried = [_values(sorted(set(_numbers(node))), is_ratio=name in ratios) for name in names]
    if prod(map(len, tried)) > MOST:
        return both
    seen = {judge(condition, dict(zip(names, values, strict=True))).judgement for values in product(*tried)}
    return frozenset(seen)


def _numbers(node: Node) -> Iterator[float]:
    if isinstance(node, Literal) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield float(node.value)
    for child in children(node):
        yield from _numbers(child)


def _values(numbers: Sequence[float], *, is_ratio: bool) -> list[float]:
    """Each number, between each two, and beyond all."""
    most = 1.0 if is_ratio else max([1.0, *numbers]) * 2 + 1
    inner = [number for number in numbers if 0 <= number <= most]
    edges = sorted({0.0, *inner, most})
    between = [(low + high) / 2 for low, high in pairwise(edges)]
    return sorted({*edges, *between})
