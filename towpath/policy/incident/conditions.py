"""Conditions of actions: expressions over `metrics.NAME`, checked when the catalogue is read, judged on real values."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from towpath.engine.checks.expressions import MENDS
from towpath.engine.checks.kinds import BOOLEAN, Kinds
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.expression.template import CompiledExpression, compile_condition, decide
from towpath.engine.expression.values import ExpressionError, MissingError, Scope

METRICS = "metrics"


class Judgement(StrEnum):
    HOLDS = "holds"
    FAILS = "does not hold"
    UNKNOWN = "unknown"
    """A metric that it reads has no value now: nothing is concluded from that."""


@dataclass(frozen=True, slots=True)
class Judged:
    """`why` names the metric that has no value, or the values that were looked at."""

    judgement: Judgement
    why: str

    @property
    def holds(self) -> bool:
        return self.judgement is Judgement.HOLDS


@dataclass(frozen=True, slots=True)
class ConditionProblem:
    """`at` counts characters of the condition from 0."""

    at: int
    code: str
    what: str
    mend: str


def judge(condition: str, values: Mapping[str, float]) -> Judged:
    """What a condition says of the present values. Nothing is raised: what cannot be told is UNKNOWN."""
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    try:
        compiled = compile_condition(condition)
        holds = decide(compiled, Scope({METRICS: finite}))
    except MissingError:
        missing = [name for name in metrics_of(condition) if name not in finite]
        return Judged(Judgement.UNKNOWN, f"no value of {', '.join(missing) or 'a metric that it reads'}")
    except ExpressionError as error:
        return Judged(Judgement.UNKNOWN, error.message)
    read = ", ".join(f"{name} {finite[name]:.4g}" for name in metrics_of(condition) if name in finite)
    return Judged(Judgement.HOLDS if holds else Judgement.FAILS, read)


def metrics_of(condition: str) -> tuple[str, ...]:
    """Names of the metrics that a condition reads. Raises ExpressionError for what is no expression."""
    references = compile_condition(condition).references
    return tuple(dict.fromkeys(one.path[1] for one in references if len(one.path) > 1 and one.path[0] == METRICS))


def problems(condition: str, known: Collection[str]) -> tuple[ConditionProblem, ...]:
    """What is wrong with a condition: its syntax, what it reads, and whether it is true or false at all."""
    try:
        compiled = compile_condition(condition)
    except ExpressionError as error:
        return (ConditionProblem(error.at, f"expression.{error.code}", error.message, MENDS[error.code]),)
    return tuple(_reads(compiled, known) or _kinds(compiled))


def _reads(compiled: CompiledExpression, known: Collection[str]) -> list[ConditionProblem]:
    found: list[ConditionProblem] = []
    for reference in compiled.references:
        (root, *names), at = reference.path, reference.at
        if root != METRICS:
            what, mend = f"{root} is not known here", "a condition reads metrics.NAME"
            found.append(ConditionProblem(at, "read.unknown", what, mend))
        elif not names or reference.computed:
            what = "which metric this reads cannot be told"
            found.append(ConditionProblem(at, "read.computed", what, "write metrics.NAME"))
        elif len(names) > 1:
            what = f"{METRICS}.{names[0]} is a number"
            found.append(ConditionProblem(at, "read.unknown-field", what, f"write {METRICS}.{names[0]}"))
        elif names[0] not in known:
            hint = did_you_mean(names[0], known)[2:] or "define it in incident/metrics.yaml"
            found.append(ConditionProblem(at, "metric.unknown", f"there is no metric {names[0]!r}", hint))
    if not compiled.references:
        found.append(ConditionProblem(0, "read.nothing", "it reads no metric", "compare a metric: metrics.NAME < 1"))
    return found


def _kinds(compiled: CompiledExpression) -> list[ConditionProblem]:
    kinds = Kinds(lambda path: {"type": "number"} if len(path) == 2 else {"type": "object"})
    kind = kinds.of(compiled.node)
    found = [ConditionProblem(one.at, "expression.type", one.message, MENDS[one.code]) for one in kinds.problems]
    if not found and kind is not None and kind != BOOLEAN:
        what = f"a condition is true or false, not a {' or '.join(sorted(kind))}"
        found.append(ConditionProblem(0, "expression.type", what, "compare it with something"))
    return found
