"""The outside world of incident response as one fake: a service with metrics, people on call, and a scripted Claude."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import activity

from tests.fakes.house import FakeHouse, answered
from towpath.config.catalogue import make_catalogue
from towpath.config.incident_files import load_catalogue
from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.claude import Answer, AskRequest
from towpath.contracts.core.failure import HouseError
from towpath.contracts.core.review import FindReviewers, Reviewer, Reviewers
from towpath.contracts.declared.run import CallAnswer, FunctionCall, ServiceCall
from towpath.contracts.incident.alerts import Alert, AlertBatch, AlertStatus
from towpath.contracts.incident.incident import (
    Archived,
    ArchiveIncident,
    IncidentRequest,
    PageChange,
    Paged,
    PageRequest,
)
from towpath.contracts.incident.investigation import (
    AnalysisAnswer,
    Claim,
    Deployment,
    Deployments,
    DiagnosisAnswer,
    Evidence,
    FindRunbooks,
    FindSimilar,
    Hypothesis,
    LogFindings,
    LogLine,
    LogPattern,
    MetricFindings,
    Runbook,
    Runbooks,
    Series,
    SimilarIncidents,
    TimeWindow,
)
from towpath.contracts.incident.remediation import (
    ActionCatalogue,
    ActionReservation,
    ActionStep,
    ActionUses,
    ChosenAction,
    ChosenValue,
    FetchMetrics,
    KillSwitch,
    LoadCatalogue,
    MetricValues,
    PlanAnswer,
    ReadMetrics,
    ReadSwitch,
    ReserveAction,
    SettleAction,
    SwitchState,
    Verify,
)

BEGAN = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LINE = "PaymentClient: field 'currency' is missing in the answer of charge 17"
SICK: Mapping[str, float] = {"error_rate": 0.3, "latency_p95": 0.4, "disk_used": 0.4, "instances_up": 3}
WELL: Mapping[str, float] = {"error_rate": 0.001, "latency_p95": 0.1, "disk_used": 0.4, "instances_up": 3}
OVERLOADED: Mapping[str, float] = {**SICK, "error_rate": 0.08, "latency_p95": 3.2, "request_rate": 160}


EARNED = ActionUses(judged=20, verified=19)
"""What lets an action run without a person."""


def shipped_catalogue() -> ActionCatalogue:
    """The catalogue that the project ships."""
    catalogue = load_catalogue(Path("definitions"), make_catalogue(None, frozenset())).catalogue
    assert catalogue is not None
    return catalogue


def alert(name: str = "HighErrorRate", **fields: Any) -> Alert:
    labels = {"alertname": name, "service": "checkout", "severity": "critical"} | fields.pop("labels", {})
    given = {"status": AlertStatus.FIRING, "starts_at": BEGAN, "fingerprint": name, "labels": labels} | fields
    return Alert.model_validate(given)


def firing(*alerts: Alert) -> AlertBatch:
    return AlertBatch(alerts=alerts or (alert(),))


def resolved(*alerts: Alert) -> AlertBatch:
    return AlertBatch(
        alerts=tuple(one.model_copy(update={"status": AlertStatus.RESOLVED}) for one in alerts or (alert(),))
    )


def request(**fields: Any) -> IncidentRequest:
    return IncidentRequest.model_validate(
        {"group_key": "{}:{service='checkout'}", "service": "checkout", "subject": "checkout"} | fields
    )


ANALYSIS = AnalysisAnswer(
    summary="Charges fail since the latest deployment.",
    claims=[
        Claim(statement="answers lack the currency", lines=[1], metrics=["error_rate"]),
        Claim(statement="made up", lines=[999], metrics=[]),
    ],
    suggested_level=4,
    suggested_level_reason="many users are affected",
)
DIAGNOSIS = DiagnosisAnswer(
    insufficient_evidence=False,
    hypotheses=[
        Hypothesis(
            cause="The deployment d-2 dropped a field.",
            category="deployment",
            confidence=0.8,
            evidence=[
                Evidence(kind="log", reference="1", quote="field 'currency' is missing"),
                Evidence(kind="deployment", reference="d-2", quote="d-2"),
            ],
            counter_evidence=[],
        )
    ],
    impact="30 % of the requests fail",
    recommended_actions=["look at the release"],
    prevention=["test the contract with the payment service"],
)
UNCLEAR = DIAGNOSIS.model_copy(update={"insufficient_evidence": True, "hypotheses": []})


def chosen(action: str, reason: str = "since", **parameters: str) -> ChosenAction:
    values = [ChosenValue(name=name, value=value) for name, value in parameters.items()]
    return ChosenAction(action=action, parameters=values, reason=reason)


ROLLBACK = chosen("rollback-deployment", "it began with it", service="checkout", deployment="d-2")
DISABLE = chosen("disable-feature", "it may help", service="checkout", feature="new-payment-flow")
RESTART = chosen("restart-instance", "it hangs", service="checkout", instance="checkout-1")
PLAN = PlanAnswer(
    immediate=[ROLLBACK], follow_up=["mend the release"], success_criteria=["error_rate"], watch_minutes=10
)


def analysis_of(level: int) -> str:
    """The usual analysis, with another suggested level, as Claude's text."""
    return ANALYSIS.model_copy(update={"suggested_level": level}).model_dump_json()


def diagnosis_of(category: str) -> str:
    """The usual diagnosis, with a cause of another kind, as Claude's text."""
    (first,) = DIAGNOSIS.hypotheses
    other = first.model_copy(update={"category": category})
    return DIAGNOSIS.model_copy(update={"hypotheses": [other]}).model_dump_json()


def verified_by(catalogue: ActionCatalogue, action: str, verify: Verify | None) -> ActionCatalogue:
    """The catalogue with another way to verify one action."""
    actions = tuple(one.model_copy(update={"verify": verify}) if one.id == action else one for one in catalogue.actions)
    return catalogue.model_copy(update={"actions": actions})


def undone_by(catalogue: ActionCatalogue, action: str, operation: str) -> ActionCatalogue:
    """The catalogue with one action whose rollback is another operation."""
    actions = tuple(
        one.model_copy(update={"rollback": ActionStep(service="platform", operation=operation)})
        if one.id == action
        else one
        for one in catalogue.actions
    )
    return catalogue.model_copy(update={"actions": actions})


def unverified(catalogue: ActionCatalogue, action: str) -> ActionCatalogue:
    """The catalogue with one action that cannot be verified."""
    return verified_by(catalogue, action, None)


@dataclass
class FakeIncident:
    """Answers at once. `faults` and `held` are the house's; `metrics` are the values now, `cures` what an operation
    makes of them; `texts[prompt]` are Claude's answers in turn, after them the usual one.
    """

    house: FakeHouse = field(default_factory=FakeHouse)
    catalogue: ActionCatalogue = field(default_factory=shipped_catalogue)
    metrics: dict[str, float] = field(default_factory=lambda: dict(SICK))
    cures: dict[str, Mapping[str, float]] = field(default_factory=lambda: {"rollbackDeployment": WELL})
    switch: KillSwitch = field(default_factory=lambda: KillSwitch(on=False))
    refusals: dict[str, str] = field(default_factory=dict[str, str])
    uses: dict[str, ActionUses] = field(
        default_factory=lambda: dict.fromkeys(("scale-out", "restart-instance"), EARNED)
    )
    busy: dict[str, str] = field(default_factory=dict[str, str])
    model: str = "claude-test-1"
    lines: tuple[str, ...] = (LINE,)
    texts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def activities(self) -> Sequence[Callable[..., Any]]:
        own = [
            getattr(self, name) for name in dir(self) if hasattr(getattr(self, name), "__temporal_activity_definition")
        ]
        return [self.house.notify_team, *(one for one in own if one.__name__ != "ask")]

    def names(self) -> list[str]:
        return self.house.names()

    def asked(self, name: str) -> list[Any]:
        return self.house.asked(name)

    def operations(self) -> list[str]:
        """Operations of services that were called, tasks left out, in order."""
        return [call.operation for call in self.asked("call_service") if call.operation != "createTask"]

    def notices(self) -> list[tuple[str, str]]:
        """Team and beginning of the title of every notice, in order."""
        return [(notice.team, notice.title.split(":")[0]) for notice in self.asked("notify_team")]

    async def enter(self, name: str, given: Any) -> None:
        await self.house.enter(name, given)

    @activity.defn(name="load_catalogue")
    async def load_catalogue(self, given: LoadCatalogue) -> ActionCatalogue:
        await self.enter("load_catalogue", given)
        return self.catalogue

    @activity.defn(name="fetch_logs")
    async def fetch_logs(self, given: TimeWindow) -> LogFindings:
        await self.enter("fetch_logs", given)
        lines = tuple(LogLine(number=n, at=BEGAN, level="error", text=text) for n, text in enumerate(self.lines, 1))
        pattern = LogPattern(
            template="PaymentClient: field <*> is missing in the answer of charge <*>",
            count=len(lines),
            first_seen=BEGAN,
            last_seen=BEGAN,
            level="error",
            lines=tuple(line.number for line in lines),
        )
        return LogFindings(source="fake", lines=len(lines), patterns=(pattern,), sample=lines)

    @activity.defn(name="fetch_metrics")
    async def fetch_metrics(self, given: FetchMetrics) -> MetricFindings:
        await self.enter("fetch_metrics", given)
        shown = tuple(
            Series(metric=name, title=name, unit="", first=0.0, last=value, minimum=0.0, maximum=value, mean=value)
            for name, value in self.metrics.items()
        )
        return MetricFindings(series=shown)

    @activity.defn(name="read_metrics")
    async def read_metrics(self, given: ReadMetrics) -> MetricValues:
        await self.enter("read_metrics", given)
        wanted = {query.name for query in given.metrics}
        return MetricValues(values={name: value for name, value in self.metrics.items() if name in wanted})

    @activity.defn(name="list_deployments")
    async def list_deployments(self, given: TimeWindow) -> Deployments:
        await self.enter("list_deployments", given)
        made = Deployment(
            id="d-2", service="checkout", version="2", previous_version="1", at=given.end - timedelta(minutes=3)
        )
        return Deployments(deployments=(made,))

    @activity.defn(name="find_similar")
    async def find_similar(self, given: FindSimilar) -> SimilarIncidents:
        await self.enter("find_similar", given)
        return SimilarIncidents()

    @activity.defn(name="find_runbooks")
    async def find_runbooks(self, given: FindRunbooks) -> Runbooks:
        await self.enter("find_runbooks", given)
        return Runbooks(runbooks=(Runbook(name="errors", title="Errors", text="Look at the release."),))

    @activity.defn(name="page")
    async def page(self, given: PageRequest) -> Paged:
        await self.enter("page", given)
        return Paged(dedup_key=given.key)

    @activity.defn(name="change_page")
    async def change_page(self, given: PageChange) -> Paged:
        await self.enter("change_page", given)
        return Paged(dedup_key=given.key)

    @activity.defn(name="read_switch")
    async def read_switch(self, given: ReadSwitch) -> SwitchState:
        await self.enter("read_switch", given)
        return SwitchState(switch=self.switch, uses=dict(self.uses), busy=dict(self.busy))

    @activity.defn(name="reserve_action")
    async def reserve_action(self, given: ReserveAction) -> ActionReservation:
        await self.enter("reserve_action", given)
        why = self.refusals.get(given.action, "")
        return ActionReservation(allowed=not why, reason=why)

    @activity.defn(name="settle_action")
    async def settle_action(self, given: SettleAction) -> ActionReservation:
        await self.enter("settle_action", given)
        return ActionReservation(allowed=True)

    @activity.defn(name="archive_incident")
    async def archive_incident(self, given: ArchiveIncident) -> Archived:
        await self.enter("archive_incident", given)
        return Archived(artefact=Artefact(sha256="0" * 64, size_bytes=len(given.post_mortem)))

    @activity.defn(name="call_service")
    async def call_service(self, given: ServiceCall) -> CallAnswer:
        await self.enter("call_service", given)
        if self.house.faults[given.operation]:
            raise self.house.faults[given.operation].pop(0)
        self.metrics |= self.cures.get(given.operation, {})
        return CallAnswer(value={"task_id": "task-1"} if given.operation == "createTask" else {})

    @activity.defn(name="call_function")
    async def call_function(self, given: FunctionCall) -> CallAnswer:
        await self.enter("call_function", given)
        return CallAnswer(value={})

    @activity.defn(name="find_reviewers")
    async def find_reviewers(self, given: FindReviewers) -> Reviewers:
        await self.enter("find_reviewers", given)
        name = "ines" if given.team == "operations-leads" else "sora"
        return Reviewers(team=given.team, roles=("on-call",), members=(Reviewer(reviewer=name, roles=("on-call",)),))

    @activity.defn(name="ask")
    async def ask(self, given: AskRequest) -> Answer:
        await self.enter("ask", given)
        usual = {"analyse-incident": ANALYSIS, "diagnose-incident": DIAGNOSIS, "plan-actions": PLAN}[given.prompt]
        text = self.texts[given.prompt].pop(0) if self.texts[given.prompt] else usual.model_dump_json()
        answer = answered(given.prompt, text)
        return answer.model_copy(update={"provenance": answer.provenance.model_copy(update={"model": self.model})})

    def fail(self, name: str, *errors: HouseError) -> None:
        """These are raised in turn, by the activity or the operation of that name."""
        self.house.faults[name] += errors

    def hold(self, name: str) -> None:
        """The activity of that name does not answer until it is released."""
        self.house.held[name] = asyncio.Event()

    def release(self, name: str) -> None:
        self.house.held[name].set()
