"""News of all orders: whatever comes when and how often, what is known in the end is what the deliveries say."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.contracts.incident.alerts import Alert, AlertBatch, AlertGroup, AlertmanagerWebhook, AlertStatus
from towpath.contracts.incident.incident import AlertMemory
from towpath.policy.incident.deliveries import parts
from workflows.incident.intake import MAX_KEPT, AlertInbox

NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
NAMES = ("a", "b", "c")


def moment(tenths: int) -> datetime:
    return NOON + timedelta(seconds=tenths / 10)


def told(name: str, start: int, end: int | None, at: int) -> AlertBatch:
    """A delivery at `at` of an alert that began at `start`, and has ended at `end` if that is given."""
    status = AlertStatus.FIRING if end is None else AlertStatus.RESOLVED
    ends_at = None if end is None else moment(end)
    alert = Alert(status=status, labels={"alertname": name}, starts_at=moment(start), ends_at=ends_at, fingerprint=name)
    return AlertBatch(alerts=(alert,), at=moment(at))


def empty() -> AlertInbox:
    return AlertInbox(AlertMemory(group=AlertGroup(group_key="g", labels={})))


def after(batches: list[AlertBatch] | tuple[AlertBatch, ...]) -> AlertInbox:
    inbox = empty()
    for batch in batches:
        inbox.take(batch, moment(10_000))
    return inbox


def fires(batches: list[AlertBatch], name: str) -> bool | None:
    """The oracle: an alert fires if its latest start is later than its latest end. Nothing is known from the future.

    It looks at all deliveries at once, in no order, and shares no code with the inbox. None: nobody told of it.
    """
    starts: list[datetime] = []
    ends: list[datetime] = []
    for batch in batches:
        assert batch.at is not None
        for alert in batch.alerts:
            if alert.fingerprint != name:
                continue
            if alert.ends_at is not None:
                ends.append(min(batch.at, max(alert.starts_at, alert.ends_at)))
            else:
                starts.append(min(batch.at, alert.starts_at))
    if not starts and not ends:
        return None
    return bool(starts) and (not ends or max(starts) > max(ends))


def _told(name: str, start: int, length: int | None, late: int) -> AlertBatch:
    return told(name, start, None if length is None else start + length, start + late)


deliveries = st.builds(
    _told, st.sampled_from(NAMES), st.integers(0, 30), st.one_of(st.none(), st.integers(0, 12)), st.integers(-10, 20)
)
"""Starts and ends within three seconds, told before, while and after they are; many at the same moment."""


@given(st.lists(deliveries, min_size=1, max_size=5))
@settings(max_examples=150)
def test_all_orders_end_alike(batches: list[AlertBatch]) -> None:
    """Each order of the deliveries, one of them twice, ends in what the oracle says."""
    truth = {name: fires(batches, name) for name in NAMES}
    for order in permutations(batches):
        inbox = after((*order, batches[0]))
        known = inbox.memory.known
        assert {name: known[name].status is AlertStatus.FIRING if name in known else None for name in NAMES} == truth
        assert inbox.resolved == (not any(truth.values()))
        assert inbox.group.firing == sum(value is True for value in truth.values())


@given(st.lists(deliveries, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_long_courses_end_alike(batches: list[AlertBatch], shuffled: Any) -> None:
    """The same for long courses in a random order, with a new history in the middle."""
    order = list(batches)
    shuffled.shuffle(order)
    half = after(order[: len(order) // 2])
    inbox = AlertInbox(AlertMemory.model_validate_json(half.memory.model_dump_json()))
    for batch in order[len(order) // 2 :]:
        inbox.take(batch, moment(10_000))

    assert inbox.memory.known.keys() == {alert.fingerprint for batch in batches for alert in batch.alerts}
    for name, known in inbox.memory.known.items():
        assert (known.status is AlertStatus.FIRING) == fires(batches, name)


@pytest.mark.parametrize(
    ("batches", "firing"),
    [
        pytest.param([told("a", 36_000, None, 10), told("a", 0, 60, 61)], False, id="start in the future"),
        pytest.param([told("a", 0, None, 1), told("a", 0, 4, 5), told("a", 7, None, 8)], True, id="within a second"),
        pytest.param([told("a", 0, None, 1), told("a", 7, None, 8), told("a", 0, 4, 9)], True, id="old end comes late"),
        pytest.param([told("a", 0, 4, 5), told("a", 0, None, 6)], False, id="old start comes late"),
        pytest.param(
            [told("a", 0, None, 1), told("a", 3, None, 4), told("a", 0, 20, 21)], False, id="two starts, one end"
        ),
        pytest.param([told("a", 0, None, 1)] * 3, True, id="three times"),
    ],
)
def test_known_courses(batches: list[AlertBatch], *, firing: bool) -> None:
    """Courses that were wrong, or might be."""
    assert after(batches).resolved is not firing


def test_what_is_told_twice_counts_once() -> None:
    """Repeated deliveries are no news, even of a start that lies in the future."""
    again = [told("a", 0, None, at) for at in (1, 5, 9)] + [told("b", 500, None, at) for at in (1, 5, 9)]

    assert after(again).group.received == 2


def test_alerts_without_fingerprints_are_told_apart() -> None:
    """By their labels: the end of one is not the end of the others."""
    alerts = [{"labels": {"alertname": name}, "startsAt": NOON.isoformat()} for name in NAMES]
    body = {"groupKey": "g", "alerts": alerts}
    over = body | {"alerts": [alerts[0] | {"status": "resolved", "endsAt": moment(5).isoformat()}]}
    inbox = empty()
    for number, sent in enumerate((body, over)):
        (part,) = parts(AlertmanagerWebhook.model_validate(sent), moment(10 + number))
        inbox.take(part.batches[0], moment(0))

    assert (inbox.group.firing, inbox.group.resolved, inbox.resolved) == (2, 1, False)


def test_what_is_kept_says_most() -> None:
    """Of more alerts than are kept, the severe and the different ones are."""
    inbox = empty()
    for number in range(200):
        name, severity = ("Odd", "info") if number == 120 else ("Same", "critical" if number == 199 else "warning")
        labels = {"alertname": name, "severity": severity, "instance": str(number)}
        inbox.take(AlertBatch(alerts=(Alert(labels=labels, starts_at=NOON, fingerprint=str(number)),)), NOON)
    kept = inbox.group.alerts

    assert len(kept) == MAX_KEPT
    assert any(alert.labels["severity"] == "critical" for alert in kept)
    assert inbox.group.firing == 200


def test_runs_from_before_go_on_as_they_began() -> None:
    """Without the change a later start outranks a later end, as recorded histories have it."""
    old = AlertInbox(AlertMemory(group=AlertGroup(group_key="g", labels={})), by_start=True)
    for batch in (told("a", 0, None, 1), told("a", 3, None, 4), told("a", 0, 20, 21)):
        old.take(batch, moment(30))

    assert not old.resolved
