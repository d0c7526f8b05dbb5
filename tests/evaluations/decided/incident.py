"""What is asked of the rules of incidents. Bodies of alerts are read as the receiver reads them."""

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import JsonValue

from tests.evaluations.cases import Strict
from tests.evaluations.decided.question import Question
from tests.evaluations.incident_world import shipped_files
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.incident.alerts import AlertGroup, AlertmanagerWebhook, AlertStatus
from towpath.contracts.incident.incident import AlertMemory
from towpath.contracts.incident.remediation import ActionCatalogue, ActionUses, Verify
from towpath.policy.incident.autonomy import unproved
from towpath.policy.incident.conditions import Judged, Judgement
from towpath.policy.incident.deliveries import parts
from towpath.policy.incident.severity import PAGING, assess
from towpath.policy.incident.verdicts import Looks
from workflows.incident.intake import AlertInbox

CHECK_SECONDS, MOST_LOOKS = 15, 200
LOOKS = {"holds": Judgement.HOLDS, "fails": Judgement.FAILS, "none": Judgement.UNKNOWN}


class Deliveries(Strict):
    """Bodies of webhooks in the order in which they come, each with its moment; what is long is not written out."""

    bodies: list[JsonObject]
    at: list[datetime]
    times: int = 0
    """So many copies of the first alert stand before it, each a warning with a fingerprint of its own."""
    more_labels: int = 0
    """So many labels stand before those of each alert."""
    long_annotation: int = 0
    """So long is an annotation that each alert has besides."""
    long_key: int = 0


class LooksAtMetrics(Strict):
    """What each look sees, over and over."""

    looks: list[Literal["holds", "fails", "none"]]


class ProofNeeded(Strict):
    """`values` of metrics now, and how the last uses of the action ended."""

    action: str
    values: dict[str, float]
    judged: int
    verified: int


def _deliver(given: Deliveries) -> JsonObject:
    """What becomes of the deliveries: incidents by service with their level, who is paged, and what stays open."""
    inboxes: dict[tuple[str, str], AlertInbox] = {}
    begun: dict[str, bool] = {}
    for body, at in zip(given.bodies, given.at, strict=True):
        webhook = AlertmanagerWebhook.model_validate(_grown(body, given))
        for part in parts(webhook, at):
            place = (part.group_key, part.service)
            empty = AlertMemory(group=AlertGroup(group_key=part.group_key, labels=part.labels))
            inbox = inboxes.setdefault(place, AlertInbox(empty))
            begun[part.service] = begun.get(part.service, False) or part.begins
            for batch in part.batches:
                inbox.take(batch, at)
    levels: dict[str, int] = {}
    firing: dict[str, bool] = {}
    for (_, service), inbox in inboxes.items():
        kept = [alert for alert in inbox.group.alerts if alert.status is AlertStatus.FIRING]
        levels[service] = max(levels.get(service, 0), assess(kept, (), ()).level if kept else 0)
        firing[service] = firing.get(service, False) or not inbox.resolved
    return {
        "incidents": [*sorted(service for service, begins in begun.items() if begins)],
        "levels": dict[str, JsonValue](levels),
        "paged": [*sorted(service for service, level in levels.items() if level >= PAGING)],
        "fires": [*sorted(service for service, fires in firing.items() if fires)],
    }


def _grown(body: JsonObject, given: Deliveries) -> dict[str, Any]:
    grown: dict[str, Any] = {**body}
    alerts: list[dict[str, Any]] = [{**alert} for alert in grown["alerts"]]
    if given.times:
        quiet = {**alerts[0], "labels": {**alerts[0]["labels"], "severity": "info"}}
        alerts = [*({**quiet, "fingerprint": f"{number:016x}"} for number in range(given.times)), *alerts]
    for alert in alerts:
        before = {f"label_{number:02}": "value" for number in range(given.more_labels)}
        alert["labels"] = {**before, **alert["labels"]}
        if given.long_annotation:
            alert["annotations"] = {"description": "a" * given.long_annotation}
    if given.long_key:
        grown["groupKey"] = "k" * given.long_key
    return {**grown, "alerts": alerts}


def _look(given: LooksAtMetrics) -> JsonObject:
    verify = Verify(condition="metrics.error_rate < 0.02", every=timedelta(seconds=CHECK_SECONDS))
    now = datetime.fromisoformat("2026-12-01T12:00:00+00:00")
    looks = Looks(verify, now)
    for number in range(MOST_LOOKS):
        looks.add(Judged(LOOKS[given.looks[number % len(given.looks)]], "error_rate"), now)
        answer = looks.answer(now)
        if answer is not None:
            return {"verdict": answer.value}
        now += looks.next_look(now)
    return {"verdict": None}


def _prove(given: ProofNeeded) -> JsonObject:
    catalogue = shipped_files().catalogue or ActionCatalogue()
    action = next(one for one in catalogue.actions if one.id == given.action)
    uses = ActionUses(judged=given.judged, verified=given.verified)
    return {"may_act_alone": not unproved(action, catalogue.metrics, given.values, uses)}


QUESTIONS: dict[str, Question[Any]] = {
    "what becomes of the alerts": Question(Deliveries, _deliver),
    "did the action help": Question(LooksAtMetrics, _look),
    "may it act without a person": Question(ProofNeeded, _prove),
}
