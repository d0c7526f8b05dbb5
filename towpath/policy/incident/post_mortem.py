"""The draft of a post-mortem, and the record for incidents to come: both made from what the run recorded alone."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from towpath.contracts.core.moments import in_utc
from towpath.contracts.incident.incident import (
    FollowUp,
    IncidentOutcome,
    IncidentProgress,
    IncidentRecord,
    TimelineEntry,
)
from towpath.contracts.incident.investigation import Evidence, Hypothesis, Series
from towpath.contracts.incident.remediation import ActionRecord, ActionState
from towpath.policy.incident.evidence import one_line
from towpath.policy.incident.patterns import VALUE
from towpath.policy.incident.similarity import fingerprint_of

DONE = frozenset({ActionState.VERIFIED, ActionState.APPLIED})
UNKNOWN = "Not known: fill in."
MOST_TERMS = 20
MOST_PATTERNS = 10

_MARKS = re.compile(r"([\\`*_\[\]<>|#~])")


def post_mortem(
    incident_id: str,
    progress: IncidentProgress,
    outcome: IncidentOutcome,
    ended_at: datetime,
    follow_ups: Sequence[FollowUp] = (),
) -> str:
    """Markdown. What the record does not hold is said to be unknown, never made up; text from outside has no marks."""
    sections = (
        _head(incident_id, progress, outcome, ended_at),
        _section("Summary", [progress.analysis.summary if progress.analysis else ""]),
        _section("Impact", [progress.diagnosis.impact if progress.diagnosis else ""]),
        _causes(progress),
        _signals(progress),
        _actions(progress.actions),
        _timeline(progress.timeline),
        _section("Prevention", _bullets(progress.diagnosis.prevention if progress.diagnosis else ()), ready=True),
        _section("Follow-ups", _bullets(map(_follow_up, follow_ups)), ready=True),
        _limits(progress),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def record_of(
    incident_id: str, progress: IncidentProgress, outcome: IncidentOutcome, ended_at: datetime
) -> IncidentRecord:
    """What the archive keeps. Its cause is the likeliest hypothesis, its resolution the actions that were done."""
    patterns = progress.logs.patterns if progress.logs else ()
    names = alert_names(progress)
    hypotheses = progress.diagnosis.hypotheses if progress.diagnosis else ()
    done = [_told(action) for action in progress.actions if action.state in DONE]
    templates = [one.template for one in patterns if one.level in {"fatal", "error"}]
    summary = progress.analysis.summary if progress.analysis and progress.analysis.summary else ", ".join(names)
    return IncidentRecord(
        incident_id=incident_id,
        fingerprint=fingerprint_of(progress.service, names, patterns),
        service=progress.service,
        at=progress.started_at,
        ended_at=ended_at,
        level=progress.severity.level if progress.severity else 1,
        summary=one_line(summary),
        cause=next((one.cause for one in hypotheses), ""),
        resolution="; ".join(done) or str(outcome),
        terms=tuple(one_line(term) for term in (*names, *templates))[:MOST_TERMS],
    )


def alert_names(progress: IncidentProgress) -> tuple[str, ...]:
    """Names of the incident's alerts, each once, sorted."""
    group = progress.alerts.group
    names = {alert.labels.get("alertname", "") for alert in group.alerts} | {group.labels.get("alertname", "")}
    return tuple(sorted(names - {""}))


def _head(incident_id: str, progress: IncidentProgress, outcome: IncidentOutcome, ended_at: datetime) -> str:
    severity, taken = progress.severity, progress.paging.acknowledged
    reasons = "" if severity is None else f": {'; '.join(severity.reasons)}"
    rows = [
        ("Incident", incident_id),
        ("Service", progress.service or "unknown"),
        ("Severity", "not assessed" if severity is None else f"{severity.level} of 5{reasons}"),
        ("Began", _moment(progress.started_at)),
        ("Ended", f"{_moment(ended_at)} ({_length(ended_at - progress.started_at)})"),
        ("Outcome", str(outcome)),
        ("Acknowledged", "by nobody" if taken is None else f"by {taken.by} at {_moment(taken.at)}"),
        ("Alerts", f"{progress.alerts.group.received} received: {', '.join(alert_names(progress)) or 'unnamed'}"),
    ]
    lines = [f"- {name}: {plain(value)}" for name, value in rows]
    return "\n".join(["# Post-mortem (draft, made from the record)", "", *lines])


def _causes(progress: IncidentProgress) -> str:
    diagnosis = progress.diagnosis
    if diagnosis is None:
        return _section("Cause", [])
    lines = [line for hypothesis in diagnosis.hypotheses for line in _hypothesis(hypothesis)]
    if diagnosis.insufficient_evidence:
        lines.insert(0, "The evidence was not sufficient for a diagnosis.")
    return _section("Cause", lines, ready=True)


def _hypothesis(hypothesis: Hypothesis) -> list[str]:
    head = f"- {plain(hypothesis.cause)} ({hypothesis.category}, confidence {hypothesis.confidence:.2f})"
    return [
        head,
        *(f"  - for: {_evidence(piece)}" for piece in hypothesis.evidence),
        *(f"  - against: {_evidence(piece)}" for piece in hypothesis.counter_evidence),
    ]


def _evidence(piece: Evidence) -> str:
    return f"{piece.kind} {plain(piece.reference)}: {plain(piece.quote)}"


def _signals(progress: IncidentProgress) -> str:
    patterns = progress.logs.patterns[:MOST_PATTERNS] if progress.logs else ()
    series = progress.metrics.series if progress.metrics else ()
    lines = [
        f"- {one.count} × {plain(one.template.replace(VALUE, '…'))} ({one.level or 'no level'})" for one in patterns
    ]
    lines += [f"- {_named(one)}: {one.first:.4g} to {one.last:.4g} {one.unit}".rstrip() for one in series]
    return _section("What was seen", lines, ready=True)


def _actions(actions: Sequence[ActionRecord]) -> str:
    lines = [
        f"{number}. {plain(_told(one))}: {one.state}{_decided(one)}{_note(one)}"
        for number, one in enumerate(actions, 1)
    ]
    return _section("Actions", lines or ["None."], ready=True)


def _decided(action: ActionRecord) -> str:
    decision = action.decision
    return "" if decision is None else f", {decision.verdict} by {plain(decision.reviewer)}"


def _note(action: ActionRecord) -> str:
    return f". {plain(action.note)}" if action.note else ""


def _timeline(entries: Sequence[TimelineEntry]) -> str:
    lines = [f"- {_moment(entry.at)} {plain(entry.what)}" for entry in entries]
    return _section("Timeline", lines, ready=True)


def _limits(progress: IncidentProgress) -> str:
    """What this draft could not know, and what its making cost."""
    lines = [f"- {plain(what)} was not available: {plain(why)}" for what, why in sorted(progress.degraded.items())]
    dropped = (progress.analysis.dropped if progress.analysis else 0) + (
        progress.diagnosis.dropped if progress.diagnosis else 0
    )
    if dropped:
        lines.append(f"- {dropped} statements without evidence were left out")
    cost = progress.cost
    models = f" ({', '.join(map(plain, cost.models))})" if cost.models else ""
    known = f"at least {cost.usd:.4f} USD" if cost.usd else "no known price"
    usd = f"{cost.usd:.4f} USD" if cost.priced else known
    lines.append(f"- {cost.calls} calls of a model{models}, {usd}")
    return _section("Limits of this draft", lines, ready=True)


def _named(series: Series) -> str:
    where = series.labels.get("instance")
    return plain(series.title) if where is None else f"{plain(series.title)} ({plain(where)})"


def _section(title: str, lines: Iterable[str], *, ready: bool = False) -> str:
    """`ready` says that the lines are Markdown; else they are text from outside."""
    given = [line if ready else plain(line) for line in lines]
    return f"## {title}\n\n" + ("\n".join(line for line in given if line) or UNKNOWN)


def _bullets(given: Iterable[str]) -> list[str]:
    return [f"- {plain(text)}" for text in given]


def _follow_up(task: FollowUp) -> str:
    return f"{task.title} ({task.tracker_id or 'not filed'})"


def _told(action: ActionRecord) -> str:
    """Its title, with the values of its parameters where the title does not have them already."""
    if action.parameters and all(value in action.title for value in action.parameters.values()):
        return action.title
    values = ", ".join(f"{name} {value}" for name, value in sorted(action.parameters.items()))
    return f"{action.title} ({values or action.action})"


def plain(text: str) -> str:
    """Text from outside on one line of Markdown, with none of its marks: no link, no heading, no table, no HTML."""
    return _MARKS.sub(r"\\\1", one_line(text))


def _moment(at: datetime) -> str:
    return f"{in_utc(at, seconds=True)}"


def _length(time: timedelta) -> str:
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
