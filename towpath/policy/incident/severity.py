"""How severe an incident is. Rules, kept as a table, are the floor; Claude may raise the level and never lower it.

| rule | level | when |
|---|---|---|
| everything-fails | 5 | error_rate at least 0.9 |
| no-instance | 5 | instances_up is 0 |
| many-failures | 4 | error_rate at least 0.25 |
| critical-alert | 4 | an alert labelled critical, page, fatal, P0, P1, … fires |
| failures | 3 | error_rate at least 0.05 |
| saturated | 3 | cpu_used, memory_used, disk_used or connections_used at least 0.95 |
| error-alert | 3 | an alert labelled error, high, P2, … fires, or one whose severity is missing or not known |
| broad | 3 | five or more different alerts fire |
| fatal-logs | 3 | a log line of level fatal |
| few-failures | 2 | error_rate at least 0.01 |
| warning-alert | 2 | an alert labelled warning, medium, P3, … fires |
| any-alert | 1 | anything else |

Rates and use are ratios from 0 to 1. A metric without data decides nothing. `levels` has the words of labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from towpath.contracts.incident.alerts import Alert, AlertStatus
from towpath.contracts.incident.incident import Severity
from towpath.contracts.incident.investigation import InitialAnalysis, LogPattern, Series
from towpath.policy.incident.evidence import one_line
from towpath.policy.incident.levels import level_of_alert

HIGHEST, PAGING, LOWEST = 5, 3, 1
"""At level 3 and above the on-call is paged."""
BROAD = 5
SATURATION = ("cpu_used", "memory_used", "disk_used", "connections_used")
MOST_AUTOMATIC = 4


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rules look at. `latest` is the worst of the last values of each metric's series."""

    levels: frozenset[int]
    alerts: int
    services: frozenset[str]
    fatal: bool
    latest: dict[str, float]

    def at_least(self, metric: str, limit: float) -> bool:
        return metric in self.latest and self.latest[metric] >= limit


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    level: int
    reason: str
    found: Callable[[_Facts], bool]


RULES = (
    _Rule("everything-fails", 5, "at least 90 % of requests fail", lambda facts: facts.at_least("error_rate", 0.9)),
    _Rule("no-instance", 5, "no instance is up", lambda facts: facts.latest.get("instances_up", 1) <= 0),
    _Rule("many-failures", 4, "at least 25 % of requests fail", lambda facts: facts.at_least("error_rate", 0.25)),
    _Rule("critical-alert", 4, "a critical alert fires", lambda facts: 4 in facts.levels),
    _Rule("failures", 3, "at least 5 % of requests fail", lambda facts: facts.at_least("error_rate", 0.05)),
    _Rule(
        "saturated",
        3,
        "CPU, memory, disk or connections are used up",
        lambda facts: any(facts.at_least(metric, 0.95) for metric in SATURATION),
    ),
    _Rule("error-alert", 3, "an alert of severity error, or of an unknown one, fires", lambda facts: 3 in facts.levels),
    _Rule("broad", 3, "five or more different alerts fire", lambda facts: facts.alerts >= BROAD),
    _Rule("fatal-logs", 3, "the logs hold a fatal error", lambda facts: facts.fatal),
    _Rule("few-failures", 2, "at least 1 % of requests fail", lambda facts: facts.at_least("error_rate", 0.01)),
    _Rule("warning-alert", 2, "a warning fires", lambda facts: 2 in facts.levels),
    _Rule("any-alert", 1, "an alert came", lambda _: True),
)


def assess(
    alerts: Sequence[Alert],
    patterns: Sequence[LogPattern],
    metrics: Sequence[Series],
    suggested: InitialAnalysis | None = None,
    *,
    level_by: Callable[[Alert], int] = level_of_alert,
) -> Severity:
    """The level, with every rule that says it, and whether anything may be done without asking.

    Claude's level counts only as far as it is higher and at least one of its claims stood the check of its evidence.
    """
    facts = _facts(alerts, patterns, metrics, level_by)
    found = [rule for rule in RULES if rule.found(facts)]
    floor = max(rule.level for rule in found)
    reasons = [rule.reason for rule in found if rule.level == floor]
    level = floor
    if suggested is not None and suggested.suggested_level is not None and suggested.claims:
        level = max(floor, min(HIGHEST, suggested.suggested_level))
        if level > floor:
            reasons.append(f"Claude sees level {level}: {one_line(suggested.suggested_level_reason)}")
    automatic, why = _auto_remediable(level, facts)
    return Severity(
        level=level,
        floor=floor,
        reasons=tuple(reasons),
        raised_by_claude=level > floor,
        auto_remediable=automatic,
        auto_reason=why,
    )


def _facts(
    alerts: Sequence[Alert],
    patterns: Sequence[LogPattern],
    metrics: Sequence[Series],
    level_by: Callable[[Alert], int],
) -> _Facts:
    firing = [alert for alert in alerts if alert.status is AlertStatus.FIRING]
    latest: dict[str, float] = {}
    for series in metrics:
        known = latest.get(series.metric)
        worse = min if series.metric == "instances_up" else max
        latest[series.metric] = series.last if known is None else worse(known, series.last)
    return _Facts(
        levels=frozenset(map(level_by, firing)),
        alerts=len({alert.labels.get("alertname", alert.fingerprint) for alert in firing}),
        services=frozenset(alert.labels["service"] for alert in alerts if alert.labels.get("service")),
        fatal=any(pattern.level == "fatal" for pattern in patterns),
        latest=latest,
    )


def _auto_remediable(level: int, facts: _Facts) -> tuple[bool, str]:
    """An action without a person needs a level below 5, one service, and a metric by which it can be judged."""
    if level > MOST_AUTOMATIC:
        return False, f"at level {level} people decide"
    if len(facts.services) != 1:
        return False, "the alerts name no service" if not facts.services else "the alerts name several services"
    if "error_rate" not in facts.latest:
        return False, "error_rate is unknown, so no action could be judged"
    return True, "one service, measured, below level 5"
