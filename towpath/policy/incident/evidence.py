"""What Claude says about an incident, kept only as far as what it points to exists and says so."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from pydantic import JsonValue

from towpath.contracts.core.text import clean
from towpath.contracts.core.wire import Wire, clip
from towpath.contracts.incident.investigation import (
    AnalysisAnswer,
    Claim,
    Diagnosis,
    DiagnosisAnswer,
    DiagnosisTask,
    Evidence,
    Hypothesis,
    LogLine,
    Series,
)

MOST_CLAIMS = 8
MOST_HYPOTHESES = 4
MOST_EVIDENCE = 8
MOST_TEXTS = 5
MAX_STATEMENT = 500
LEAST_QUOTE = 3
"""Letters and digits: a shorter quote stands in almost any line."""
PRESENT = frozenset({"log", "metric", "deployment", "alert"})
"""Kinds of evidence of what happens now. A runbook or a past incident supports a hypothesis and never carries it."""

_LINE = re.compile(r"(?:line |#)?([1-9][0-9]{0,8})")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_UNITS = (Decimal(1), Decimal(100), Decimal(1000))
"""A figure may be written as it is, in percent, or in thousandths."""


def checked_claims(
    answer: AnalysisAnswer, lines: Sequence[LogLine], metrics: Sequence[Series]
) -> tuple[tuple[Claim, ...], int]:
    """The claims with the evidence that exists, at most eight; and how many were dropped for having none."""
    numbers = {line.number for line in lines}
    names = {series.metric for series in metrics}
    kept: list[Claim] = []
    for claim in answer.claims:
        found_lines = [number for number in dict.fromkeys(claim.lines) if number in numbers][:MOST_EVIDENCE]
        found_names = [name for name in dict.fromkeys(claim.metrics) if name in names][:MOST_EVIDENCE]
        if (found_lines or found_names) and claim.statement.strip():
            kept.append(Claim(statement=one_line(claim.statement), lines=found_lines, metrics=found_names))
    kept = kept[:MOST_CLAIMS]
    return tuple(kept), len(answer.claims) - len(kept)


def checked_diagnosis(answer: DiagnosisAnswer, task: DiagnosisTask) -> Diagnosis:
    """The diagnosis whose every piece of evidence exists in `task` and stands there in the words that are quoted.

    A hypothesis needs a piece of evidence of what happens now, so one that rests on a runbook or a past incident alone
    is dropped. `dropped` counts pieces of evidence and hypotheses. None left is insufficient evidence. The most
    confident comes first; what Claude says of its confidence is brought between 0 and 1.
    """
    check = _Check(task)
    kept: list[Hypothesis] = []
    dropped = 0
    for hypothesis in answer.hypotheses:
        evidence, counter = check.existing(hypothesis.evidence), check.existing(hypothesis.counter_evidence)
        dropped += len(hypothesis.evidence) + len(hypothesis.counter_evidence) - len(evidence) - len(counter)
        if len(kept) == MOST_HYPOTHESES or not any(piece.kind in PRESENT for piece in evidence):
            dropped += 1
            continue
        changes: dict[str, object] = {
            "cause": one_line(hypothesis.cause),
            "confidence": _between(hypothesis.confidence),
            "evidence": evidence,
            "counter_evidence": counter,
        }
        kept.append(hypothesis.model_copy(update=changes))
    insufficient = answer.insufficient_evidence or not kept
    return Diagnosis(
        insufficient_evidence=insufficient,
        hypotheses=tuple(sorted(kept, key=lambda hypothesis: -hypothesis.confidence)),
        impact=one_line(answer.impact),
        recommended_actions=texts(answer.recommended_actions, MOST_TEXTS),
        prevention=texts(answer.prevention, MOST_TEXTS),
        dropped=dropped,
    )


def texts(given: Iterable[str], limit: int) -> tuple[str, ...]:
    """The first sentences that are not empty, each on one line and bounded."""
    return tuple(text for text in map(one_line, given) if text)[:limit]


def one_line(text: str) -> str:
    """Text from outside for a place that shows one line: bounded, with nothing that could forge another one."""
    return clip(" ".join(clean(text).split()), MAX_STATEMENT)


class _Check:
    """What exists, by kind and reference: the texts in which a quote may stand."""

    def __init__(self, task: DiagnosisTask) -> None:
        self._lines = {str(line.number): (line.text,) for line in task.lines}
        self._metrics: dict[str, list[Series]] = {}
        for series in task.metrics:
            self._metrics.setdefault(series.metric, []).append(series)
        self._texts: Mapping[str, Mapping[str, tuple[str, ...]]] = {
            "deployment": {one.id: _fields(one) for one in task.deployments},
            "incident": {one.incident_id: _fields(one) for one in task.similar},
            "runbook": {name: _fields(one) for one in task.runbooks for name in (one.title, one.name)},
            "alert": _alerts(task.alerts),
        }

    def existing(self, given: Sequence[Evidence]) -> list[Evidence]:
        return [
            piece.model_copy(update={"reference": one_line(piece.reference), "quote": one_line(piece.quote)})
            for piece in given
            if self._exists(piece)
        ][:MOST_EVIDENCE]

    def _exists(self, piece: Evidence) -> bool:
        reference = piece.reference.strip()
        if piece.kind == "log":
            number = _LINE.fullmatch(reference.lower())
            return number is not None and _stands(piece.quote, self._lines.get(number[1], ()))
        if piece.kind == "metric":
            return any(_tells(series, piece.quote) for series in self._metrics.get(reference, []))
        return _stands(piece.quote, self._texts[piece.kind].get(reference, ()))


def _fields(one: Wire) -> tuple[str, ...]:
    return tuple(_leaves(one.model_dump(mode="json")))


def _alerts(alerts: Sequence[Mapping[str, JsonValue]]) -> dict[str, tuple[str, ...]]:
    """Alerts by name and by fingerprint: labels and annotations as `name=value` and by themselves."""
    found: dict[str, tuple[str, ...]] = {}
    for alert in alerts:
        labels = alert.get("labels")
        name = labels.get("alertname") if isinstance(labels, dict) else None
        for reference in (name, alert.get("fingerprint")):
            if isinstance(reference, str) and reference:
                found[reference] = (*found.get(reference, ()), *_leaves(dict(alert)))
    return found


def _leaves(value: JsonValue, name: str = "") -> list[str]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, key)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner, name)]
    return [] if value is None else [f"{name}={value}", f"{name}: {value}"]


def _stands(quote: str, texts: Iterable[str]) -> bool:
    """Whether the quote is part of one text, letter case and the kind of space aside."""
    wanted = _folded(quote)
    if sum(letter.isalnum() for letter in wanted) < LEAST_QUOTE:
        return any(wanted == _folded(text) for text in texts) and bool(wanted)
    return any(wanted in _folded(text) for text in texts)


def _folded(text: str) -> str:
    return " ".join(text.strip().strip("\"'“”‘’`").casefold().split())


def _tells(series: Series, quote: str) -> bool:
    """Whether every number of the quote is a figure of the series, rounded as it is written; there must be one."""
    written = _NUMBER.findall(re.sub(r"(?<=\d),(?=\d{3})", "", quote.replace(series.metric, " ")))
    figures = [
        Decimal(str(value))
        for value in (
            *(series.first, series.last, series.minimum, series.maximum, series.mean),
            *(series.baseline, series.change),
        )
        if value is not None and math.isfinite(value)
    ]
    return bool(written) and all(any(_rounds_to(figure, number) for figure in figures) for number in written)


def _rounds_to(figure: Decimal, written: str) -> bool:
    try:
        number = Decimal(written)
    except InvalidOperation:
        return False
    step = Decimal(1).scaleb(int(number.as_tuple().exponent))
    return any(abs(abs(figure) * unit - abs(number)) <= step / 2 for unit in _UNITS)


def _between(confidence: float) -> float:
    return min(1.0, max(0.0, confidence)) if math.isfinite(confidence) else 0.0
