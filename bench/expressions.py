"""Microseconds of an evaluation, compiled once: ours beside the well-known ones, on a small and a large context."""

import importlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jinja2.sandbox
import jmespath

from bench.measure import median
from towpath.engine.expression.template import compile_condition
from towpath.engine.expression.values import MAX_WORK, Scope

cel: Any = importlib.import_module("cel_expr_python.cel")
SMALL: dict[str, Any] = {
    "inputs": {"customer": {"email": "kim@example.com", "tier": "gold"}},
    "steps": {"risk-assessment": {"score": 0.82, "factors": [{"name": "a", "weight": 3}, {"name": "b", "weight": 5}]}},
}
LARGE: dict[str, Any] = {
    **SMALL,
    "steps": {
        **SMALL["steps"],
        **{f"s{n}": {"status": 200, "body": {"id": n, "name": f"name {n}", "text": "x" * 60}} for n in range(1_000)},
    },
}
SECONDS = 0.15
"""How long one cell is measured."""
REPEATS = 5


@dataclass(frozen=True, slots=True)
class ExpressionRow:
    """What is evaluated, on a context of so many bytes of JSON; µs by language, the median of some repeats."""

    title: str
    size_bytes: int
    microseconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Question:
    title: str
    ours: str
    jmes: str
    cel: str
    jinja: str
    expected: object


QUESTIONS = (
    Question(
        "path",
        "{{ steps.risk-assessment.score }}",
        'steps."risk-assessment".score',
        'steps["risk-assessment"].score',
        "steps['risk-assessment'].score",
        0.82,
    ),
    Question(
        "condition",
        "{{ steps.risk-assessment.score }} > 0.7",
        'steps."risk-assessment".score > `0.7`',
        'steps["risk-assessment"].score > 0.7',
        "steps['risk-assessment'].score > 0.7",
        True,
    ),
    Question(
        "over a list",
        "{{ any(steps.risk-assessment.factors, f, f.weight > 4) && inputs.customer.tier == 'gold' }}",
        "length(steps.\"risk-assessment\".factors[?weight > `4`]) > `0` && inputs.customer.tier == 'gold'",
        "steps[\"risk-assessment\"].factors.exists(f, f.weight > 4) && inputs.customer.tier == 'gold'",
        "steps['risk-assessment'].factors | selectattr('weight', 'gt', 4) | list | length > 0"
        " and inputs.customer.tier == 'gold'",
        True,
    ),
)


def expression_rows() -> list[ExpressionRow]:
    rows: list[ExpressionRow] = []
    for context in (SMALL, LARGE):
        size = len(json.dumps(context))
        for question in QUESTIONS:
            calls = {name: make(question, context) for name, make in LANGUAGES.items()}
            for name, call in calls.items():
                if call() != question.expected:
                    raise RuntimeError(f"{name} answers {call()!r} to {question.title}")
            figures = {name: _microseconds(call) for name, call in calls.items()}
            rows.append(ExpressionRow(question.title, size, figures))
    return rows


def _ours(question: Question, context: dict[str, Any]) -> Callable[[], object]:
    compiled = compile_condition(question.ours)
    scope = Scope(context, datetime(2026, 1, 1, tzinfo=UTC), lambda: "u")

    def evaluate() -> object:
        scope.work = MAX_WORK
        return compiled.evaluate(scope)

    return evaluate


def _jmespath(question: Question, context: dict[str, Any]) -> Callable[[], object]:
    compiled = jmespath.compile(question.jmes)
    return lambda: compiled.search(context)


def _cel(question: Question, context: dict[str, Any]) -> Callable[[], object]:
    environment = cel.NewEnv(variables={"inputs": cel.Type.Map(cel.Type.STRING, cel.Type.DYN), "steps": cel.Type.DYN})
    compiled = environment.compile(question.cel)
    return lambda: compiled.eval(data=context).plain_value()


def _jinja(question: Question, context: dict[str, Any]) -> Callable[[], object]:
    environment = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined)
    compiled = environment.compile_expression(question.jinja, undefined_to_none=False)
    return lambda: compiled(**context)


LANGUAGES: Mapping[str, Callable[[Question, dict[str, Any]], Callable[[], object]]] = {
    "ours": _ours,
    "jmespath": _jmespath,
    "CEL": _cel,
    "Jinja": _jinja,
}


def _microseconds(call: Callable[[], object]) -> float:
    return median([_once(call) for _ in range(REPEATS)])


def _once(call: Callable[[], object]) -> float:
    calls = 10
    while True:
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        spent = time.perf_counter() - begun
        if spent > SECONDS / REPEATS:
            return spent / calls * 1e6
        calls *= 4
