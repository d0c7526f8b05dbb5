"""What is left of an incident: a post-mortem and a record that hold what happened, and no more."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.unit.incident.material import NOON, alert, evidence, hypothesis, lines, series, severity
from towpath.contracts.core.review import DecidedReview, Verdict
from towpath.contracts.core.run import Cost
from towpath.contracts.incident.alerts import AlertGroup
from towpath.contracts.incident.incident import (
    Acknowledged,
    AlertMemory,
    FollowUp,
    IncidentOutcome,
    IncidentProgress,
    OnCallPaging,
    TimelineEntry,
)
from towpath.contracts.incident.investigation import (
    Diagnosis,
    FindRunbooks,
    FindSimilar,
    InitialAnalysis,
    LogFindings,
    MetricFindings,
    Runbook,
)
from towpath.contracts.incident.remediation import ActionRecord, ActionState
from towpath.policy.incident.messages import page_severity
from towpath.policy.incident.patterns import patterns
from towpath.policy.incident.post_mortem import UNKNOWN, alert_names, post_mortem, record_of
from towpath.policy.incident.runbooks import RunbookEntry, find
from towpath.policy.incident.similarity import rank

ENDED = NOON + timedelta(minutes=12, seconds=5)
GROUP = AlertGroup(group_key="k", labels={"service": "checkout"}, alerts=(alert(),), firing=0, resolved=1, received=3)
BARE = IncidentProgress(alerts=AlertMemory(group=GROUP), service="checkout", started_at=NOON)
FULL = BARE.model_copy(
    update={
        "severity": severity(4),
        "logs": LogFindings(
            source="loki", patterns=patterns(lines("ERROR charge 17 failed", "ERROR charge 18 failed"))
        ),
        "metrics": MetricFindings(series=(series("error_rate", 0.31, 0.002),)),
        "analysis": InitialAnalysis(summary="Payments *fail*", dropped=2),
        "diagnosis": Diagnosis(
            insufficient_evidence=False,
            hypotheses=(hypothesis(evidence("log", "1", "charge 17 failed")),),
            impact="Nobody can pay",
            prevention=("Test the answer's fields",),
        ),
        "actions": (
            ActionRecord(
                number=1,
                action="rollback-deployment",
                title="Roll back",
                parameters={"deployment": "checkout-d7", "service": "checkout"},
                state=ActionState.VERIFIED,
                decision=DecidedReview(verdict=Verdict.APPROVE, reviewer="kim", role="lead", reason="", at=NOON),
            ),
            ActionRecord(
                number=2, action="scale-out", title="Run more", state=ActionState.REFUSED, note="switch is on"
            ),
        ),
        "paging": OnCallPaging(level=1, acknowledged=Acknowledged(by="kim", at=NOON, level=1)),
        "timeline": (TimelineEntry(at=NOON, what="alerts came"), TimelineEntry(at=ENDED, what="resolved")),
        "degraded": {"logs": "Loki timed out"},
        "cost": Cost(usd=Decimal("0.0123"), calls=3, models=("claude-x",)),
    }
)


def test_a_post_mortem_tells_the_record() -> None:
    """Cause with its evidence, actions with who decided, times, cost, and what is missing: all from the record."""
    text = post_mortem("incident-response/1", FULL, IncidentOutcome.RESOLVED, ENDED, (FollowUp(title="Write a test"),))

    for part in (
        "- Severity: 4 of 5: so",
        "- Ended: 2026-11-22 12:12:05 UTC (12 min 5 s)",
        "- Acknowledged: by kim at 2026-11-22 12:00:00 UTC",
        "- Alerts: 3 received: HighErrorRate",
        "Payments \\*fail\\*",
        "- The deployment broke payments (deployment, confidence 0.80)",
        "  - for: log 1: charge 17 failed",
        "- 2 × ERROR charge … failed (error)",
        "- error\\_rate: 0.002 to 0.31",
        "1. Roll back (deployment checkout-d7, service checkout): verified, approve by kim",
        "2. Run more (scale-out): refused. switch is on",
        "- 2026-11-22 12:12:05 UTC resolved",
        "- Write a test (not filed)",
        "- logs was not available: Loki timed out",
        "- 2 statements without evidence were left out",
        "- 3 calls of a model (claude-x), 0.0123 USD",
    ):
        assert part in text


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    """A record without analysis, diagnosis and actions makes a post-mortem that asks for them, not one that invents."""
    text = post_mortem("incident-response/1", BARE, IncidentOutcome.HANDED_OVER, ENDED)

    assert text.count(UNKNOWN) == 7
    assert "- Severity: not assessed" in text
    assert "- Acknowledged: by nobody" in text
    assert "## Actions\n\nNone." in text


def test_insufficient_evidence_is_told() -> None:
    """A diagnosis that found nothing says so in the place of the cause."""
    found = BARE.model_copy(update={"diagnosis": Diagnosis()})

    assert "The evidence was not sufficient" in post_mortem("i", found, IncidentOutcome.HANDED_OVER, ENDED)


@pytest.mark.parametrize(
    ("progress", "cause", "resolution", "level"),
    [
        pytest.param(
            FULL, "The deployment broke payments", "Roll back (deployment checkout-d7, service checkout)", 4, id="full"
        ),
        pytest.param(BARE, "", "handed-over", 1, id="bare"),
    ],
)
def test_the_record_for_incidents_to_come(progress: IncidentProgress, cause: str, resolution: str, level: int) -> None:
    """The likeliest cause, and the actions that were done and held."""
    record = record_of("incident-response/1", progress, IncidentOutcome.HANDED_OVER, ENDED)

    assert (record.cause, record.resolution, record.level) == (cause, resolution, level)
    assert "HighErrorRate" in record.terms


def test_an_incident_is_found_again_by_its_record() -> None:
    """The same incident on another day has the same fingerprint, and its record comes first."""
    record = record_of("incident-response/1", FULL, IncidentOutcome.RESOLVED, ENDED)
    again = record_of("incident-response/2", FULL, IncidentOutcome.RESOLVED, ENDED + timedelta(days=3))

    found = rank(FindSimilar(fingerprint=again.fingerprint, text="anything", service="checkout"), [record])

    assert [(one.incident_id, one.score) for one in found] == [("incident-response/1", 1.0)]
    assert alert_names(FULL) == ("HighErrorRate",)


@pytest.mark.parametrize(
    ("level", "word"), [(1, "info"), (2, "warning"), (3, "error"), (4, "critical"), (5, "critical")]
)
def test_pagerduty_words(level: int, word: str) -> None:
    """Levels in PagerDuty's words."""
    assert page_severity(level) == word


ENTRIES = (
    RunbookEntry(Runbook(name="a", title="Disk full", text="No space left on device: clear it"), alerts=("DiskFull",)),
    RunbookEntry(Runbook(name="b", title="Search is slow", text="Look at the index"), services=("search",)),
    RunbookEntry(Runbook(name="c", title="Certificates", text="certificate has expired: renew the certificate")),
)


@pytest.mark.parametrize(
    ("service", "alerts", "text", "names"),
    [
        pytest.param("checkout", ("DiskFull",), "", ["a"], id="by-alert"),
        pytest.param("search", ("Other",), "", ["b"], id="by-service"),
        pytest.param("search", ("DiskFull",), "", ["a", "b"], id="alert-before-service"),
        pytest.param("checkout", ("Tls",), "tls certificate has expired", ["c"], id="by-words"),
        pytest.param("checkout", ("Other",), "index slow search", [], id="of-another-service"),
        pytest.param("checkout", ("Other",), "nothing in common", [], id="none"),
    ],
)
def test_runbooks(service: str, alerts: tuple[str, ...], text: str, names: list[str]) -> None:
    """Those of the alert, then those of the service, then by words; never those of another service."""
    asked = FindRunbooks(service=service, alert_names=alerts, text=text)

    assert [one.name for one in find(asked, ENTRIES)] == names
