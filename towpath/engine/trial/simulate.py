"""A run in memory: the scheduler and rules of a run on Temporal, answers of a test, and a clock that jumps ahead."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from towpath.contracts.core.delivery import OPERATIONS_TEAM
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.run import Cancellation
from towpath.contracts.declared.run import CloudEvent
from towpath.engine.checks.inputs import accept_inputs
from towpath.engine.expression.template import compile_condition
from towpath.engine.expression.values import ExpressionError
from towpath.engine.language.alerts import AlertWatch, alert_team, watch_alert
from towpath.engine.language.definition import CaseAnswer, CaseDecision, CaseOperation, DefinitionTest, Queue
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.reads import secrets_of
from towpath.engine.language.steps import CancelOn
from towpath.engine.run.actions import (
    Action,
    Cancel,
    Cancelled,
    Completed,
    End,
    Failed,
    FallBack,
    Outcome,
    Start,
    State,
    UndoStep,
)
from towpath.engine.run.again import DoneAgain
from towpath.engine.run.evaluation import PureFunctions, RunFacts, StepError
from towpath.engine.scheduling.progress import Progress
from towpath.engine.scheduling.undoing import NO_ANSWER, NO_UNDO, asks_check
from towpath.engine.trial.operators import decided_task, decision_of, refusal
from towpath.engine.trial.result import CaseResult, unmet
from towpath.engine.trial.run import TrialJob, TrialRun
from towpath.engine.trial.script import Script, cloud_events, length_of, moment_of
from towpath.engine.trial.steps import TrialSteps
from towpath.engine.trial.virtual import EndlessError, Strand, VirtualTime, WithdrawnError

FAULTS = {
    "fails": CaseAnswer(fail=str(FailureCode.SERVICE_REFUSED)),
    "fails after its effect": CaseAnswer(fail=str(FailureCode.SERVICE_UNAVAILABLE)),
    "times out": CaseAnswer(timeout=True),
}
SKIPPED = "skipped"
"""What the matrix does to a step as an operator."""


@dataclass(frozen=True)
class StepFault:
    """What the matrix does to one step instead of its answer."""

    step: str
    kind: str


def run_case(plan: Plan, test: DefinitionTest, functions: PureFunctions, fault: StepFault | None = None) -> CaseResult:
    """The result of one test; with a fault, its expectations are left aside."""
    inputs, problems = accept_inputs(plan.definition.header, test.inputs)
    if problems:
        return CaseResult([f"inputs: {problem}" for problem in problems])
    result = _Simulation(plan, test, inputs, functions, fault).simulate()
    if fault is None:
        result.problems.extend(unmet(test, result))
    return result


class _Simulation:
    """Does what the driver of a run on Temporal does, in its order."""

    def __init__(
        self,
        plan: Plan,
        test: DefinitionTest,
        inputs: dict[str, JsonValue],
        functions: PureFunctions,
        fault: StepFault | None,
    ) -> None:
        self._plan = plan
        self._test = test
        self._skipped = fault.step if fault is not None and fault.kind == SKIPPED else None
        self._uuids = 0
        more = {} if fault is None or fault.kind == SKIPPED else {fault.step: FAULTS[fault.kind]}
        script = Script(test, more)
        self._began = moment_of(test.now)
        facts = RunFacts(f"{plan.definition.header.id}/test", self._began, secrets=secrets_of(plan))
        self._progress = Progress(plan, facts, inputs, functions, self._uuid)
        evaluation = self._progress.evaluation
        held = {node.id for node in plan.steps() if script.is_for(node.id)}
        evaluation.held = frozenset(held | ({fault.step} if fault is not None else set()))
        self._time = VirtualTime(self._began)
        self._run = TrialRun(plan, evaluation, self._time, script)
        self._run.teams = test.teams
        self._steps = TrialSteps(self._run)
        self._progress.listen(self._run)
        self._work: dict[str, Strand[None]] = {}
        self._latest: dict[str, str] = {}
        self._states: dict[int, State] = {}
        self._alerts = [watch_alert(i, rule) for i, rule in enumerate(plan.definition.header.monitoring.alerts)]
        self._alerted: set[int] = set()
        self._ended: End | None = None

    def simulate(self) -> CaseResult:
        for after, event in cloud_events(self._test, self._began):
            self._time.start(self._arrive(after, event))
        for index, operation in enumerate(self._test.operations):
            self._time.start(self._operate(index, operation))
        for watch in self._alerts:
            if watch.on_run:
                self._time.start(self._alert(watch, self._began, None))
        cancel_on = self._plan.definition.header.cancel_on
        if cancel_on is not None:
            self._time.start(self._cancel_on(cancel_on, None))
        self._apply(self._progress.begin(self._time.now))
        try:
            self._time.run(lambda: self._ended is not None)
        except EndlessError:
            self._run.result.problems.append("the run does not come to an end")
        self._time.close()
        return self._report()

    def _report(self) -> CaseResult:
        result, end, progress = self._run.result, self._ended, self._progress
        result.status = "stuck" if end is None else end.status
        result.outputs = {} if end is None else end.outputs
        result.single = () if end is None else end.single
        result.failed_step = "" if end is None else end.step
        result.failure = "" if end is None or end.failure is None or end.status != "failed" else str(end.failure.code)
        result.states = {node.id: str(run.state) for node, run in zip(self._plan.nodes, progress.runs, strict=True)}
        result.attempts = {node.id: progress.runs[node.index].attempts for node in self._plan.steps()}
        result.branches = dict(progress.branches)
        result.not_undone = list(progress.not_undone)
        result.duration = self._time.now - self._began
        if end is None and not result.problems:
            waiting = ", ".join(progress.running) or "nothing"
            result.problems.append(f"the run stands still; running: {waiting}")
        return result

    async def _arrive(self, after: timedelta, event: CloudEvent) -> None:
        await self._time.wait_for(after)
        self._run.inbox.put(event)

    def _apply(self, actions: list[Action]) -> None:
        self._follow_starts()
        for action in actions:
            match action:
                case Start(step=step) if step == self._skipped:
                    self._time.start(self._skip(step))
                case Start(step=step, place=place):
                    self._latest[step] = place
                    self._work[place] = self._time.start(self._perform(self._plan.node(step), action))
                case Cancel(step=step, why=why):
                    self._cancel_step(self._latest.get(step, step), why)
                case UndoStep():
                    self._time.start(self._undo(action))
                case FallBack():
                    self._time.start(self._fall_back(action))
                case End():
                    self._ended = action

    def _cancel_step(self, place: str, why: Cancellation) -> None:
        strand = self._work.get(place)
        if strand is not None and not strand.done:
            self._run.cancelled.setdefault(place, why)
            if strand.has_begun:
                strand.cancel()

    async def _perform(self, node: PlanNode, start: Start) -> None:
        cancel_on = None if node.step is None else node.step.cancel_on
        place = start.place
        watch = None if cancel_on is None else self._time.start(self._cancel_on(cancel_on, place))
        try:
            cancelled = place in self._run.cancelled
            outcome = self._cancelled(place) if cancelled else await self._outcome(node, start)
        except WithdrawnError:
            if place not in self._run.cancelled:
                raise
            outcome = self._cancelled(place)
        if watch is not None:
            watch.cancel()
        if isinstance(outcome, Failed) and place in self._run.cancelled:
            outcome = self._cancelled(place)
        self._apply(self._progress.finish(node.id, outcome, self._time.now, place))

    async def _outcome(self, node: PlanNode, start: Start) -> Outcome:
        again = DoneAgain(node)
        outcome = await self._steps.perform(node, start)
        while start.items is None and self._progress.stopping is None:
            wait = again.wait_after(outcome, self._run.evaluation)
            if wait is None:
                break
            await self._time.wait_for(wait)
            outcome = await self._steps.perform(node, start)
        return again.counted(outcome)

    def _cancelled(self, place: str) -> Cancelled:
        """What it may have done is undone: its answer is lost, its effect may not be."""
        why = self._run.cancelled[place]
        return Cancelled(why.in_words, self._run.doubts.is_open(place), self._steps.partial.get(place), why)

    async def _cancel_on(self, cancel_on: CancelOn, place: str | None) -> None:
        event = await self._run.event(cancel_on.event, cancel_on, {})
        why = Cancellation(by="its cancel_on", reason=f"the event {cancel_on.event} of {event.source} came")
        if place is None:
            self._apply(self._progress.cancel(self._time.now, why))
        else:
            self._cancel_step(place, why)

    async def _undo(self, action: UndoStep) -> None:
        """Ask whether it happened where nobody knows, and undo it."""
        node, config, progress = self._plan.node(action.step), action.config, self._progress
        step = node.step
        if step is None:
            raise TypeError(node.id)
        try:
            if step.check is not None and asks_check(step, unknown=action.unknown):
                job = TrialJob(self._run, node, {}, visit=action.visit)
                try:
                    found = await self._steps.happened(job, step.check, f"{action.place}/check")
                except StepError:
                    found = Completed()
                if found is None:
                    self._apply(progress.undone(action.place, self._time.now, note="nothing to undo"))
                    return
                if found.output is not None and step.compensate is not None:
                    place = f"{node.id}.compensate"
                    config = self._run.evaluation.value(step.compensate.config, place, output=found.output)
            if step.compensate is None or config is None:
                why = NO_UNDO if step.compensate is None else NO_ANSWER
                self._apply(progress.left(action.place, self._time.now, why))
                return
            await self._steps.undo(node, action.place)
        except StepError as error:
            self._apply(progress.undone(action.place, self._time.now, error.failure))
            return
        self._run.result.undone.append(action.place)
        self._apply(progress.undone(action.place, self._time.now))

    async def _fall_back(self, action: FallBack) -> None:
        entry, result = self._plan.definition.fallback[action.index], self._run.result
        result.fell_back += 1
        if isinstance(entry, Queue):
            result.queue = entry.queue
        else:
            self._run.tell(entry.target or OPERATIONS_TEAM, "fallback")
        self._apply(self._progress.fell_back(self._time.now))

    async def _operate(self, index: int, operation: CaseOperation) -> None:
        await self._time.wait_for(length_of(operation.after))
        why = Cancellation(by=operation.by, reason=operation.reason)
        if operation.cancel:
            self._apply(self._progress.cancel(self._time.now, why))
        elif operation.pause:
            self._progress.pause()
        elif operation.resume:
            self._apply(self._progress.resume(self._time.now))
        else:
            self._settle(index, operation, why)

    def _settle(self, index: int, operation: CaseOperation, why: Cancellation) -> None:
        """Skip a step, or set its output; that of a human task is a decision."""
        problem = refusal(self._run, self._progress, operation)
        task, said = decided_task(self._run, operation), decision_of(operation)
        if problem:
            self._run.result.refused.append(f"operations[{index}] was refused: {problem}")
        elif task is not None and isinstance(said, CaseDecision):
            task.take(said)
        else:
            outcome = None if operation.skip is not None else Completed(operation.output, attempts=0)
            self._replace(operation.skip or operation.set_output or "", outcome, why)

    def _replace(self, step: str, outcome: Completed | None, why: Cancellation) -> None:
        settled = outcome or Cancelled(f"skipped {why.in_words}")
        self._apply(self._progress.replace(step, settled, self._time.now, why))

    async def _skip(self, step: str) -> None:
        self._replace(step, None, Cancellation(by="the matrix", reason=SKIPPED))

    def _follow_starts(self) -> None:
        """Alerts on a step begin with it."""
        on_step = [watch for watch in self._alerts if watch.on_step]
        for node in self._plan.steps() if on_step else ():
            state = self._progress.runs[node.index].state
            if state is State.RUNNING and self._states.get(node.index) is not State.RUNNING:
                for watch in on_step:
                    self._time.start(self._alert(watch, self._time.now, node.id))
            self._states[node.index] = state

    async def _alert(self, watch: AlertWatch, since: datetime, step: str | None) -> None:
        """Looked at when it can turn true, and told once."""
        for moment in watch.moments:
            await self._time.wait_until(since + moment)
            if step is not None and step not in self._progress.running:
                return
            if self._is_true(watch, since):
                if watch.index not in self._alerted:
                    self._alerted.add(watch.index)
                    self._run.tell(alert_team(watch.alert.channel), "alert")
                return

    def _is_true(self, watch: AlertWatch, since: datetime) -> bool:
        now = self._time.now
        scope = self._run.evaluation.scope(execution_time=now - self._began, step_duration=now - since)
        try:
            return compile_condition(watch.alert.condition).evaluate(scope) is True
        except ExpressionError:
            return False

    def _uuid(self) -> str:
        self._uuids += 1
        return f"00000000-0000-4000-8000-{self._uuids:012d}"
