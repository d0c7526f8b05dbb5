"""The course of one incident: find out, respond in parallel, diagnose, plan, act, watch, or hand over to people."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio import workflow

from towpath.contracts.core.process import RUNNING
from towpath.contracts.core.run import Waiting
from towpath.contracts.incident.incident import IncidentOutcome, Severity
from towpath.contracts.incident.remediation import ActionRecord, ActionState, Verify
from towpath.policy.incident.messages import NoticeEvent, notice
from towpath.policy.incident.notices import action_end, in_words
from towpath.policy.incident.planning import auto_remediation
from towpath.policy.incident.severity import PAGING
from workflows.incident.execution import Execution
from workflows.incident.investigation import Investigation
from workflows.incident.paging import OnCall
from workflows.incident.planning import Planning
from workflows.incident.state import IncidentState
from workflows.incident.watching import Gauge
from workflows.kit.compensation import cancelled

CHANGED = frozenset({ActionState.VERIFIED, ActionState.APPLIED, ActionState.ROLLED_BACK, ActionState.ROLLBACK_FAILED})
IN_EFFECT = frozenset({ActionState.VERIFIED, ActionState.APPLIED})
AUTOMATIC = 0
"""Number of the automatic remediation; those of the plan begin with 1."""
SHORTEST_LOOK, LONGEST_LOOK = timedelta(seconds=15), timedelta(minutes=1)


class Course:
    """The phases in their order. Alerts that are resolved in the middle end it at the next safe point."""

    def __init__(self, state: IncidentState, oncall: OnCall, execution: Execution, gauge: Gauge) -> None:
        self._state = state
        self._steps = state.steps
        self._oncall = oncall
        self._execution = execution
        self._gauge = gauge
        self._investigation = Investigation(state)
        self._planning = Planning(state)
        self._telling: list[asyncio.Task[None]] = []

    async def respond(self) -> None:
        """Phases 1 to 6, but for the watch. People on call are paged by the alerts' labels before anything is read."""
        self.judge(self._state.rules_alone())
        if not await until_resolved(self._state, self._find_out()):
            return
        severity = self._investigation.assess()
        self.judge(severity)
        stopped, understood = await asyncio.gather(
            asyncio.ensure_future(self._remediate(severity)),
            asyncio.ensure_future(until_resolved(self._state, self._understand())),
        )
        if stopped is not None:
            await self._oncall.page_again("auto-remediation", action_end(stopped))
        if not understood or not await until_resolved(self._state, self._plan()):
            return
        await self._execute()

    async def end(self) -> IncidentOutcome | None:
        """How the incident ends; None when the history is long enough to go on in a new one."""
        while not self._state.is_resolved:
            if self._is_long():
                return None
            if self._state.known.handed_over_at is None:
                if await self._watch():
                    return IncidentOutcome.RESOLVED
            elif not await self._wait_for_people():
                return IncidentOutcome.HANDED_OVER
        changed = any(action.state in CHANGED for action in self._state.known.actions)
        was_handed_over = self._state.known.handed_over_at is not None
        return IncidentOutcome.RESOLVED if changed or was_handed_over else IncidentOutcome.FALSE_ALARM

    async def told(self) -> None:
        """Wait until people have been told all that they are being told."""
        if self._telling:
            await asyncio.gather(*self._telling)
            self._telling.clear()

    def judge(self, severity: Severity) -> None:
        """Take over a severity; from level 3 on, people are called."""
        self._state.set(severity=severity)
        self._state.show_severity(severity.level)
        if severity.level >= PAGING:
            self._oncall.begin()

    async def _find_out(self) -> None:
        await self._investigation.load_catalogue()
        await self._investigation.analyse()

    async def _understand(self) -> None:
        await self._investigation.gather_context()
        await self._investigation.diagnose()

    async def _plan(self) -> None:
        await self._planning.plan()
        diagnosis = self._state.known.diagnosis
        if diagnosis is not None and diagnosis.hypotheses:
            first = diagnosis.hypotheses[0]
            self._tell(self._oncall.update(f"likely cause: {first.cause} ({first.confidence:.0%})"))

    async def _remediate(self, severity: Severity) -> ActionRecord | None:
        """The one action that rules allow without asking, beside the search for the cause; it, if it failed."""
        step, known = "auto-remediation", self._state.known
        series = () if known.metrics is None else known.metrics.series
        values = {one.metric: one.last for one in series}
        planned = auto_remediation(known.catalogue, severity, self._state.service, values)
        if planned is None:
            self._steps.skip(step, severity.auto_reason if not severity.auto_remediable else "no action fits")
            return None
        self._steps.begin(step)
        planned = planned.model_copy(update={"number": AUTOMATIC})
        why = await self._execution.unproved(planned)
        if why:
            self._state.tell(f"{in_words(planned)} is left to people: {why}")
            self._steps.skip(step, why)
            return None
        stopped = await self._execution.carry_out((planned,))
        self._steps.complete(step, note=action_end(self._state.known.actions[0]))
        return stopped

    async def _execute(self) -> None:
        """The plan's actions in order. Without one, or with one that stopped it, people take over."""
        step, plan = "execute", self._state.known.plan
        immediate = () if plan is None else plan.immediate
        if not immediate:
            self._steps.skip(step, "nothing to carry out")
            if not any(action.state is ActionState.VERIFIED for action in self._state.known.actions):
                await self._hand_over("no action is planned")
            return
        self._steps.begin(step)
        self._steps.status("remediating")
        stopped = await self._execution.carry_out(immediate)
        self._steps.status(RUNNING)
        done = [action for action in self._state.known.actions if action.number and action.state in IN_EFFECT]
        self._steps.complete(step, note=f"{len(done)} of {len(immediate)} in effect")
        if stopped is not None and not self._state.is_resolved:
            await self._oncall.page_again("action", action_end(stopped))
            await self._hand_over(action_end(stopped))
        elif not done:
            await self._hand_over("no action was needed")

    async def _watch(self) -> bool:
        """Whether the success criteria held for their time, and the alerts had time to follow."""
        step, plan = "watch", self._state.known.plan
        names = () if plan is None else plan.watched_metrics
        conditions = [metric.healthy for metric in self._state.known.catalogue.metrics if metric.name in names]
        if plan is None or not conditions:
            await self._hand_over("there is nothing to judge it by")
            return False
        self._steps.begin(step)
        self._steps.status("watching")
        every = min(max(plan.watch / 20, SHORTEST_LOOK), LONGEST_LOOK)
        timing = Verify(condition="", every=every, hold=plan.watch, within=plan.watch * 2)
        watched = await self._gauge.hold(
            step, conditions, timing, stop=lambda: self._state.is_resolved or self._is_long()
        )
        if watched.stopped:
            return False
        if not watched.held:
            self._steps.complete(step, note=f"not well: {watched.why}")
            await self._oncall.page_again("watch", f"the success criteria do not hold: {watched.why}")
            await self._hand_over(f"the success criteria do not hold: {watched.why}")
            return False
        self._steps.complete(step, note=watched.why)
        self._state.tell(f"the success criteria held for {plan.watch.total_seconds() / 60:.0f} minutes")
        await self._resolved_within(self._state.request.settle, "watch: alerts resolved")
        return True

    async def _hand_over(self, why: str) -> None:
        if self._state.is_resolved:
            return
        self._state.set(handed_over_at=workflow.now())
        self._state.tell(f"handed over: {why}")
        self._tell(self._notice("handed-over", f"{why}. {self._advice()}"))

    def _advice(self) -> str:
        """What the diagnosis says to people, in a line."""
        diagnosis = self._state.known.diagnosis
        if diagnosis is None:
            return ""
        causes = [f"{one.cause} ({one.confidence:.0%})" for one in diagnosis.hypotheses[:2]]
        told = f"Likely: {'; or '.join(causes)}" if causes else "The cause is not known"
        return " ".join((told, *(f"Advice: {advice}" for advice in diagnosis.recommended_actions[:3])))

    async def _wait_for_people(self) -> bool:
        """Whether the alerts were resolved while people have the incident, or the history has become long."""
        step, team = "people", self._state.request.review.team
        since = self._state.known.handed_over_at or workflow.now()
        until = since + self._state.request.hold_open
        self._steps.begin(step)
        self._steps.status("handed-over")
        self._steps.wait_in(step, (Waiting(what="the alerts to be resolved", who=team, until=until),))
        resolved = await self._resolved_within(until - workflow.now(), "people: incident open at most until")
        self._steps.wait_in(step, ())
        if resolved:
            self._steps.complete(step, note="the alerts were resolved")
        return resolved or self._is_long()

    async def _resolved_within(self, length: timedelta, summary: str) -> bool:
        if length.total_seconds() <= 0:
            return self._state.is_resolved
        try:
            await workflow.wait_condition(
                lambda: self._state.is_resolved or self._is_long(), timeout=length, timeout_summary=summary
            )
        except TimeoutError:
            return False
        return self._state.is_resolved

    async def _notice(self, event: NoticeEvent, detail: str) -> None:
        known = self._state.known
        title, text = notice(event, self._state.id, known.service, known.severity, detail, self._state.inbox.group)
        await self._state.notify(self._state.request.review.team, event, title, text)

    def _tell(self, telling: Coroutine[Any, Any, None]) -> None:
        self._telling.append(asyncio.ensure_future(telling))

    def _is_long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()


async def until_resolved(state: IncidentState, work: Coroutine[Any, Any, Any]) -> bool:
    """Whether `work` ended before the alerts were resolved; if not, it is cancelled. Its errors are raised."""
    task = asyncio.ensure_future(work)
    try:
        await workflow.wait_condition(lambda: task.done() or state.is_resolved)
    except asyncio.CancelledError:
        await cancelled(task)
        raise
    if not task.done():
        await cancelled(task)
        return False
    task.result()
    return True
