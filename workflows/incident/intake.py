"""The alerts of one incident: what came, deduplicated and bounded, and whether anything still fires."""

from collections.abc import Sequence
from itertools import chain

from towpath.contracts.core.wire import clip
from towpath.contracts.incident.alerts import Alert, AlertBatch, AlertGroup, AlertStatus
from towpath.contracts.incident.incident import AlertMemory, KnownAlert

MAX_KNOWN = 10_000
"""Alerts told apart. Beyond them alerts are only counted, as those are that Alertmanager leaves out."""
MAX_KEPT = 50
MAX_LABELS = 15
MAX_NAME, MAX_VALUE = 60, 300


class AlertInbox:
    """Takes deliveries in any order and any number of times.

    An alert is known by its fingerprint: a later start is newer news, and with the same start `resolved` is newer than
    `firing`. Everything else was heard before.
    """

    def __init__(self, memory: AlertMemory) -> None:
        self._group = memory.group
        self._known = dict(memory.known)
        self._truncated = memory.truncated

    @property
    def memory(self) -> AlertMemory:
        return AlertMemory(group=self.group, known=dict(self._known), truncated=self._truncated)

    @property
    def group(self) -> AlertGroup:
        resolved = sum(alert.status is AlertStatus.RESOLVED for alert in self._known.values())
        return self._group.model_copy(update={"firing": len(self._known) - resolved, "resolved": resolved})

    @property
    def is_empty(self) -> bool:
        return not self._known

    @property
    def resolved(self) -> bool:
        """Whether all alerts that are known have been resolved."""
        return bool(self._known) and all(alert.status is AlertStatus.RESOLVED for alert in self._known.values())

    def firing_news(self, batches: Sequence[AlertBatch]) -> bool:
        """Whether a delivery tells of an alert that fires and was not known to."""
        alerts = chain.from_iterable(batch.alerts for batch in batches)
        return any(alert.status is AlertStatus.FIRING and self._is_news(alert) for alert in alerts)

    def take(self, batch: AlertBatch) -> tuple[Alert, ...]:
        """What of the delivery is news."""
        self._truncated = max(self._truncated, batch.truncated)
        news = [alert for alert in batch.alerts if self._accept(alert)]
        if news:
            self._keep(news)
        return tuple(news)

    def _is_news(self, alert: Alert) -> bool:
        known = self._known.get(alert.fingerprint)
        if known is None or alert.starts_at > known.starts_at:
            return True
        is_end = alert.status is AlertStatus.RESOLVED and known.status is AlertStatus.FIRING
        return is_end and alert.starts_at == known.starts_at

    def _accept(self, alert: Alert) -> bool:
        if not self._is_news(alert):
            return False
        if alert.fingerprint not in self._known and len(self._known) >= MAX_KNOWN:
            self._truncated += 1
            return False
        self._known[alert.fingerprint] = KnownAlert(status=alert.status, starts_at=alert.starts_at)
        return True

    def _keep(self, news: Sequence[Alert]) -> None:
        kept = {alert.fingerprint: alert for alert in self._group.alerts}
        for alert in news:
            if alert.fingerprint in kept or len(kept) < MAX_KEPT:
                kept[alert.fingerprint] = _bounded(alert)
        labels = self._group.labels if self._group.received else dict(news[0].labels)
        self._group = self._group.model_copy(
            update={
                "alerts": tuple(kept.values()),
                "received": self._group.received + len(news),
                "labels": {
                    name: clip(value, MAX_VALUE)
                    for name, value in labels.items()
                    if all(clip(alert.labels.get(name, ""), MAX_VALUE) == clip(value, MAX_VALUE) for alert in news)
                },
            }
        )


def _bounded(alert: Alert) -> Alert:
    return alert.model_copy(
        update={"labels": _short(alert.labels), "annotations": _short(alert.annotations), "generator_url": ""}
    )


def _short(texts: dict[str, str]) -> dict[str, str]:
    return {clip(name, MAX_NAME): clip(text, MAX_VALUE) for name, text in list(texts.items())[:MAX_LABELS]}
