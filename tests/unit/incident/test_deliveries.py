"""A delivery is judged whole and cut afterwards: whoever should be paged is paged, whatever its size and shape."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.incident.recorded import NAMES, body, text
from towpath.contracts.incident.alerts import AlertGroup, AlertmanagerWebhook, AlertStatus
from towpath.contracts.incident.incident import AlertMemory
from towpath.policy.incident.deliveries import BATCH_BYTES, MAX_LABELS, MAX_VALUE, ServiceAlerts, parts
from towpath.policy.incident.levels import level_of
from towpath.policy.incident.severity import PAGING, assess
from workflows.incident.intake import AlertInbox

NOW = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
BEGAN = "2026-12-01T01:20:00Z"


def made(*alerts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A body as Alertmanager sends it, with what is given in place of the usual."""
    usual: dict[str, Any] = {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "i",
    }
    labels = {"alertname": "Slow", "service": "search", "severity": "warning"}
    listed: list[dict[str, Any]] = [
        {"status": "firing", "labels": labels | one.pop("labels", {}), "annotations": {}, "startsAt": BEGAN}
        | {"endsAt": "0001-01-01T00:00:00Z", "fingerprint": f"f{number}"}
        | one
        for number, one in enumerate(alerts)
    ]
    empty: dict[str, Any] = {"groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}}
    return {**usual, **empty, "alerts": listed, **fields}


def taken(given: dict[str, Any], at: datetime = NOW) -> tuple[ServiceAlerts, ...]:
    return parts(AlertmanagerWebhook.model_validate(given), at)


def inbox_of(part: ServiceAlerts) -> AlertInbox:
    """What the run of a part has of it."""
    inbox = AlertInbox(AlertMemory(group=AlertGroup(group_key=part.group_key, labels=part.labels)))
    for batch in part.batches:
        inbox.take(batch, NOW)
    return inbox


def level(given: dict[str, Any]) -> int:
    return max(assess(inbox_of(part).group.alerts, (), ()).level for part in taken(given))


USUAL: dict[str, Any] = {}
CRITICAL: list[Any] = [
    pytest.param(made({"labels": {"severity": "critical", **{f"a{n}": "x" for n in range(20)}}}), id="20 labels"),
    pytest.param(made({"labels": {f"a{n:02}": "x" for n in range(16)} | {"severity": "critical"}}), id="19 labels"),
    pytest.param(made(*[USUAL] * 59, {"labels": {"severity": "critical"}}), id="60th alert"),
    pytest.param(made(*[USUAL] * 999, {"labels": {"severity": "critical"}}), id="1,000th alert"),
    pytest.param(made({"labels": {"severity": "critical"}, "annotations": {"a": "x" * 2001}}), id="long annotation"),
    pytest.param(made({"labels": {"severity": "critical", "l": "x" * 9000}}), id="long label"),
    pytest.param(made({"labels": {"severity": "critical"}}, groupKey="k" * 20_000), id="long group key"),
    pytest.param(made({"labels": {"severity": "critical"}}, groupKey=""), id="no group key"),
    pytest.param(made({"labels": {"severity": "critical"}, "startsAt": "soon", "fingerprint": None}), id="no start"),
    pytest.param(made({"labels": {"severity": "critical"}, "status": "Alerting"}), id="another status"),
    pytest.param(made({"labels": {"severity": "critical"}, "level": 1}), id="a level of its own"),
    pytest.param(made({"labels": {"severity": None, "Severity": "critical"}}), id="name in capitals"),
    pytest.param(made({"labels": {"severity": "info", "priority": "urgent"}}), id="priority"),
    pytest.param(made({"labels": {"severity": "", "n": 7}}, commonLabels={"severity": "critical"}), id="common"),
    pytest.param(made(version="1") | {"alerts": ["x"]}, id="text"),
    *(
        pytest.param(made({"labels": {"severity": word}}), id=word)
        for word in ("P0", "p1", "P-1", "sev0", "SEV1", "Sev 1", "fatal", "crit", "blocker", "urgent", "Ｐ０", "page")
    ),
]


@pytest.mark.parametrize("given", CRITICAL)
def test_critical_alert_is_level_4_wherever_it_stands(given: dict[str, Any]) -> None:
    """Severity is read from the whole delivery, before anything is cut."""
    assert level(given) == 4


@pytest.mark.parametrize("word", ["", "banana", "3", "lowest; set severity to 1", "none of your business", "-"])
def test_unknown_severity_pages(word: str) -> None:
    """No word, or one that nobody knows, calls people; it is not taken for harmless."""
    assert level(made({"labels": {"severity": word}})) == PAGING


@pytest.mark.parametrize(("word", "found"), [("warning", 2), ("P3", 2), ("info", 1), ("none", 1), ("P5", 1), ("p2", 3)])
def test_known_words_keep_their_level(word: str, found: int) -> None:
    """What is said to be harmless is."""
    assert level_of({"severity": word}) == found


def test_parts_are_bounded_by_bytes() -> None:
    """200 alerts with seven annotations of 1,900 characters are taken, in signals far below Temporal's limit."""
    annotations = {f"a{number}": "y" * 1900 for number in range(7)}
    (part,) = taken(made(*({"annotations": annotations} for _ in range(200))))

    assert sum(len(batch.alerts) for batch in part.batches) == 200
    assert all(len(batch.model_dump_json().encode()) < BATCH_BYTES + 1000 for batch in part.batches)


labels_of_any = st.dictionaries(st.text(max_size=80), st.text(max_size=400), max_size=25)


@given(st.lists(st.tuples(labels_of_any, st.sampled_from(["critical", "error", "warning", "info"])), min_size=1))
def test_cutting_never_lowers(alerts: list[tuple[dict[str, str], str]]) -> None:
    """For any labels the level of what is kept is the highest of what came, by an oracle of five lines."""
    given = [
        {
            "labels": {
                name: text
                for name, text in one.items()
                if name.strip().casefold() not in {"severity", "priority", "service", "alertname"}
            }
            | {"severity": word}
        }
        for one, word in alerts
    ]
    order = ["info", "warning", "error", "critical"]
    worst = 1 + max(order.index(word) for _, word in alerts)

    assert level(made(*given)) >= worst
    for part in taken(made(*given)):
        for batch in part.batches:
            assert all(len(alert.labels) <= MAX_LABELS for alert in batch.alerts)
            assert all(len(value) <= MAX_VALUE for alert in batch.alerts for value in alert.labels.values())


def test_services_of_a_group_have_an_incident_each() -> None:
    """Two services in one group are both looked at; later news of each goes the same way, alone or together."""
    mixed = body("alertmanager-mixed-services")
    both = taken(mixed)
    alone = [taken(mixed | {"alerts": [alert]})[0] for alert in mixed["alerts"]]

    assert {part.service for part in both} == {"checkout", "search"}
    assert len({part.group_key for part in both}) == 2
    assert {part.group_key for part in alone} == {part.group_key for part in both}


def test_a_group_by_service_keeps_its_name() -> None:
    """Where the sender groups by service, the incident is the group's, as before."""
    (part,) = taken(made({}, groupLabels={"service": "search"}, groupKey='{}:{service="search"}'))

    assert (part.group_key, part.service) == ('{}:{service="search"}', "search")


@pytest.mark.parametrize("name", NAMES)
def test_recorded_bodies_are_read(name: str) -> None:
    """Whatever real programs send becomes incidents with every alert, each label on one line."""
    found = taken(json.loads(text(name)))
    alerts = [alert for part in found for batch in part.batches for alert in batch.alerts]

    assert len(alerts) == len(body(name)["alerts"])
    assert all(alert.fingerprint and alert.level for alert in alerts)
    assert all(value.isprintable() for alert in alerts for value in (*alert.labels, *alert.labels.values()))
    assert all(batch.model_dump_json().encode() for part in found for batch in part.batches)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("alertmanager-sixty", 4),
        ("alertmanager-many-labels", 4),
        ("alertmanager-long-annotation", 4),
        ("alertmanager-control-characters", 4),
        ("alertmanager-firing", 4),
        ("alertmanager-truncated", 2),
        ("prometheus-firing", 4),
        ("grafana-documented", 4),
    ],
)
def test_recorded_bodies_have_their_level(name: str, found: int) -> None:
    """The level of each body, read by a person."""
    assert level(body(name)) == found


def test_grafana_alerts_are_told_apart_with_their_values() -> None:
    """Grafana's figures are kept with the alert; one without a fingerprint is told apart by its labels."""
    (part,) = taken(body("grafana-documented"))
    alerts = {alert.labels["alertname"]: alert for batch in part.batches for alert in batch.alerts}

    assert alerts["Memory is short"].annotations["values"] == "B=44.23943737541908, C=1"
    assert len({alert.fingerprint for alert in alerts.values()}) == 2
    assert inbox_of(part).group.firing == 2


def test_truncated_rest_stays_open() -> None:
    """An ended part of a group says nothing of what the sender left out, in the body that Alertmanager really sends."""
    (first,), (second,) = taken(body("alertmanager-truncated")), taken(body("alertmanager-truncated-resolved"))
    inbox = inbox_of(first)
    for batch in second.batches:
        inbox.take(batch, NOW)

    assert body("alertmanager-truncated-resolved")["status"] == "resolved"
    assert (inbox.group.firing, inbox.group.resolved, inbox.group.truncated) == (0, 2, 3)
    assert not inbox.resolved


def test_a_later_delivery_without_gaps_ends_it() -> None:
    """Once nothing is left out, the alerts that are known decide again."""
    (part,) = taken(body("alertmanager-truncated-resolved"))
    inbox = inbox_of(part)
    whole = body("alertmanager-truncated-resolved") | {"truncatedAlerts": 0}
    for batch in taken(whole, NOW + timedelta(minutes=1))[0].batches:
        inbox.take(batch, NOW)

    assert inbox.resolved


def test_ends_that_leave_something_out_begin_an_incident() -> None:
    """Where only ends are told and more was left out, nobody knows what fires: an incident begins."""
    assert [part.begins for part in taken(body("alertmanager-truncated-resolved"))] == [True]
    assert [part.begins for part in taken(body("alertmanager-firing-resolved"))] == [False]


@pytest.mark.parametrize(
    ("status", "ends_at", "found"),
    [
        ("firing", "0001-01-01T00:00:00Z", AlertStatus.FIRING),
        ("firing", "2026-12-01T01:40:00Z", AlertStatus.RESOLVED),
        ("firing", "2026-12-01T02:40:00Z", AlertStatus.FIRING),
        ("resolved", "2026-12-01T01:40:00Z", AlertStatus.RESOLVED),
        ("resolved", "0001-01-01T00:00:00Z", AlertStatus.RESOLVED),
        ("resolved", "2026-12-01T02:40:00Z", AlertStatus.RESOLVED),
        (None, "2026-12-01T01:40:00Z", AlertStatus.RESOLVED),
        (None, None, AlertStatus.FIRING),
    ],
)
def test_each_alert_has_its_own_status(status: str | None, ends_at: str | None, found: AlertStatus) -> None:
    """The alert's status and its end decide, whatever the delivery calls itself."""
    (part,) = taken(made({"status": status, "endsAt": ends_at}, status="resolved"))

    assert part.batches[0].alerts[0].status is found
