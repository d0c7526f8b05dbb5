"""Finding out: logs and metrics, what they show, how severe it is, the context, and the diagnosis on top of them."""

import asyncio
from datetime import timedelta
from typing import TypeVar

from temporalio.types import MethodAsyncSingleParam

from activities.incident import IncidentActivities
from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire
from towpath.contracts.incident.incident import Severity
from towpath.contracts.incident.investigation import (
    AnalysisAnswer,
    AnalysisTask,
    Deployments,
    Diagnosis,
    DiagnosisAnswer,
    DiagnosisTask,
    FindRunbooks,
    FindSimilar,
    IncidentContext,
    InitialAnalysis,
    LogFindings,
    MetricFindings,
    TimeWindow,
)
from towpath.contracts.incident.remediation import ActionCatalogue, FetchMetrics, LoadCatalogue
from towpath.contracts.prompts import ANALYSE_INCIDENT, DIAGNOSE_INCIDENT
from towpath.policy.incident.evidence import checked_claims, checked_diagnosis
from towpath.policy.incident.similarity import fingerprint_of, query_text
from workflows.incident.state import IncidentState
from workflows.kit.calling import CallFailedError, call
from workflows.kit.failing import StepFailedError
from workflows.kit.options import FETCH

ArgT = TypeVar("ArgT", bound=Wire)
FoundT = TypeVar("FoundT", bound=ActivityResult)

ALERTS_SHOWN = 10
LABELS_SHOWN = 12
PATTERNS_SHOWN = 30
LINES_SHOWN = 100
DEPLOYMENTS_BACK = timedelta(hours=6)


class Investigation:
    """Each method sets what it found in the state. What cannot be had is stated, and the run goes on without it."""

    def __init__(self, state: IncidentState) -> None:
        self._state = state
        self._steps = state.steps

    @property
    def fingerprint(self) -> str:
        logs = self._state.known.logs
        return fingerprint_of(self._state.service, self._alert_names(), () if logs is None else logs.patterns)

    async def load_catalogue(self) -> None:
        """No catalogue: no metrics, and no action."""
        catalogue = await self._have("catalogue", IncidentActivities.load_catalogue, LoadCatalogue())
        self._state.set(catalogue=catalogue or ActionCatalogue())

    async def analyse(self) -> None:
        """Logs and metrics together, then what Claude sees in them. Without Claude: the patterns alone."""
        logs, metrics = await asyncio.gather(
            asyncio.ensure_future(self._fetch_logs()), asyncio.ensure_future(self._fetch_metrics())
        )
        self._state.set(logs=logs, metrics=metrics)
        step = "initial-analysis"
        self._steps.begin(step)
        task = AnalysisTask(
            service=self._state.service,
            alerts=self._alerts(),
            patterns=() if logs is None else logs.patterns[:PATTERNS_SHOWN],
            lines=() if logs is None else logs.sample[:LINES_SHOWN],
            metrics=() if metrics is None else metrics.series,
            missing_metrics=() if metrics is None else metrics.missing,
        )
        try:
            asked = await self._state.asker.ask(step, ANALYSE_INCIDENT, task, _level_problems)
        except StepFailedError as error:
            why = f"no analysis ({error.failure.code}): rules alone"
            self._degrade(step, "analysis", why)
            self._state.set(analysis=InitialAnalysis(summary=self._patterns_in_words(), unavailable={"claude": why}))
            return
        claims, dropped = checked_claims(asked.output, task.lines, task.metrics)
        unavailable = {name: why for name, why in self._state.known.degraded.items() if name in {"logs", "metrics"}}
        self._state.set(
            analysis=InitialAnalysis(
                summary=asked.output.summary,
                claims=claims,
                dropped=dropped,
                suggested_level=asked.output.suggested_level,
                suggested_level_reason=asked.output.suggested_level_reason,
                provenance=asked.provenance,
                unavailable=unavailable,
            )
        )
        self._steps.complete(step, attempts=self._steps[step].attempts, note=_dropped(dropped))
        self._state.tell(f"analysis: {asked.output.summary}")

    def assess(self) -> Severity:
        """Rules are the floor; what Claude suggests may raise it. Within an incident it never falls."""
        known, step = self._state.known, "assess-severity"
        self._steps.begin(step)
        severity = self._state.judge(
            self._state.inbox.group.alerts,
            () if known.logs is None else known.logs.patterns,
            () if known.metrics is None else known.metrics.series,
            known.analysis,
        )
        if known.severity is not None and known.severity.level > severity.level:
            before = known.severity
            severity = severity.model_copy(
                update={"level": before.level, "floor": before.floor, "reasons": before.reasons}
            )
        self._state.set(severity=severity)
        self._state.show_severity(severity.level)
        self._state.tell(f"severity {severity.level}: {'; '.join(severity.reasons)}")
        self._steps.complete(step, note=f"level {severity.level}")
        return severity

    async def gather_context(self) -> None:
        """Deployments, similar incidents and runbooks, together."""
        step, words = "gather-context", self._words()
        self._steps.begin(step)
        names = self._alert_names()
        deployments, similar, runbooks = await asyncio.gather(
            asyncio.ensure_future(self._list_deployments()),
            asyncio.ensure_future(
                self._have(
                    "similar-incidents",
                    IncidentActivities.find_similar,
                    FindSimilar(fingerprint=self.fingerprint, text=words, service=self._state.service),
                )
            ),
            asyncio.ensure_future(
                self._have(
                    "runbooks",
                    IncidentActivities.find_runbooks,
                    FindRunbooks(service=self._state.service, alert_names=names, text=words),
                )
            ),
        )
        wanted, degraded = ("deployments", "similar-incidents", "runbooks"), self._state.known.degraded
        context = IncidentContext(
            deployments=() if deployments is None else deployments.deployments,
            similar=() if similar is None else similar.incidents,
            runbooks=() if runbooks is None else runbooks.runbooks,
            unavailable={name: degraded[name] for name in wanted if name in degraded},
        )
        self._state.set(context=context)
        found = (
            f"{len(context.deployments)} deployments, {len(context.similar)} similar incidents, "
            f"{len(context.runbooks)} runbooks"
        )
        self._steps.complete(step, note=found)
        self._state.tell(f"context: {found}")

    async def diagnose(self) -> Diagnosis:
        """No diagnosis: insufficient evidence, so people take over."""
        step, task = "diagnosis", self._diagnosis_task()
        self._steps.begin(step)
        try:
            asked = await self._state.asker.ask(step, DIAGNOSE_INCIDENT, task, _confidence_problems)
        except StepFailedError as error:
            self._degrade(step, "diagnosis", f"no diagnosis ({error.failure.code}): people take over")
            diagnosis = Diagnosis()
        else:
            diagnosis = checked_diagnosis(asked.output, task).model_copy(update={"provenance": asked.provenance})
            self._steps.complete(step, attempts=self._steps[step].attempts, note=_dropped(diagnosis.dropped))
        self._state.set(diagnosis=diagnosis)
        self._state.tell(_in_words(diagnosis))
        return diagnosis

    async def _fetch_logs(self) -> LogFindings | None:
        return await self._look("logs", "fetch-logs", IncidentActivities.fetch_logs, self._window())

    async def _fetch_metrics(self) -> MetricFindings | None:
        request = FetchMetrics(window=self._window(), metrics=self._state.known.catalogue.metrics)
        return await self._look("metrics", "fetch-metrics", IncidentActivities.fetch_metrics, request)

    async def _list_deployments(self) -> Deployments | None:
        if not self._is_known_service():
            return None
        window = self._window(DEPLOYMENTS_BACK, "deployments")
        return await self._have("deployments", IncidentActivities.list_deployments, window)

    async def _look(
        self,
        what: str,
        step: str,
        activity: MethodAsyncSingleParam[IncidentActivities, ArgT, FoundT],
        request: ArgT,
    ) -> FoundT | None:
        """Ask for something of the service, whose name is in the inventory: it goes into queries."""
        self._steps.begin(step)
        if not self._is_known_service():
            self._degrade(step, what, "the service is not in the inventory: nothing is asked for")
            return None
        found = await self._have(what, activity, request)
        if found is None:
            self._steps.degrade(step, self._state.known.degraded[what])
        else:
            self._steps.complete(step, attempts=found.attempt)
        return found

    async def _have(
        self, what: str, activity: MethodAsyncSingleParam[IncidentActivities, ArgT, FoundT], request: ArgT
    ) -> FoundT | None:
        try:
            return await call(activity, request, FETCH, activity_id=what, summary=f"Fetch {what.replace('-', ' ')}")
        except CallFailedError as error:
            self._state.degrade(what, f"not to be had ({error.failure.code})")
            return None

    def _degrade(self, step: str, what: str, why: str) -> None:
        self._state.degrade(what, why)
        self._steps.degrade(step, why)

    def _is_known_service(self) -> bool:
        return self._state.service in self._state.known.catalogue.services

    def _window(self, back: timedelta | None = None, name: str = "window") -> TimeWindow:
        end = self._state.now()
        start = end - (back or self._state.request.window)
        return TimeWindow(service=self._state.service, start=start, end=end, key=self._state.key(name))

    def _alerts(self) -> tuple[JsonObject, ...]:
        """The first alerts for Claude, bounded: whoever writes labels must not be able to spend the budget."""
        alerts = self._state.inbox.group.alerts[:ALERTS_SHOWN]
        return tuple(
            alert.model_copy(
                update={
                    "labels": dict(list(alert.labels.items())[:LABELS_SHOWN]),
                    "annotations": dict(list(alert.annotations.items())[:LABELS_SHOWN]),
                }
            ).model_dump(mode="json", exclude={"generator_url"})
            for alert in alerts
        )

    def _alert_names(self) -> tuple[str, ...]:
        alerts = self._state.inbox.group.alerts
        return tuple(sorted({alert.labels.get("alertname", "alert") for alert in alerts}))

    def _words(self) -> str:
        known = self._state.known
        patterns = () if known.logs is None else known.logs.patterns
        return query_text(self._alert_names(), patterns, "" if known.analysis is None else known.analysis.summary)

    def _patterns_in_words(self) -> str:
        known = self._state.known
        patterns = () if known.logs is None else known.logs.patterns[:3]
        told = "; ".join(f"{pattern.count} lines like {pattern.template!r}" for pattern in patterns)
        return told or f"alerts fire: {', '.join(self._alert_names())}"

    def _diagnosis_task(self) -> DiagnosisTask:
        known = self._state.known
        context = known.context or IncidentContext()
        return DiagnosisTask(
            service=self._state.service,
            alerts=self._alerts(),
            patterns=() if known.logs is None else known.logs.patterns[:PATTERNS_SHOWN],
            lines=() if known.logs is None else known.logs.sample[:LINES_SHOWN],
            metrics=() if known.metrics is None else known.metrics.series,
            deployments=context.deployments,
            similar=context.similar,
            runbooks=context.runbooks,
            claims=() if known.analysis is None else known.analysis.claims,
        )


def _level_problems(answer: AnalysisAnswer) -> tuple[str, ...]:
    return () if 1 <= answer.suggested_level <= 5 else ("suggested_level: must be from 1 to 5",)


def _confidence_problems(answer: DiagnosisAnswer) -> tuple[str, ...]:
    wrong = [one for one in answer.hypotheses if not 0 <= one.confidence <= 1]
    return ("confidence: must be from 0 to 1",) if wrong else ()


def _dropped(count: int) -> str:
    return f"{count} without evidence dropped" if count else ""


def _in_words(diagnosis: Diagnosis) -> str:
    if diagnosis.insufficient_evidence or not diagnosis.hypotheses:
        return "diagnosis: insufficient evidence"
    first = diagnosis.hypotheses[0]
    return f"diagnosis: {first.cause} (confidence {first.confidence:.0%})"
