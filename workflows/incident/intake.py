"""The alerts of one incident: what came, deduplicated and bounded, and whether anything still fires."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from towpath.contracts.core.wire import clip
from towpath.contracts.incident.alerts import Alert, AlertBatch, AlertGroup, AlertStatus
from towpath.contracts.incident.incident import AlertMemory, KnownAlert
from towpath.policy.incident.deliveries import MAX_VALUE, bounded, fingerprint, judged
from towpath.policy.incident.levels import level_of_alert

MAX_KNOWN = 10_000
"""Alerts told apart. Beyond them alerts are only counted, as those are that Alertmanager leaves out."""
MAX_KEPT = 50


class AlertInbox:
    """Takes deliveries in any order and any number of times; what is known in the end is the same.

    An alert is known by its fingerprint. News of it is as old as its start, or its end when it is over, and never newer
    than its delivery: the newest says whether it fires, and at one moment the end. With `by_start`, as in runs from
    before December 2026, a later start is newer whatever ended meanwhile, and what was left out decides nothing.
    """

    def __init__(self, memory: AlertMemory, *, by_start: bool = False) -> None:
        self._by_start = by_start
        self._group = memory.group
        self._known = dict(memory.known)
        self._truncated = memory.truncated
        self._truncated_at = memory.truncated_at
        self._uncounted = memory.uncounted

    @property
    def memory(self) -> AlertMemory:
        return AlertMemory(
            group=self.group,
            known=dict(self._known),
            truncated=self._truncated,
            truncated_at=self._truncated_at,
            uncounted=self._uncounted,
        )

    @property
    def group(self) -> AlertGroup:
        resolved = sum(alert.status is AlertStatus.RESOLVED for alert in self._known.values())
        counts = {"firing": len(self._known) - resolved, "resolved": resolved, "truncated": self._truncated}
        return self._group.model_copy(update=counts)

    @property
    def is_empty(self) -> bool:
        return not self._known

    @property
    def resolved(self) -> bool:
        """Whether all alerts that are known have been resolved, and none is left that nobody knows of."""
        if not self._by_start and (self._truncated or self._uncounted):
            return False
        return bool(self._known) and all(alert.status is AlertStatus.RESOLVED for alert in self._known.values())

    def firing_news(self, batches: Sequence[AlertBatch], now: datetime) -> bool:
        """Whether a delivery tells of an alert that fires and was not known to."""
        told = ((alert, batch.at or now) for batch in batches for alert in self._read(batch, batch.at or now))
        return any(alert.status is AlertStatus.FIRING and self._is_news(alert, at) for alert, at in told)

    def take(self, batch: AlertBatch, now: datetime) -> tuple[Alert, ...]:
        """What of the delivery is news. `now` stands for the time of a delivery that has none."""
        at = batch.at or now
        self._leave_out(batch.truncated, at)
        news = [alert for alert in self._read(batch, at) if self._accept(alert, at)]
        if news:
            self._keep(news)
        return tuple(news)

    def _read(self, batch: AlertBatch, at: datetime) -> Sequence[Alert]:
        return batch.alerts if self._by_start else [judged(alert, alert.labels, at) for alert in batch.alerts]

    def _leave_out(self, truncated: int, at: datetime) -> None:
        """The latest delivery says how many alerts nobody hears of; parts of one delivery say the same."""
        if self._by_start:
            self._truncated = max(self._truncated, truncated)
        elif self._truncated_at is None or at > self._truncated_at:
            self._truncated, self._truncated_at = truncated, at
        elif at == self._truncated_at:
            self._truncated = max(self._truncated, truncated)

    def _is_news(self, alert: Alert, at: datetime) -> bool:
        known = self._known.get(fingerprint(alert))
        if known is None:
            return True
        if self._by_start:
            is_end = alert.status is AlertStatus.RESOLVED and known.status is AlertStatus.FIRING
            return alert.starts_at > known.starts_at or (is_end and alert.starts_at == known.starts_at)
        if _age(alert, at) <= (known.moment or known.starts_at, known.status is AlertStatus.RESOLVED):
            return False
        return (alert.status, alert.starts_at) != (known.status, known.starts_at)

    def _accept(self, alert: Alert, at: datetime) -> bool:
        name = fingerprint(alert)
        is_news = self._is_news(alert, at)
        if is_news and name not in self._known and len(self._known) >= MAX_KNOWN:
            self._overflow(alert)
            return False
        if is_news or self._is_later(name, alert, at):
            moment = None if self._by_start else _age(alert, at)[0]
            self._known[name] = KnownAlert(status=alert.status, starts_at=alert.starts_at, moment=moment)
        return is_news

    def _is_later(self, name: str, alert: Alert, at: datetime) -> bool:
        """Whether the same is said of a later moment."""
        known = self._known.get(name)
        if self._by_start or known is None or known.moment is None or known.status is not alert.status:
            return False
        return _age(alert, at)[0] > known.moment

    def _overflow(self, alert: Alert) -> None:
        if self._by_start:
            self._truncated += 1
        elif alert.status is AlertStatus.FIRING:
            self._uncounted += 1

    def _keep(self, news: Sequence[Alert]) -> None:
        kept = {fingerprint(alert): alert for alert in self._group.alerts}
        for alert in news:
            name = fingerprint(alert)
            if name not in kept and len(kept) >= MAX_KEPT:
                least = None if self._by_start else _least(kept, alert)
                if least is None:
                    continue
                del kept[least]
            kept[name] = bounded(alert)
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


def _age(alert: Alert, at: datetime) -> tuple[datetime, bool]:
    """The moment of news, and whether it is an end, which comes after a start of the same moment."""
    if alert.status is AlertStatus.FIRING:
        return min(alert.starts_at, at), False
    return min(max(alert.ends_at or alert.starts_at, alert.starts_at), at), True


def _least(kept: dict[str, Alert], alert: Alert) -> str | None:
    """Which of the kept alerts says less than this one: less severe, or one of many with its name."""
    names = Counter(one.labels.get("alertname", "") for one in kept.values())

    def says(one: Alert, others: int) -> tuple[bool, int, bool]:
        return one.status is AlertStatus.FIRING, level_of_alert(one), others == 0

    least, told = min(
        ((name, says(one, names[one.labels.get("alertname", "")] - 1)) for name, one in kept.items()),
        key=lambda pair: pair[1],
    )
    return least if told < says(alert, names[alert.labels.get("alertname", "")]) else None
