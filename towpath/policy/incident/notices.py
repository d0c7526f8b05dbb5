"""Texts of incident response for people: pages, channel notices, and what a person approves.

What alerts and logs say is quoted on one line, bounded, and never formatted as a link or a mention.
"""

from datetime import timedelta
from typing import Literal

from towpath.contracts.incident import Acknowledged, IncidentOutcome, IncidentProgress, PageRequest
from towpath.contracts.remediation import ActionRecord, ActionStep, PlannedAction
from towpath.contracts.review import ReviewTask
from towpath.contracts.run import DeadLetter
from towpath.contracts.wire import EffectKey, JsonObject, clip
from towpath.policy.incident.evidence import one_line

MOST_ALERTS = 5
PageSeverity = Literal["critical", "error", "warning", "info"]
_SEVERITIES: dict[int, PageSeverity] = {5: "critical", 4: "critical", 3: "error", 2: "warning"}


def headline(known: IncidentProgress) -> str:
    """The incident in one line: how severe, where, which alerts."""
    level = "?" if known.severity is None else str(known.severity.level)
    names = sorted({alert.labels.get("alertname", "alert") for alert in known.alerts.group.alerts})
    shown = ", ".join(plain(name, 80) for name in names[:MOST_ALERTS])
    more = f" and {len(names) - MOST_ALERTS} more" if len(names) > MOST_ALERTS else ""
    return f"[level {level}] {plain(known.service, 80)}: {shown or 'alerts'}{more}"


def page(known: IncidentProgress, level: int, key: EffectKey, what: str) -> PageRequest:
    """The page for a level of the on-call chain. `what` is the news since the page before, if there are any."""
    severity = known.severity
    diagnosis = known.diagnosis
    details: JsonObject = {
        "service": plain(known.service, 80),
        "firing": known.alerts.group.firing,
        "reasons": [] if severity is None else [plain(reason) for reason in severity.reasons],
        "analysis": "" if known.analysis is None else plain(known.analysis.summary, 600),
        "likely_cause": plain(diagnosis.hypotheses[0].cause) if diagnosis and diagnosis.hypotheses else "",
        "news": plain(what),
    }
    return PageRequest(
        summary=clip(f"{headline(known)}{': ' + plain(what) if what else ''}", 900),
        severity=_SEVERITIES.get(0 if severity is None else severity.level, "info"),
        source=plain(known.service, 80),
        level=level,
        details={name: value for name, value in details.items() if value},
        key=key,
    )


def call_notice(known: IncidentProgress, workflow_id: str, level: int) -> tuple[str, str]:
    """For the channel of the level that is called."""
    lines = [] if known.severity is None else [f"- {plain(reason)}" for reason in known.severity.reasons]
    again = "" if level == 1 else f"Level {level - 1} of the on-call chain did not acknowledge.\n"
    text = (
        again
        + "\n".join(lines)
        + f"\n{known.alerts.group.firing} alerts fire. Take it: "
        + f"python starter.py incident acknowledge {workflow_id} --as YOU"
    )
    return f"Incident {headline(known)}", text


def diagnosis_notice(known: IncidentProgress, workflow_id: str) -> tuple[str, str]:
    """What is known after the diagnosis, with confidence, and what the run is going to do."""
    diagnosis, plan = known.diagnosis, known.plan
    lines: list[str] = []
    if diagnosis is None or not diagnosis.hypotheses:
        lines.append("Cause: not known, the evidence is insufficient.")
    else:
        lines += [f"Cause: {plain(one.cause)} ({one.confidence:.0%})" for one in diagnosis.hypotheses[:3]]
        lines.append(f"Impact: {plain(diagnosis.impact)}")
    actions = () if plan is None else plan.immediate
    lines += [f"{one.number}. {in_words(one)}" for one in actions] or ["No action of the catalogue fits."]
    lines += [f"Advice: {plain(advice)}" for advice in (() if diagnosis is None else diagnosis.recommended_actions)]
    lines.append(f"python starter.py incident show {workflow_id}")
    return f"Diagnosis {headline(known)}", "\n".join(lines)


def approval(planned: PlannedAction, known: IncidentProgress) -> tuple[str, tuple[str, ...]]:
    """Title of an approval, and all that a person should weigh."""
    action = planned.action
    reasons = [
        f"needs a person: {planned.approval_reason}",
        f"reaches: {action.blast_radius}; at most {action.max_per_hour} an hour; may take {_length(action.timeout)}",
        f"judged by: {'nothing' if action.verify is None else action.verify.condition}",
        f"undone by: {'nothing' if action.rollback is None else _step(action.rollback)}",
    ]
    if planned.reason:
        reasons.append(f"why: {plain(planned.reason)}")
    if known.diagnosis is not None and known.diagnosis.hypotheses:
        first = known.diagnosis.hypotheses[0]
        reasons.append(f"likely cause: {plain(first.cause)} ({first.confidence:.0%})")
    return f"{in_words(planned)} for {headline(known)}", tuple(reasons)


def approval_notice(task: ReviewTask, event: str) -> tuple[str, str]:
    """For the team that decides. `event` is `opened`, `reminder`, `escalation` or `closed`."""
    if event == "closed":
        decision = task.decision
        end = "nobody decided: not done" if decision is None else f"{decision.verdict} by {decision.reviewer}"
        return f"Closed: {task.title}", f"{end}."
    start = {"opened": "Approval wanted", "reminder": "Approval still wanted", "escalation": "Approval escalated"}
    lines = [f"- {reason}" for reason in task.reasons]
    lines.append(f"Without a decision by {task.due_at:%Y-%m-%d %H:%M} UTC it is not done.")
    lines.append(f"python starter.py incident approve {task.workflow_id} --task {task.task} --as YOU")
    return f"{start[event]}: {task.title}", "\n".join(lines)


def end_notice(known: IncidentProgress, outcome: IncidentOutcome, workflow_id: str) -> tuple[str, str]:
    done = [f"- {one.title}: {one.state}" for one in known.actions] or ["- nothing was changed"]
    lines = [f"Outcome: {outcome}.", *done, f"python starter.py incident show {workflow_id}"]
    return f"Incident ended {headline(known)}", "\n".join(lines)


def cancelled_notice(known: IncidentProgress, workflow_id: str) -> tuple[str, str]:
    """What stays behind when people stop the run."""
    done = [f"- {one.title}: {one.state}" for one in known.actions] or ["- nothing was changed"]
    text = "\n".join(("The automatic response was cancelled. Nothing is undone:", *done, f"Run: {workflow_id}"))
    return f"Response stopped {headline(known)}", text


def failure_notice(known: IncidentProgress, letter: DeadLetter, workflow_id: str) -> tuple[str, str]:
    text = (
        f"Step {letter.step} failed ({letter.failure.code}): {letter.failure.message}. The incident is yours.\n"
        f"It lies in the queue {letter.queue}: python starter.py queue show {workflow_id}"
    )
    return f"Response failed {headline(known)}", text


def in_words(planned: PlannedAction) -> str:
    """The action with its parameters, as a person reads it."""
    given = ", ".join(f"{name} {value}" for name, value in planned.parameters.items())
    return planned.action.title + (f" ({given})" if given else "")


def acknowledged(taken: Acknowledged) -> str:
    return f"acknowledged by {plain(taken.by, 80)}" + (f": {plain(taken.note)}" if taken.note else "")


def action_end(record: ActionRecord) -> str:
    """An action's end for the timeline."""
    return f"{record.title}: {record.state}" + (f" ({plain(record.note)})" if record.note else "")


def plain(text: str, limit: int = 300) -> str:
    """Text from outside for a channel: one bounded line in which nothing is a link, a mention or markup."""
    shown = one_line(text).replace("<", "‹").replace(">", "›").replace("@", "(at)").replace("`", "'")
    return clip(shown.replace("://", ":\u2060//"), limit)


def _step(step: ActionStep) -> str:
    return step.operation or step.function


def _length(length: timedelta) -> str:
    return f"{length.total_seconds():.0f} s"
