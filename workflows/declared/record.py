"""How a run of a definition looks from outside: its record, its lifecycle events, and its alerts while it goes on."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue
from temporalio import workflow

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.run import Waiting
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.declared.run import CloudEvent, LifecycleEvents
from towpath.engine.expression.template import compile_condition
from towpath.engine.expression.values import ExpressionError
from towpath.engine.language.alerts import AlertWatch, alert_team, watch_alert
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.run.actions import End, State, StepRun
from towpath.engine.run.evaluation import StepError
from towpath.engine.scheduling.progress import Progress
from workflows.declared.effects import EffectPlace, Effects
from workflows.declared.run import DeclaredRun
from workflows.kit.calling import CallFailedError
from workflows.kit.notices import team_notice
from workflows.kit.options import NOTICE
from workflows.kit.steps import Steps


def titles(plan: Plan) -> dict[str, str]:
    """Step ids to what people read, in the order of the document."""
    found: dict[str, str] = {}
    for node in plan.steps():
        text = "" if node.step is None else node.step.description
        found[node.id] = text.strip().partition("\n")[0][:80] or node.id
    return found


class Mirror:
    """Carries what the scheduler decided into the record that people read, and into lifecycle events."""

    def __init__(self, progress: Progress, steps: Steps, outbox: "Outbox", started: Callable[[str], None]) -> None:
        self._nodes = [node for node in progress.plan.nodes if node.step is not None]
        self._states = {node.index: State.PENDING for node in self._nodes}
        self._held_back: dict[int, Waiting] = {}
        self._steps = steps
        self._outbox = outbox
        self._started = started

    def take_over(self, progress: Progress) -> None:
        """What an earlier part of the run has recorded and told is not told again."""
        self._states = {node.index: progress.runs[node.index].state for node in self._nodes}
        for node in self._nodes:
            self._steps.wait_in(node.id, ())

    def update(self, progress: Progress) -> None:
        """Record every step whose state changed; of one that is done once more, first how its visit ended."""
        for visit in progress.visits.take_over():
            node = progress.plan.node(visit.step)
            if visit.run.state is not State.PENDING and visit.run.state is not self._states[node.index]:
                self._record(progress, node, visit.run)
            self._states[node.index] = State.PENDING
            self._steps.repeat(node.id, visit.number + 1)
            self._held_back.pop(node.index, None)
        self._hold_back(progress)
        for node in self._nodes:
            run = progress.runs[node.index]
            if run.state is self._states[node.index]:
                self._leave(progress, node, run)
            else:
                self._record(progress, node, run)

    def _hold_back(self, progress: Progress) -> None:
        """Which steps wait for their turn or their condition. Those that begin say themselves what they wait for."""
        before, self._held_back = self._held_back, progress.held_back
        for index in {**before, **self._held_back}:
            now = self._held_back.get(index)
            if now != before.get(index):
                self._steps.wait_in(progress.plan.nodes[index].id, () if now is None else (now,))

    def _record(self, progress: Progress, node: PlanNode, run: StepRun) -> None:
        self._states[node.index] = run.state
        self._outbox.step(node.id, run.state, run.failure)
        match run.state:
            case State.RUNNING:
                self._steps.begin(node.id)
                self._started(node.id)
            case State.COMPLETED if run.failure is not None:
                self._steps.degrade(node.id, run.note)
            case State.COMPLETED:
                self._steps.complete(node.id, attempts=run.attempts, note=run.note)
            case State.FAILED:
                failure = run.failure or Failure(code=FailureCode.UNEXPECTED, message=run.note)
                self._steps.fail(node.id, failure)
            case State.CANCELLED:
                self._steps.cancel(node.id, run.note, run.cancelled)
            case State.UNDONE:
                self._steps.undo(node.id)
            case _:
                self._steps.skip(node.id, run.note)
        if run.cancelled is not None:
            self._steps.say_cancelled(node.id, run.cancelled)
        self._leave(progress, node, run)

    def _leave(self, progress: Progress, node: PlanNode, run: StepRun) -> None:
        """An effect that stays, or may, is told with the step, whatever its state."""
        if progress.visits.place(node.id) in progress.not_undone:
            self._steps.remark(node.id, run.note)


class Outbox:
    """Lifecycle events of a run, delivered in order by an activity, each with the id `run:number`."""

    def __init__(self, effects: Effects, sinks: tuple[str, ...], definition: str, version: str) -> None:
        self._effects = effects
        self._sinks = sinks
        self._definition = definition
        self._version = version
        self._run = workflow.info().run_id
        self._number = 0
        self._waiting: list[CloudEvent] = []
        self._sending: asyncio.Task[None] | None = None

    def take_over(self, run: str, number: int) -> None:
        """Go on numbering where an earlier part of this run ended."""
        self._run, self._number = run, number

    @property
    def last(self) -> tuple[str, int]:
        """What the ids are made of: the run, and the number of the last event."""
        return self._run, self._number

    @property
    def sending(self) -> bool:
        return self._sending is not None and not self._sending.done()

    def step(self, step: str, state: State, failure: Failure | None) -> None:
        if self._sinks:
            error: JsonValue = None if failure is None else {"code": str(failure.code), "message": failure.message}
            names = {State.RUNNING: "started"}
            self.add(f"step.{names.get(state, str(state))}", {"step": step, "error": error})

    def add(self, kind: str, data: dict[str, JsonValue]) -> None:
        """An event of the kind `workflow.started`; nothing when the installation has no sinks."""
        if not self._sinks:
            return
        info = workflow.info()
        self._number += 1
        event = CloudEvent(
            id=f"{self._run}:{self._number}",
            type=kind,
            source=f"towpath/{self._definition}",
            subject=info.workflow_id,
            time=workflow.now(),
            data={"definition": self._definition, "version": self._version, **data},
        )
        self._waiting.append(event)
        if not self.sending:
            self._sending = asyncio.ensure_future(self._send())

    def ended(self, end: End, not_undone: Sequence[str]) -> None:
        """How the run ended, with the step that failed and what stays of it."""
        data: dict[str, JsonValue] = {"status": end.status}
        if end.failure is not None:
            data |= {"step": end.step, "error": {"code": str(end.failure.code), "message": end.failure.message}}
        if not_undone:
            data["not_undone"] = list(not_undone)
        kind = {"rejected": "completed"}.get(end.status, end.status)
        self.add(f"workflow.{kind}", data)

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = tuple(self._waiting[:100]), self._waiting[100:]
            first = batch[0].id
            request = LifecycleEvents(sinks=self._sinks, events=batch, key=EffectKey(first))
            number = first.rpartition(":")[2]
            place = EffectPlace(f"events/{number}", f"Lifecycle events from {number}", NOTICE)
            try:
                await self._effects.deliver_events(request, place)
            except CallFailedError as error:
                workflow.logger.warning("lifecycle events not delivered: %s", error.failure.code)

    async def flush(self) -> None:
        """Until everything is sent, or given up."""
        if self._sending is not None:
            await self._sending


class Alerts:
    """Conditions on the running time, looked at while the run goes on: at the moments at which they can turn true."""

    def __init__(self, run: DeclaredRun, progress: Progress, outbox: Outbox) -> None:
        self._run = run
        self._progress = progress
        self._outbox = outbox
        self._tasks: list[asyncio.Task[None]] = []
        self.telling: set[asyncio.Task[None] | None] = set()
        self._watches = [
            watch_alert(index, alert) for index, alert in enumerate(run.plan.definition.header.monitoring.alerts)
        ]
        self.began = workflow.info().start_time
        self.told: set[int] = set()

    def begin(self) -> None:
        for watch in self._watches:
            if watch.on_run:
                self._follow(watch, self.began, None)

    def step_started(self, step: str) -> None:
        for watch in self._watches:
            if watch.on_step:
                self._follow(watch, workflow.now(), step)

    async def stop(self) -> None:
        """Watch no longer. Who is being told still hears of it."""
        to_the_end = self.telling and workflow.patched("alerts-are-told-to-the-end-2026-11")
        kept = self.telling if to_the_end else frozenset[asyncio.Task[None] | None]()
        for task in self._tasks:
            if task not in kept:
                task.cancel()
        if to_the_end:
            await workflow.wait_condition(lambda: not self.telling)

    def _follow(self, watch: AlertWatch, since: datetime, step: str | None) -> None:
        self._tasks.append(asyncio.ensure_future(self._watch(watch, since, step)))

    async def _watch(self, watch: AlertWatch, since: datetime, step: str | None) -> None:
        for moment in watch.moments:
            left = since + moment - workflow.now()
            if left > timedelta():
                await workflow.sleep(left, summary=f"alert: {watch.alert.condition}")
            if step is not None and step not in self._progress.running:
                return
            if self._is_true(watch, since):
                await self._tell(watch)
                return

    def _is_true(self, watch: AlertWatch, since: datetime) -> bool:
        elapsed = workflow.now() - self.began
        scope = self._run.evaluation.scope(execution_time=elapsed, step_duration=workflow.now() - since)
        try:
            return compile_condition(watch.alert.condition).evaluate(scope) is True
        except ExpressionError:
            return False

    async def _tell(self, watch: AlertWatch) -> None:
        if watch.index in self.told:
            return
        self.told.add(watch.index)
        alert, info = watch.alert, workflow.info()
        team = alert_team(alert.channel)
        try:
            text = str(self._run.evaluation.value(alert.message, "alert")) if alert.message else ""
        except StepError:
            text = ""
        name = f"alert/{watch.index + 1}"
        running = ", ".join(self._progress.running) or "nothing"
        notice = team_notice(
            team,
            f"Alert: {alert.condition}",
            f"{text or info.workflow_id}\nRunning now: {running}.\npython starter.py runs status {info.workflow_id}",
            self._run.key(f"{name}/{info.run_id}"),
        )
        self._outbox.add("workflow.alert", {"condition": alert.condition})
        task = asyncio.current_task()
        self.telling.add(task)
        try:
            failure = await self._run.effects.tell_team(notice, name, f"Tell {team}: alert")
        finally:
            self.telling.discard(task)
        if failure is not None:
            workflow.logger.warning("alert not delivered: %s", failure.code)


def count_run(plan: Plan, progress: Progress, status: str, began: datetime) -> None:
    """The metrics that the definition asks for, of a run that ended."""
    header = plan.definition.header
    wanted = header.monitoring.metrics
    meter = workflow.metric_meter().with_additional_attributes({"definition": header.id, "version": header.version})
    if "execution_time" in wanted:
        elapsed = workflow.now() - began
        name, unit = "towpath_execution_time", "duration of runs of definitions"
        meter.create_histogram_timedelta(name, unit).record(elapsed, {"status": status})
    if "success_rate" in wanted:
        meter.create_counter("towpath_runs", "ended runs of definitions, by status").add(1, {"status": status})
    if "step_duration" in wanted:
        histogram = meter.create_histogram_timedelta("towpath_step_duration", "duration of steps of definitions")
        for node in plan.steps():
            run = progress.runs[node.index]
            if run.started_at is not None and run.ended_at is not None:
                attributes = {"step": node.id, "status": str(run.state)}
                histogram.record(run.ended_at - run.started_at, attributes)
