"""A run in memory: the scheduler and rules of a run on Temporal, answers of a test, and a clock that jumps ahead."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from pydantic import JsonValue

from towpath.contracts.core.delivery import OPERATIONS_TEAM
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.run import Cancellation
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import CloudEvent
from towpath.contracts.declared.within import Undo, Within
from towpath.engine.checks.inputs import accept_inputs
from towpath.engine.language.definition import CaseAnswer, CaseDecision, CaseOperation, DefinitionTest, Queue
from towpath.engine.language.plan import Plan, PlanNode, as_run
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
    UndoStep,
)
from towpath.engine.run.again import DoneAgain
from towpath.engine.run.evaluation import PureFunctions, RunFacts, StepError
from towpath.engine.run.within import enter, facts_within
from towpath.engine.scheduling.leaving import undo_ends
from towpath.engine.scheduling.progress import Progress
from towpath.engine.scheduling.undoing import NO_ANSWER, NO_UNDO, asks_check
from towpath.engine.trial.alerting import TrialAlerts
from towpath.engine.trial.groups import TrialItems
from towpath.engine.trial.operators import decided_task, decision_of, refusal
from towpath.engine.trial.result import CaseResult, tell_members, unmet
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
    case = _Case(test, functions, fault)
    whole, plan = plan, as_run(plan)
    facts = RunFacts(f"{plan.definition.header.id}/test", case.began, secrets=secrets_of(plan))
    result = _Simulation(case, plan, facts, inputs).simulate()
    tell_members(whole, result)
    if fault is None:
        result.problems.extend(unmet(test, result))
    return result


class _Case:
    """What all runs of one test share: the run itself, and those of items of its groups."""

    def __init__(self, test: DefinitionTest, functions: PureFunctions, fault: StepFault | None) -> None:
        self.test, self.functions = test, functions
        self.skipped = fault.step if fault is not None and fault.kind == SKIPPED else None
        self.tried = None if fault is None else fault.step
        more = {} if fault is None or fault.kind == SKIPPED else {fault.step: FAULTS[fault.kind]}
        self.script = Script.of(test, more)
        self.began = moment_of(test.now)
        self.time = VirtualTime(self.began)
        self.runs: list[TrialRun] = []
        """Those that are open."""
        self._uuids = 0

    def uuid(self) -> str:
        self._uuids += 1
        return f"00000000-0000-4000-8000-{self._uuids:012d}"


class _Simulation:
    """Does what the driver of a run on Temporal does, in its order."""

    def __init__(
        self,
        case: _Case,
        plan: Plan,
        facts: RunFacts,
        inputs: dict[str, JsonValue],
        around: Within | None = None,
        outer: TrialRun | None = None,
        name: str = "",
    ) -> None:
        """`around` is what the run of an item begins with, `outer` the run that it is an item of, as `name`."""
        self._case, self._plan, self._test, self._time = case, plan, case.test, case.time
        self._began = case.time.now
        self.progress = Progress(plan, facts, inputs, case.functions, case.uuid)
        evaluation = self.progress.evaluation
        if around is not None:
            enter(evaluation, around)
        script = case.script if outer is None else outer.script.within(name)
        held = {node.id for node in plan.steps() if script.is_for(node.id)}
        evaluation.held = frozenset(held | ({case.tried} if case.tried is not None else set()))
        full = "" if outer is None else f"{outer.name}{name}/"
        self.run = self._run = TrialRun(plan, evaluation, self._time, script, case.runs, full)
        if outer is not None:
            self.run.result.share(outer.result)
            self.run.spending, self.run.kept = outer.spending, outer.kept
        self.run.teams = case.test.teams
        case.runs.append(self.run)
        self.items = self.run.items = TrialItems(self.run, around, self._item)
        self._steps = TrialSteps(self._run)
        self.progress.listen(self._run)
        self._work: dict[str, Strand[None]] = {}
        self._latest: dict[str, str] = {}
        self._alerts = TrialAlerts(self.run, self.progress)
        self._inside: list[str] = []
        self.undone: list[str] = []
        self.ended: End | None = None

    @property
    def not_undone(self) -> list[str]:
        return [*self.progress.not_undone, *self._inside]

    def _item(self, node: PlanNode, given: Within, inputs: JsonObject, event: JsonValue, name: str) -> "_Simulation":
        if node.inner is None:
            raise TypeError(node.id)
        facts = facts_within(given, replace(self.progress.evaluation.facts, event=event))
        return _Simulation(self._case, node.inner, facts, inputs, given, self.run, name)

    def begin(self) -> None:
        self._apply(self.progress.begin(self._time.now))

    def unwind(self, undos: Sequence[Undo]) -> None:
        self.items.left |= {name: left for undo in undos for name, left in undo.items.items()}
        self._apply(self.progress.unwind(undos, self._time.now))

    def cancel(self, why: Cancellation) -> None:
        self._apply(self.progress.cancel(self._time.now, why))

    def simulate(self) -> CaseResult:
        for after, event in cloud_events(self._test, self._began):
            self._time.start(self._arrive(after, event))
        for index, operation in enumerate(self._test.operations):
            self._time.start(self._operate(index, operation))
        self._alerts.begin()
        cancel_on = self._plan.definition.header.cancel_on
        if cancel_on is not None:
            self._time.start(self._cancel_on(cancel_on, None))
        self.begin()
        try:
            self._time.run(lambda: self.ended is not None)
        except EndlessError:
            self._run.result.problems.append("the run does not come to an end")
        self.report()
        self._time.close()
        return self._whole()

    def report(self) -> None:
        result, progress = self._run.result, self.progress
        result.states |= {node.id: str(run.state) for node, run in zip(self._plan.nodes, progress.runs, strict=True)}
        result.attempts |= {node.id: progress.runs[node.index].attempts for node in self._plan.steps()}
        result.branches |= dict(progress.branches)
        self.items.report()

    def _whole(self) -> CaseResult:
        result, progress = self._run.result, self.progress
        result.take(self.ended, progress.running)
        result.undone, result.not_undone = self.undone, self.not_undone
        result.duration = self._time.now - self._began
        return result

    async def _arrive(self, after: timedelta, event: CloudEvent) -> None:
        await self._time.wait_for(after)
        self._run.inbox.put(event)
        for run in [run for run in self._case.runs if run is not self._run and run.may_wait_for(event)]:
            run.inbox.put(event)

    def _apply(self, actions: list[Action]) -> None:
        self._alerts.follow_starts()
        for action in actions:
            match action:
                case Start(step=step) if step == self._case.skipped:
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
                    self.ended = action

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
        self._apply(self.progress.finish(node.id, outcome, self._time.now, place))

    async def _outcome(self, node: PlanNode, start: Start) -> Outcome:
        again = DoneAgain(node)
        outcome = await self._steps.perform(node, start)
        while start.items is None and self.progress.stopping is None:
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
            self._apply(self.progress.cancel(self._time.now, why))
        else:
            self._cancel_step(place, why)

    async def _undo(self, action: UndoStep) -> None:
        """Ask whether it happened where nobody knows, and undo it."""
        node, config, progress = self._plan.node(action.step), action.config, self.progress
        step = node.step
        if step is None:
            raise TypeError(node.id)
        if node.inner is not None:
            found = await self.items.undo(node, action.place)
            found.in_doubt = self._run.doubts.is_open(action.place)
            self.undone.extend(found.done)
            self._inside.extend(found.left)
            self._apply(undo_ends(progress, node, action.place, found, self._time.now))
            return
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
        self.undone.append(action.place)
        self._apply(progress.undone(action.place, self._time.now))

    async def _fall_back(self, action: FallBack) -> None:
        entry, result = self._plan.definition.fallback[action.index], self._run.result
        result.fell_back += 1
        if isinstance(entry, Queue):
            result.queue = entry.queue
        else:
            self._run.tell(entry.target or OPERATIONS_TEAM, "fallback")
        self._apply(self.progress.fell_back(self._time.now))

    async def _operate(self, index: int, operation: CaseOperation) -> None:
        await self._time.wait_for(length_of(operation.after))
        why = Cancellation(by=operation.by, reason=operation.reason)
        if operation.cancel:
            self.cancel(why)
        elif operation.pause:
            self.progress.pause()
        elif operation.resume:
            self._apply(self.progress.resume(self._time.now))
        else:
            self.settle(index, operation, why)

    def settle(self, index: int, operation: CaseOperation, why: Cancellation) -> None:
        """Skip a step, or set its output; that of a human task is a decision. In an item, it is `group/index/step`."""
        found = self.items.find(operation.skip or operation.set_output or "")
        if found is not None:
            verb = "skip" if operation.skip is not None else "set_output"
            found[0].settle(index, operation.model_copy(update={verb: found[1]}), why)
            return
        problem = refusal(self._run, self.progress, operation)
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
        self._apply(self.progress.replace(step, settled, self._time.now, why))

    async def _skip(self, step: str) -> None:
        self._replace(step, None, Cancellation(by="the matrix", reason=SKIPPED))
