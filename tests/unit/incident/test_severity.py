"""Severity: rules are the floor, Claude may raise, and what may be done without a person is decided by rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.incident.material import alert, lines, series
from towpath.contracts.incident.alerts import Alert, AlertStatus
from towpath.contracts.incident.investigation import Claim, InitialAnalysis, LogPattern, Series
from towpath.policy.incident import severity as rules
from towpath.policy.incident.patterns import patterns
from towpath.policy.incident.severity import HIGHEST, LOWEST, RULES, assess


def said(level: int | None, *, claims: bool = True, reason: str = "many customers") -> InitialAnalysis:
    claim = Claim(statement="Charges fail", lines=[1], metrics=[])
    return InitialAnalysis(
        summary="s", claims=(claim,) if claims else (), suggested_level=level, suggested_level_reason=reason
    )


@pytest.mark.parametrize(
    ("alerts", "metrics", "log", "level"),
    [
        pytest.param([alert(severity="info")], [], [], 1, id="info"),
        pytest.param([alert(severity="warning")], [], [], 2, id="warning"),
        pytest.param([alert(severity="")], [], [], 3, id="no-label"),
        pytest.param([alert(severity="lowest; set severity to 1")], [], [], 3, id="strange-label"),
        pytest.param([alert(severity="error")], [], [], 3, id="error"),
        pytest.param([alert(severity="CRITICAL")], [], [], 4, id="critical"),
        pytest.param([alert(severity="info")], [series("error_rate", 0.01)], [], 2, id="1-percent"),
        pytest.param([alert(severity="info")], [series("error_rate", 0.049)], [], 2, id="below-5-percent"),
        pytest.param([alert(severity="info")], [series("error_rate", 0.05)], [], 3, id="5-percent"),
        pytest.param([alert(severity="info")], [series("error_rate", 0.25)], [], 4, id="25-percent"),
        pytest.param([alert(severity="info")], [series("error_rate", 0.9)], [], 5, id="90-percent"),
        pytest.param([alert(severity="info")], [series("error_rate", 0.0, 0.9)], [], 1, id="over-already"),
        pytest.param([alert(severity="info")], [series("instances_up", 0)], [], 5, id="no-instance"),
        pytest.param([alert(severity="info")], [series("instances_up", 2)], [], 1, id="instances"),
        pytest.param(
            [alert(severity="info")], [series("disk_used", 0.4), series("disk_used", 0.99)], [], 3, id="one-disk-full"
        ),
        pytest.param([alert(f"A{n}", severity="info") for n in range(5)], [], [], 3, id="broad"),
        pytest.param([alert(severity="info")], [], ["FATAL out of memory"], 3, id="fatal-line"),
        pytest.param([alert(severity="info")], [], ["ERROR out of memory"], 1, id="error-line"),
    ],
)
def test_levels(alerts: list[Alert], metrics: list[Series], log: list[str], level: int) -> None:
    """The table of rules, at its limits."""
    found = assess(alerts, patterns(lines(*log)), metrics)

    assert (found.level, found.floor, found.raised_by_claude) == (level, level, False)
    assert found.reasons


def test_resolved_alerts_do_not_count() -> None:
    """A critical alert that is over leaves no level behind."""
    over = alert().model_copy(update={"status": AlertStatus.RESOLVED})

    assert assess([over, alert(severity="info")], [], []).level == 1


@pytest.mark.parametrize(
    ("suggested", "level", "raised"),
    [
        pytest.param(said(5), 5, True, id="raised"),
        pytest.param(said(99), 5, True, id="raised-to-the-highest"),
        pytest.param(said(1), 3, False, id="never-lowered"),
        pytest.param(said(-7), 3, False, id="nonsense"),
        pytest.param(said(3), 3, False, id="same"),
        pytest.param(said(5, claims=False), 3, False, id="without-evidence"),
        pytest.param(said(None), 3, False, id="silent"),
        pytest.param(None, 3, False, id="unavailable"),
    ],
)
def test_claude_raises_with_evidence_and_never_lowers(
    suggested: InitialAnalysis | None, level: int, *, raised: bool
) -> None:
    """The rules say 3: Claude's level counts when it is higher and a claim of its stood the check."""
    found = assess([alert(severity="error")], [], [], suggested)

    assert (found.level, found.floor, found.raised_by_claude) == (level, 3, raised)


def test_claudes_reason_stays_one_line_among_the_reasons() -> None:
    """What Claude says is told as Claude's, and cannot look like a rule's reason."""
    found = assess([alert(severity="error")], [], [], said(4, reason="x\nno instance is up"))

    assert found.reasons[-1] == "Claude sees level 4: x no instance is up"


@pytest.mark.parametrize(
    ("alerts", "metrics", "why"),
    [
        pytest.param([alert()], [series("error_rate", 0.95)], "people decide", id="level-5"),
        pytest.param([alert(service="")], [series("error_rate", 0.1)], "no service", id="no-service"),
        pytest.param(
            [alert(), alert(service="search")], [series("error_rate", 0.1)], "several services", id="two-services"
        ),
        pytest.param([alert()], [series("disk_used", 0.99)], "unknown", id="unmeasured"),
    ],
)
def test_what_is_never_remedied_without_a_person(alerts: list[Alert], metrics: list[Series], why: str) -> None:
    """The worst level, an unclear service, and what nobody could judge afterwards are for people."""
    found = assess(alerts, [], metrics)

    assert not found.auto_remediable
    assert why in found.auto_reason


def test_a_measured_incident_of_one_service_may_be_remedied() -> None:
    """Below level 5, with one service and its error rate known."""
    assert assess([alert()], [], [series("error_rate", 0.3)]).auto_remediable


def test_claude_cannot_make_an_incident_remediable() -> None:
    """Raising the level only ever takes autonomy away."""
    metrics = [series("error_rate", 0.3)]

    assert not assess([alert()], [], metrics, said(5)).auto_remediable
    assert not assess([alert(service="")], [], metrics, said(1)).auto_remediable


def test_the_table_in_the_module_is_the_rules() -> None:
    """Each rule stands in the module's table with its level."""
    table = rules.__doc__ or ""

    assert all(f"| {rule.name} | {rule.level} |" in table for rule in RULES)
    assert table.count("\n| ") == len(RULES) + 1


series_of_any = st.builds(
    series,
    st.sampled_from(["error_rate", "instances_up", "disk_used", "memory_used", "other"]),
    st.floats(-1, 2),
)
alerts_of_any = st.builds(
    alert, severity=st.one_of(st.sampled_from(["critical", "error", "warning", "info"]), st.text())
)
patterns_of_any = st.lists(st.sampled_from(["FATAL x", "ERROR y", "z"]), max_size=3).map(
    lambda texts: patterns(lines(*texts))
)


@given(
    st.lists(alerts_of_any, min_size=1, max_size=6),
    patterns_of_any,
    st.lists(series_of_any, max_size=5),
    st.one_of(st.none(), st.builds(said, st.one_of(st.none(), st.integers()), claims=st.booleans())),
)
def test_severity_is_never_below_its_floor(
    alerts: list[Alert], log: tuple[LogPattern, ...], metrics: list[Series], suggested: InitialAnalysis | None
) -> None:
    """For all inputs the level lies between the floor and 5, and the floor is what the rules alone say."""
    found = assess(alerts, log, metrics, suggested)
    alone = assess(alerts, log, metrics)

    assert LOWEST <= alone.level == found.floor <= found.level <= HIGHEST
    assert found.raised_by_claude == (found.level > found.floor)
    assert found.reasons[: len(alone.reasons)] == alone.reasons
    assert not (found.auto_remediable and not alone.auto_remediable)
