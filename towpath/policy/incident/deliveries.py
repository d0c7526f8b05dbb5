"""A delivery of alerts, made ready for its incidents: read whole, cut for keeping, parted by service and by bytes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from towpath.contracts.core.text import clean
from towpath.contracts.core.wire import canonical_digest, clip
from towpath.contracts.incident.alerts import Alert, AlertBatch, AlertmanagerWebhook, AlertStatus
from towpath.contracts.incident.lenient import NEVER
from towpath.policy.incident.levels import level_of

BATCH = 200
BATCH_BYTES = 256 * 1024
"""Of one signal: far below Temporal's limit for a payload, and many times an alert as it is kept."""
MAX_LABELS = 15
MAX_NAME, MAX_VALUE = 60, 300
MAX_KEY = 4000
MAX_SERVICE = 200
FIRST_PART = 2000
"""Characters that are kept of a body that cannot be read."""
SERVICE_LABELS = ("service", "job", "app")
TELLING = ("alertname", *SERVICE_LABELS, "severity", "priority", "instance", "namespace")
"""Labels that are kept before others."""
UNREADABLE = "AlertsUnreadable"


@dataclass(frozen=True, slots=True)
class ServiceAlerts:
    """What of a delivery belongs to one incident."""

    group_key: str
    service: str
    labels: dict[str, str]
    batches: tuple[AlertBatch, ...]

    begins: bool
    """Whether it may begin an incident: something fires, or nobody knows whether what was left out does."""


def parts(webhook: AlertmanagerWebhook, at: datetime) -> tuple[ServiceAlerts, ...]:
    """An incident for each service of the group, the most severe first. Which one an alert belongs to depends on the
    alert and the group's labels alone, so later news of it goes the same way.
    """
    group = _group_key(webhook)
    found: dict[tuple[str, str], list[Alert]] = {}
    for alert in webhook.alerts:
        said = {name: text for name, text in alert.labels.items() if text}
        labels = {**webhook.common_labels, **webhook.group_labels, **said}
        name, service = _service(labels)
        own = name and webhook.group_labels.get(name) != service
        found.setdefault((f"{group}\n{service}" if own else group, service), []).append(_settled(alert, labels, at))
    unknown = webhook.truncated_alerts > 0 and not any(map(_fires, chain.from_iterable(found.values())))
    made = [_part(place, alerts, webhook, at, unknown=unknown) for place, alerts in found.items()]
    return tuple(sorted(made, key=lambda part: -max(alert.level for alert in part.batches[0].alerts)))


def unreadable(body: bytes, why: str, at: datetime) -> AlertmanagerWebhook:
    """An alert of our own that says that alerts could not be read, with the first part of what came."""
    shown = clean(body[: 4 * FIRST_PART].decode("utf-8", "replace"))[:FIRST_PART]
    alert = Alert(
        labels={"alertname": UNREADABLE, "severity": "critical"},
        annotations={"summary": f"alerts came that could not be read: {why}", "body": shown},
        starts_at=at,
        fingerprint=canonical_digest(shown)[:16],
    )
    return AlertmanagerWebhook(group_key="towpath:unreadable", receiver="towpath", alerts=(alert,))


def bounded(alert: Alert) -> Alert:
    """As it is kept; what it says of severity and service was read before, or stands in the labels kept first."""
    return alert.model_copy(
        update={
            "labels": short(alert.labels),
            "annotations": short({**alert.annotations, **_figures(alert)}),
            "values": {},
            "generator_url": "",
        }
    )


def short(texts: Mapping[str, str]) -> dict[str, str]:
    first = [name for name in TELLING if name in texts]
    names = [*first, *(name for name in texts if name not in first)][:MAX_LABELS]
    kept = set(names)
    return {clip(name, MAX_NAME): clip(text, MAX_VALUE) for name, text in texts.items() if name in kept}


def fingerprint(alert: Alert) -> str:
    """The sender's, else one of the labels: without any, all alerts would be one."""
    return alert.fingerprint or f"labels-{canonical_digest(dict(alert.labels))[:16]}"


def shared(labels: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """What all have in common."""
    first, *others = labels
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}


def judged(alert: Alert, labels: Mapping[str, str], at: datetime) -> Alert:
    """Severity by all labels, status by the alert's own and its end."""
    is_over = alert.ends_at is not None and alert.ends_at <= at
    status = AlertStatus.RESOLVED if is_over else alert.status
    return alert.model_copy(update={"level": alert.level or level_of(labels), "status": status})


def _settled(alert: Alert, labels: Mapping[str, str], at: datetime) -> Alert:
    """As it is told to its incident; what a sender calls `level` is not ours."""
    told = judged(alert.model_copy(update={"level": 0}), labels, at)
    ends_at = at if told.status is AlertStatus.RESOLVED and told.ends_at is None else told.ends_at
    began = at if told.starts_at == NEVER else told.starts_at
    name = clip(fingerprint(alert), MAX_NAME)
    return bounded(told.model_copy(update={"starts_at": began, "ends_at": ends_at, "fingerprint": name}))


def _fires(alert: Alert) -> bool:
    return alert.status is AlertStatus.FIRING


def _part(
    place: tuple[str, str], alerts: Sequence[Alert], webhook: AlertmanagerWebhook, at: datetime, *, unknown: bool
) -> ServiceAlerts:
    key, service = place
    worst_first = sorted(alerts, key=lambda alert: (not _fires(alert), -alert.level))
    return ServiceAlerts(
        group_key=_bounded_key(key),
        service=clip(service, MAX_SERVICE),
        labels={**short(shared(alert.labels for alert in alerts)), **short(webhook.group_labels)},
        batches=tuple(AlertBatch(alerts=one, truncated=webhook.truncated_alerts, at=at) for one in _split(worst_first)),
        begins=unknown or any(map(_fires, alerts)),
    )


def _split(alerts: Sequence[Alert]) -> list[tuple[Alert, ...]]:
    """By bytes; an alert as it is kept fits several times."""
    found: list[tuple[Alert, ...]] = []
    part: list[Alert] = []
    size = 0
    for alert in alerts:
        added = len(alert.model_dump_json().encode())
        if part and (size + added > BATCH_BYTES or len(part) == BATCH):
            found.append(tuple(part))
            part, size = [], 0
        part.append(alert)
        size += added
    return [*found, tuple(part)]


def _service(labels: Mapping[str, str]) -> tuple[str, str]:
    """The label that names the service, and the service."""
    return next(((name, labels[name]) for name in SERVICE_LABELS if labels.get(name)), ("", ""))


def _group_key(webhook: AlertmanagerWebhook) -> str:
    """The sender's, else one by its labels."""
    return webhook.group_key or f"{webhook.receiver}:{json.dumps(webhook.group_labels, sort_keys=True)}"


def _bounded_key(key: str) -> str:
    return key if len(key) <= MAX_KEY else f"{key[: MAX_KEY - 70]}…{canonical_digest(key)}"


def _figures(alert: Alert) -> dict[str, str]:
    if not alert.values:
        return {}
    return {"values": ", ".join(f"{name}={value}" for name, value in sorted(alert.values.items()))}
