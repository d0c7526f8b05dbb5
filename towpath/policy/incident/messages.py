"""What people are told of an incident: the page to the on-call, notices to the team, and what an approval is about."""

from collections.abc import Mapping
from typing import Literal

from towpath.contracts.core.wire import EffectKey, clip
from towpath.contracts.incident.alerts import AlertGroup
from towpath.contracts.incident.incident import PageRequest, Severity
from towpath.contracts.incident.remediation import PlannedAction
from towpath.policy.incident.evidence import one_line

NoticeEvent = Literal["opened", "escalated", "acknowledged", "action", "undone", "handed-over", "resolved"]
_BEGINNINGS: Mapping[NoticeEvent, str] = {
    "opened": "Incident",
    "escalated": "Incident: nobody has acknowledged yet",
    "acknowledged": "Incident acknowledged",
    "action": "Incident: action",
    "undone": "Incident: action undone",
    "handed-over": "Incident handed over",
    "resolved": "Incident resolved",
}
MAX_TITLE = 200
LINKS = ("runbook_url", "dashboard_url", "summary")
"""Annotations that say where to look, and what it is."""


def page(
    incident_id: str, service: str, severity: Severity, group: AlertGroup, level: int, key: EffectKey, news: str = ""
) -> PageRequest:
    """The page to one level of the on-call chain. Labels of alerts are told as data, bounded.

    `news` is what is known since the page before.
    """
    about = f"[level {severity.level}] {_service(service)}: {_alert_names(group)}"
    return PageRequest(
        summary=clip(f"{about}: {one_line(news)}" if news else about, 1000),
        severity=page_severity(severity.level),
        source=_service(service),
        level=level,
        details={
            "incident": incident_id,
            "reasons": [one_line(reason) for reason in severity.reasons],
            "alerts_firing": group.firing,
            "alerts_received": group.received,
            "labels": {one_line(name): one_line(value) for name, value in sorted(group.labels.items())[:20]},
            "acknowledge": f"python starter.py incident acknowledge {incident_id} --by NAME",
        },
        key=key,
    )


def page_severity(level: int) -> Literal["critical", "error", "warning", "info"]:
    """PagerDuty's word for a level."""
    if level >= 4:
        return "critical"
    return "error" if level == 3 else "warning" if level == 2 else "info"


def notice(
    event: NoticeEvent,
    incident_id: str,
    service: str,
    severity: Severity | None,
    detail: str = "",
    group: AlertGroup | None = None,
) -> tuple[str, str]:
    """Title and text for the team's channel: which alerts, of which service, how severe, and where to look. `detail`
    may hold text from outside: it stays on one line.
    """
    level = "" if severity is None else f" (level {severity.level}, {page_severity(severity.level)})"
    what = _service(service) if group is None else f"{clip(_alert_names(group), 80)} at {_service(service)}"
    title = clip(f"{_BEGINNINGS[event]}: {what}{level}", MAX_TITLE)
    reasons = [] if severity is None or event != "opened" else [f"- {one_line(one)}" for one in severity.reasons]
    lines = [one_line(detail), *([] if group is None else _told(group)), *reasons]
    lines.append(f"python starter.py incident show {incident_id}")
    return title, "\n".join(line for line in lines if line)


def approval(planned: PlannedAction) -> str:
    """What an approver reads: the catalogue's words, the values, and apart from them the reason that was given."""
    action = planned.action
    values = ", ".join(f"{name}={value}" for name, value in sorted(planned.parameters.items())) or "none"
    undo = "can be undone" if action.rollback is not None else "cannot be undone"
    judged = "is not verified" if action.verify is None else f"is verified by {action.verify.condition}"
    lines = [
        f"{action.title} ({action.id})",
        f"Parameters: {values}",
        f"Reaches: {action.blast_radius}; {undo}; {judged}; at most {action.max_per_hour} an hour",
        f"Needs approval since {planned.approval_reason or 'a person was asked for'}",
    ]
    if planned.reason:
        lines.append(f"Reason given with the plan (not checked): {one_line(planned.reason)}")
    return "\n".join(lines)


def _told(group: AlertGroup) -> list[str]:
    """How many alerts fire, and where the first of them says to look."""
    left_out = f", {group.truncated} left out by the sender" if group.truncated else ""
    links = [text for alert in group.alerts[:1] for name, text in alert.annotations.items() if name in LINKS]
    return [f"{group.firing} alerts fire, {group.resolved} are resolved{left_out}", *map(one_line, links)]


def _alert_names(group: AlertGroup) -> str:
    names = dict.fromkeys(alert.labels.get("alertname", "alert") for alert in group.alerts)
    shown = ", ".join(one_line(name) for name in list(names)[:5]) or one_line(group.labels.get("alertname", "alert"))
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _service(service: str) -> str:
    return clip(one_line(service), 100) or "unknown service"
