"""What one incident's run knows, its record, and the doors that all its parts share."""

from collections.abc import Sequence
from datetime import datetime

from temporalio import workflow

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.process import SEVERITY
from towpath.contracts.core.wire import EffectKey, clip, effect_key
from towpath.contracts.incident.alerts import Alert, AlertBatch, AlertGroup
from towpath.contracts.incident.incident import (
    AlertMemory,
    IncidentProgress,
    IncidentRequest,
    IncidentView,
    Severity,
    TimelineEntry,
)
from towpath.contracts.incident.investigation import InitialAnalysis, LogPattern, Series
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.incident.remediation import ActionRecord
from towpath.policy.incident.levels import former_level_of_alert, level_of_alert
from towpath.policy.incident.severity import PAGING, assess
from towpath.temporal.attributes import search_key
from workflows.incident.intake import AlertInbox
from workflows.kit.asking import Asker
from workflows.kit.notices import tell_team
from workflows.kit.steps import Steps

MAX_TIMELINE = 300
UNKNOWN_SERVICE = "unknown"
BY_MOMENT = "alerts-by-moment-2026-12"
"""Runs from before read the severity and the order of news otherwise."""
PROVED = "actions-are-proved-2026-12"
"""Runs from before act without proof, and judge an action by its last look."""
LEFT_OUT = "what was left out of the delivery may fire"

TITLES = {
    "fetch-logs": "Fetch recent logs",
    "fetch-metrics": "Fetch metrics",
    "initial-analysis": "Analyse logs and metrics",
    "assess-severity": "Assess the severity",
    "notify-oncall": "Call the people on call",
    "auto-remediation": "Remediate automatically",
    "gather-context": "Gather context",
    "diagnosis": "Diagnose the cause",
    "action-plan": "Plan the actions",
    "execute": "Carry out the actions",
    "watch": "Watch the success criteria",
    "people": "Wait for people",
    "follow-ups": "File follow-up tasks",
    "archive": "Write the post-mortem and archive",
}


class IncidentState:
    """`known` is everything that the run knows so far; parts of the process set its fields and nothing else does."""

    def __init__(self, request: IncidentRequest) -> None:
        info = workflow.info()
        kept = request.resume or _nothing_yet(request)
        self.request = request
        self.known = kept
        self._by_moment = workflow.patched(BY_MOMENT)
        self.proves = workflow.patched(PROVED)
        self.inbox = AlertInbox(kept.alerts, by_start=not self._by_moment)
        self.steps = Steps(INCIDENT.name, TITLES, None)
        self.steps.restore(kept.cost, kept.started_at, kept.steps)
        self.asker = Asker(self.steps, request.budget)
        self.episode = request.episode or info.first_execution_run_id
        self.closed = False
        """Whether the outcome is settled: alerts that come now begin the next incident."""
        for batch in request.carried:
            self.take(batch)

    @property
    def id(self) -> str:
        """How people name the incident: the run's workflow id."""
        return workflow.info().workflow_id

    @property
    def service(self) -> str:
        return self.known.service

    @property
    def is_resolved(self) -> bool:
        return self.inbox.resolved

    def rules_alone(self) -> Severity:
        """The severity by the alerts' own labels, before anything else is known."""
        group = self.inbox.group
        severity = self.judge(group.alerts)
        if self._by_moment and group.truncated and not group.firing and severity.level < PAGING:
            return severity.model_copy(update={"level": PAGING, "floor": PAGING, "reasons": (LEFT_OUT,)})
        return severity

    def judge(
        self,
        alerts: Sequence[Alert],
        patterns: Sequence[LogPattern] = (),
        metrics: Sequence[Series] = (),
        analysis: InitialAnalysis | None = None,
    ) -> Severity:
        """By the rules that this run began with."""
        level_by = level_of_alert if self._by_moment else former_level_of_alert
        return assess(alerts, patterns, metrics, analysis, level_by=level_by)

    def take(self, batch: AlertBatch) -> Severity | None:
        """Add a delivery of alerts to the incident. The severity that it has by them now, if it is higher."""
        news = self.inbox.take(batch, workflow.now())
        if not news:
            return None
        group = self.inbox.group
        if self.known.service == UNKNOWN_SERVICE:
            self.set(service=clip(news[0].labels.get("service", UNKNOWN_SERVICE), 100))
        names = sorted({alert.labels.get("alertname", "alert") for alert in news})
        self.tell(f"{len(news)} alerts ({clip(', '.join(names), 120)}); {group.firing} fire, {group.resolved} resolved")
        return self._raised((*group.alerts, *news))

    def _raised(self, alerts: Sequence[Alert]) -> Severity | None:
        """What the labels of later alerts make of the severity: it is never lowered by them."""
        known, by_alerts = self.known.severity, self.judge(alerts)
        if known is None or by_alerts.level <= known.level:
            return None
        reasons = tuple(dict.fromkeys((*by_alerts.reasons, *known.reasons)))
        self.tell(f"severity {by_alerts.level}: {'; '.join(by_alerts.reasons)}")
        return known.model_copy(update={"level": by_alerts.level, "floor": by_alerts.level, "reasons": reasons})

    def now(self) -> datetime:
        return workflow.now()

    def set(self, **fields: object) -> None:
        self.known = self.known.model_copy(update=fields)

    def tell(self, what: str) -> None:
        """Add a line to the timeline."""
        entry = TimelineEntry(at=workflow.now(), what=clip(what, 400))
        self.set(timeline=(*self.known.timeline, entry)[-MAX_TIMELINE:])

    def degrade(self, what: str, why: str) -> None:
        """The process goes on without something, by the policy that `why` states."""
        self.set(degraded={**self.known.degraded, what: why})
        self.tell(f"without {what}: {why}")

    def record(self, action: ActionRecord) -> ActionRecord:
        """Keep the latest record of an action."""
        others = [known for known in self.known.actions if known.number != action.number]
        ordered = sorted((*others, action), key=lambda known: known.number)
        self.set(actions=tuple(ordered))
        return action

    def key(self, step: str) -> EffectKey:
        """Of this incident alone: the next one of the same group is another."""
        return effect_key(workflow.info().workflow_id, f"{self.episode}/{step}")

    def progress(self) -> IncidentProgress:
        """Everything, as the record is made of it and a new history begins with."""
        steps = self.steps.record()
        return self.known.model_copy(
            update={"alerts": self.inbox.memory, "steps": steps.steps, "cost": self.steps.cost}
        )

    def view(self) -> IncidentView:
        known = {name: getattr(self.known, name) for name in IncidentView.model_fields if name != "group"}
        return IncidentView(group=self.inbox.group, **known)

    def show_severity(self, level: int) -> None:
        if workflow.info().typed_search_attributes.get(search_key(SEVERITY)) != level:
            workflow.upsert_search_attributes([search_key(SEVERITY).value_set(level)])

    async def notify(self, team: str, event: str, title: str, text: str) -> Failure | None:
        """Tell a team's channel. What failed, if it did: nothing waits for a notice."""
        failure = await tell_team(team, f"notice/{event}", title, text)
        if failure is not None:
            self.degrade(f"notice/{event}", f"{team} was not told ({failure.code})")
        return failure


def _nothing_yet(request: IncidentRequest) -> IncidentProgress:
    group = AlertGroup(group_key=request.group_key, labels=request.labels)
    return IncidentProgress(
        alerts=AlertMemory(group=group),
        service=request.service or request.labels.get("service", UNKNOWN_SERVICE),
        started_at=workflow.info().start_time,
    )
