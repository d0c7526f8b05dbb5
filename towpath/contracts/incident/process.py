"""The process of incident response, and the name of a group of alerts."""

import hashlib

from towpath.contracts.core.process import SUBJECT, TRIGGER, Again, Process
from towpath.contracts.incident.incident import IncidentFailure, IncidentOutcome, IncidentRequest, IncidentResult


def group_name(group_key: str) -> str:
    """Stable name of a group of alerts: the first 64 bits of the SHA-256 of Alertmanager's group key."""
    return hashlib.sha256(group_key.encode()).hexdigest()[:16]


def _again(failure: IncidentFailure, again: Again) -> IncidentRequest:
    if again.discard is None:
        return failure.request
    return failure.request.model_copy(update={"discard": again.discard})


INCIDENT = Process(
    name="incident-response",
    folder="incident",
    request=IncidentRequest,
    result=IncidentResult,
    failure=IncidentFailure,
    key=lambda request, _: group_name(request.group_key),
    labels=lambda request: {**({SUBJECT: request.subject} if request.subject else {}), TRIGGER: "webhook"},
    title=lambda request: f"incident at {request.service or 'an unknown service'}",
    succeeded=lambda result: result.outcome is not IncidentOutcome.HANDED_OVER,
    keeps=lambda _: ["all of the incident but its end"],
    again=_again,
    dead_letter_queue="failed-incidents",
    command="incident receive",
)
