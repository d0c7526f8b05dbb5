"""A run in memory: the scheduler that runs on Temporal, answers from a test, and a clock that jumps ahead."""

import heapq
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue

from towpath.contracts.core.failure import OUTCOME_UNKNOWN, Failure, FailureCode
from towpath.engine.checks.inputs import accept_inputs
from towpath.engine.expression.durations import parse_duration
from towpath.engine.expression.values import Scope as _Scope
from towpath.engine.expression.values import Value, equal
from towpath.engine.language.definition import CaseAnswer, CaseEvent, DefinitionTest
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.reads import secrets_of
from towpath.engine.language.shapes import as_object
from towpath.engine.language.steps import ForEach, HumanTaskConfig, WaitAnyConfig, WaitConfig
from towpath.engine.run.actions import (
    Action,
    Cancel,
    Cancelled,
    Completed,
    End,
    Failed,
    FallBack,
    Outcome,
    Rejected,
    Start,
    UndoStep,
)
from towpath.engine.run.each import ItemWindow
from towpath.engine.run.effects import has_effect
from towpath.engine.run.evaluation import PureFunctions, RunFacts, StepError
from towpath.engine.run.examples import example_output
from towpath.engine.run.progress import Progress

MOST_DECISIONS = 100_000
NEVER = timedelta(days=36_500)
FAULTS = {"times out": FailureCode.STEP_TIMEOUT, "fails after its effect": FailureCode.SERVICE_UNAVAILABLE}
"""Faults of the matrix after which nobody knows whether the effect has happened; it has."""


@dataclass
class CaseResult:
    """What a case came to. `problems` say which expectation was not met."""

    problems: list[str] = field(default_factory=list[str])
    status: str = ""
    states: dict[str, str] = field(default_factory=dict[str, str])
    outputs: dict[str, Value] = field(default_factory=dict[str, Value])
    undone: list[str] = field(default_factory=list[str])
    not_undone: list[str] = field(default_factory=list[str])
    fell_back: int = 0
    branches: dict[str, str] = field(default_factory=dict[str, str])
    chosen: dict[str, str] = field(default_factory=dict[str, str])
    failed_step: str = ""
    duration: timedelta = timedelta()

    @property
    def ok(self) -> bool:
        return not self.problems


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
    simulation = _Simulation(plan, test, inputs, functions, fault)
    result = simulation.run()
    if fault is None:
        result.problems.extend(_unmet(test, result))
    return result


class _Simulation:
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
        self._fault = fault
        self._began = _moment(test.now)
        self._now = self._began
        self._counter = 0
        name = f"{plan.definition.header.id}/test"
        facts = RunFacts(id=name, started_at=self._began, secrets=secrets_of(plan))
        self._progress = Progress(plan, facts, inputs, functions, self._uuid)
        self._functions = functions
        self._answers: dict[str, list[CaseAnswer]] = {
            name: list(given) if isinstance(given, list) else [given] for name, given in test.answers.items()
        }
        held = {*self._answers, *(() if fault is None else (fault.step,))}
        self._progress.evaluation.held = frozenset(held)
        self._events = sorted(test.events, key=lambda event: _length(event.after))
        self._due: list[tuple[datetime, int, str, Outcome]] = []
        self._ended: End | None = None
        self.result = CaseResult()

    def run(self) -> CaseResult:
        self._do(self._progress.begin(self._now))
        decisions = 0
        while self._ended is None and self._due:
            decisions += 1
            if decisions > MOST_DECISIONS:
                self.result.problems.append("the run does not come to an end")
                break
            moment, _, step, outcome = heapq.heappop(self._due)
            self._now = max(self._now, moment)
            self._do(self._progress.finish(step, outcome, self._now))
        return self._report()

    def _report(self) -> CaseResult:
        result, end = self.result, self._ended
        result.status = "stuck" if end is None else end.status
        result.outputs = {} if end is None else end.outputs
        result.failed_step = "" if end is None else end.step
        result.states = {
            node.id: str(run.state) for node, run in zip(self._plan.nodes, self._progress.runs, strict=True)
        }
        result.branches = dict(self._progress.branches)
        result.not_undone = list(self._progress.not_undone)
        result.duration = self._now - self._began
        if end is None and not result.problems:
            waiting = ", ".join(self._progress.running) or "nothing"
            result.problems.append(f"the run stands still; running: {waiting}")
        return result

    def _do(self, actions: list[Action]) -> None:
        waiting = list(actions)
        while waiting:
            action = waiting.pop(0)
            match action:
                case Start():
                    self._start(action)
                case Cancel(step=step):
                    self._due = [entry for entry in self._due if entry[2] != step]
                    heapq.heapify(self._due)
                    unknown = has_effect(self._plan.node(step), self._functions)
                    self._at(self._now, step, Cancelled(action.why.in_words, unknown, why=action.why))
                case UndoStep():
                    waiting.extend(self._undo(action))
                case FallBack():
                    self.result.fell_back += 1
                    waiting.extend(self._progress.fell_back(self._now))
                case End():
                    self._ended = action

    def _undo(self, undo: UndoStep) -> list[Action]:
        """What may have happened has happened, as its check would say."""
        step = self._plan.node(undo.step).step
        if step is None or step.compensate is None:
            return self._progress.left(undo.step, self._now, "it happened, and has no compensate")
        self.result.undone.append(undo.step)
        return self._progress.undone(undo.step, self._now)

    def _start(self, start: Start) -> None:
        node = self._plan.node(start.step)
        if self._fault is not None and self._fault.step == node.id:
            self._at(self._now, node.id, self._faulty(node, self._fault))
            return
        if start.items is not None and node.step is not None and node.step.for_each is not None:
            self._at(self._now, node.id, self._each(node, node.step.for_each, start.items))
            return
        moment, outcome = self._answer(node)
        self._at(moment, node.id, outcome)

    def _at(self, moment: datetime, step: str, outcome: Outcome) -> None:
        self._counter += 1
        heapq.heappush(self._due, (moment, self._counter, step, outcome))

    def _answer(self, node: PlanNode) -> tuple[datetime, Outcome]:
        """What a step answers, and when: from the test, else what its kind gives when all goes well."""
        given = self._given(node.id)
        try:
            if given is not None:
                moment = self._now + (timedelta() if given.after is None else _length(given.after))
                return moment, self._outcome(node, given)
            return self._natural(node)
        except StepError as error:
            return self._now, Failed(error.failure)

    def _given(self, step: str) -> CaseAnswer | None:
        answers = self._answers.get(step)
        if not answers:
            return None
        return answers[0] if len(answers) == 1 else answers.pop(0)

    def _outcome(self, node: PlanNode, given: CaseAnswer) -> Outcome:
        if given.timeout:
            return self._failed(node, _failure(node, "step.timeout", "it timed out in the test"))
        if given.fail is not None:
            return self._failed(node, _failure(node, given.fail, "it failed in the test"))
        decision = (as_object(given.output) or {}).get("decision")
        if isinstance(node.config, HumanTaskConfig) and decision == "reject" and node.config.on_reject == "stop":
            return Rejected(given.output)
        self._choose(node, given.output)
        return Completed(given.output)

    def _failed(self, node: PlanNode, failure: Failure) -> Failed:
        """As in Temporal: after these failures of a step with an effect nobody knows whether it has happened."""
        return Failed(failure, unknown=failure.code in OUTCOME_UNKNOWN and has_effect(node, self._functions))

    def _faulty(self, node: PlanNode, fault: StepFault) -> Outcome:
        if fault.kind == "skipped":
            return Cancelled("skipped by the matrix")
        code = FAULTS.get(fault.kind, FailureCode.SERVICE_REFUSED)
        return self._failed(node, Failure(code=code, message=f"it {fault.kind} in the matrix"))

    def _natural(self, node: PlanNode) -> tuple[datetime, Outcome]:
        config = node.config
        if isinstance(config, WaitConfig):
            return self._wait(node, config)
        if isinstance(config, WaitAnyConfig):
            return self._wait_any(node, config)
        return self._now, Completed(example_output(node, self._now))

    def _wait(self, node: PlanNode, config: WaitConfig) -> tuple[datetime, Outcome]:
        evaluation = self._evaluation()
        if config.for_ is not None:
            return self._now + evaluation.duration(config.for_, "for"), Completed(None)
        if config.until is not None:
            return max(self._now, evaluation.moment(config.until, "until")), Completed(None)
        limit = NEVER if config.within is None else evaluation.duration(config.within, "within")
        found = self._event(config.event or "", config.correlate, config.filter)
        if found is not None and found[0] <= self._now + limit:
            return found[0], Completed(found[1])
        if config.on_timeout == "continue":
            return self._now + limit, Completed(None)
        return self._now + limit, Failed(_failure(node, "event.timeout", f"the event {config.event} did not come"))

    def _wait_any(self, node: PlanNode, config: WaitAnyConfig) -> tuple[datetime, Outcome]:
        found: list[tuple[datetime, int, str, Value]] = []
        for number, (name, choice) in enumerate(config.on.items()):
            if choice.after is not None:
                moment = self._now + self._evaluation().duration(choice.after, "after")
                found.append((moment, number, name, None))
            elif choice.event is not None:
                event = self._event(choice.event, choice.correlate, choice.filter)
                if event is not None:
                    found.append((event[0], number, name, event[1]))
            elif choice.human_task is not None:
                found.append((self._now, number, name, example_output(node, self._now)))
        if not found:
            return self._now + NEVER, Failed(_failure(node, "event.timeout", "nothing that it waits for came"))
        moment, _, name, value = min(found, key=lambda entry: entry[:2])
        output = {"chosen": name, "value": value}
        self._choose(node, output)
        return moment, Completed(output)

    def _event(self, kind: str, correlate: str | None, condition: str | None) -> tuple[datetime, Value] | None:
        """The first event of the test that a step would take, and when it is there."""
        evaluation = self._evaluation()
        subject = None if correlate is None else str(evaluation.value(correlate, "correlate"))
        for event in self._events:
            given = _cloud_event(event)
            fits = event.event == kind and (subject is None or event.subject == subject)
            if fits and (condition is None or evaluation.is_true(condition, "filter", event=given)):
                self._events.remove(event)
                return max(self._now, self._began + _length(event.after)), given
        return None

    def _each(self, node: PlanNode, loop: ForEach, items: list[Value]) -> Outcome:
        collect = loop.on_item_error == "collect"
        window = ItemWindow(len(items), loop.concurrency, collect=collect)
        results: list[Value] = [None] * len(items)
        failures: list[Failure] = []
        effects = 0
        waiting = window.begin()
        while waiting:
            index = waiting.pop(0)
            outcome = self._item(node, loop, items[index], index)
            if isinstance(outcome, Completed):
                results[index] = outcome.output
                effects += has_effect(node, self._functions)
            elif isinstance(outcome, Failed):
                failures.append(outcome.failure)
                effects += outcome.unknown
                results[index] = {"error": {"code": str(outcome.failure.code), "message": outcome.failure.message}}
            waiting.extend(window.finish(index, ok=isinstance(outcome, Completed)))
        share = 1.0 if loop.max_failures is None else float(loop.max_failures.rstrip("%")) / 100
        allowed = int(len(items) * share) if collect else 0
        if len(failures) > allowed:
            return Failed(failures[0], unknown=effects > 0, partial=results)
        return Completed(results)

    def _item(self, node: PlanNode, loop: ForEach, item: Value, index: int) -> Outcome:
        evaluation = self._evaluation()
        try:
            config = evaluation.config(node, **{loop.as_: item, "index": index})
        except StepError as error:
            return Failed(error.failure)
        if evaluation.is_pure(node):
            return evaluation.perform(node, config)
        return self._answer(node)[1]

    def _evaluation(self) -> Any:
        self._progress.evaluation.now = self._now
        return self._progress.evaluation

    def _choose(self, node: PlanNode, output: Value) -> None:
        fields = as_object(output)
        if isinstance(node.config, WaitAnyConfig) and fields is not None:
            self.result.chosen[node.id] = str(fields.get("chosen"))

    def _uuid(self) -> str:
        self._counter += 1
        return f"00000000-0000-4000-8000-{self._counter:012d}"


def _unmet(test: DefinitionTest, result: CaseResult) -> list[str]:
    wanted = test.expect
    found: list[str] = []
    if result.status != wanted.status:
        at = f" at {result.failed_step}" if result.failed_step else ""
        found.append(f"status: expected {wanted.status}, got {result.status}{at}")
    found.extend(
        f"{step}: expected {state}, got {result.states.get(step, 'no such step')}"
        for step, state in wanted.steps.items()
        if result.states.get(step) != state
    )
    if wanted.outputs is not None and not equal(wanted.outputs, result.outputs, _Scope({})):
        found.append(f"outputs: expected {wanted.outputs}, got {result.outputs}")
    if wanted.undone is not None and wanted.undone != result.undone:
        found.append(f"undone: expected {wanted.undone}, got {result.undone}")
    found.extend(
        f"{step}: expected the choice {choice}, got {result.chosen.get(step)}"
        for step, choice in wanted.chosen.items()
        if result.chosen.get(step) != choice
    )
    return found


def _failure(node: PlanNode, code: str, message: str) -> Failure:
    known = code in set(FailureCode)
    return Failure(code=FailureCode(code) if known else FailureCode.UNEXPECTED, message=f"{node.id}: {message}")


def _cloud_event(event: CaseEvent) -> dict[str, JsonValue]:
    return {
        "id": f"test-{event.event}",
        "type": event.event,
        "source": "test",
        "specversion": "1.0",
        "subject": event.subject,
        "data": event.data,
    }


def _length(text: str) -> timedelta:
    return parse_duration(text) or timedelta()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime(2026, 1, 1, tzinfo=UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
