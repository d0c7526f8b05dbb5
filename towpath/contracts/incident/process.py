"""The process of incident response, and the name of a group of alerts."""

import hashlib

from towpath.contracts.core.process import SUBJECT, TRIGGER, Process
from towpath.contracts.incident.incident import IncidentRequest, IncidentResult


def group_name(group_key: str) -> str:
    """Stable name of a group of alerts: the first 64 bits of the SHA-256 of Alertmanager's group key."""
    return hashlib.sha256(group_key.encode()).hexdigest()[:16]


INCIDENT = Process(
    name="incident-response",
    request=IncidentRequest,
    result=IncidentResult,
    key=lambda request, _: group_name(request.group_key),
    labels=lambda request: {SUBJECT: request.service or "unknown", TRIGGER: "webhook"},
    dead_letter_queue="failed-incidents",
)
