"""The whole scheduler of a run as a value: outcomes of steps go in, the next actions come out.

Nothing here waits, calls, or knows the time: a driver performs the actions, in a workflow or in memory.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import JsonValue, TypeAdapter

from towpath.contracts.declared import SentStep
from towpath.contracts.failure import Failure, FailureCode
from towpath.contracts.run import Cancellation
from towpath.engine.actions import (
    SETTLED,
    Action,
    Cancel,
    Cancelled,
    Completed,
    End,
    FallBack,
    Outcome,
    RunStatus,
    State,
    StepRun,
    Undo,
)
from towpath.engine.evaluation import PureFunctions, RunFacts, StepError
from towpath.engine.expression.values import Value
from towpath.engine.plan import Plan, PlanNode
from towpath.engine.scheduling import Scheduling
from towpath.engine.undoing import is_undoable, undo_of

_RUN = TypeAdapter(StepRun)


class Progress(Scheduling):
    """One run of a plan. Each method takes what happened and answers with what to do next, in order."""

    def begin(self, now: datetime) -> list[Action]:
        self.evaluation.now = now
        self._ready.extend(node.index for node in self.plan.nodes if self._open[node.index])
        return self._go_on()

    def finish(self, step: str, outcome: Outcome, now: datetime) -> list[Action]:
        """A step that was started has ended. Reported twice, the second time says nothing."""
        self.evaluation.now = now
        index = self.plan.by_id[step]
        if index not in self._running:
            return []
        self._running.discard(index)
        self._take(index, outcome)
        return self._go_on()

    def undone(self, step: str, now: datetime, failure: Failure | None = None, note: str = "") -> list[Action]:
        """A compensation has ended; with `failure`, the step could not be undone. A `note` says why there was none."""
        self.evaluation.now = now
        self._unwinding = False
        run = self.runs[self.plan.by_id[step]]
        if failure is not None:
            self.not_undone.append(step)
        elif not note:
            run.state, run.ended_at = State.UNDONE, now
        run.note = note or ("undone" if failure is None else f"not undone ({failure.code})")
        return self._go_on()

    def left(self, step: str, now: datetime, why: str) -> list[Action]:
        """An effect that has happened, or may have, stays: `why` it is not undone."""
        self.evaluation.now = now
        self._unwinding = False
        self._leave(self.plan.by_id[step], why)
        return self._go_on()

    def fell_back(self, now: datetime) -> list[Action]:
        self.evaluation.now = now
        self._unwinding = False
        self._fallen += 1
        return self._go_on()

    def pause(self) -> None:
        """Start nothing more until `resume`; what runs goes on."""
        self.paused = True

    def resume(self, now: datetime) -> list[Action]:
        self.evaluation.now = now
        self.paused = False
        self._ready.extend(self._held)
        self._held.clear()
        return self._go_on()

    def replace(self, step: str, outcome: Completed | Cancelled, now: datetime, why: Cancellation) -> list[Action]:
        """Settle a step by hand: with an output, or as skipped. One that runs is cancelled. `why` says who does it.

        Raises ValueError when it is settled already, or is no step.
        """
        self.evaluation.now = now
        node = self.plan.node(step)
        run = self.runs[node.index]
        if node.kind != "step" or run.state in SETTLED or self._stopping is not None:
            raise ValueError(f"{step} is {run.state if node.kind == 'step' else 'not a single step'}")
        if node.index in self._running:
            self._running.discard(node.index)
            self._actions.append(Cancel(step, why))
            run.unknown = not isinstance(outcome, Completed)
            run.cancelled = why
        if isinstance(outcome, Completed):
            self._complete(node, outcome)
        else:
            self._settle(node.index, State.SKIPPED, good=False, note=outcome.reason)
        return self._go_on()

    def cancel(self, now: datetime, why: Cancellation) -> list[Action]:
        """End the run: what runs is cancelled, what was done is undone."""
        self.evaluation.now = now
        if self._stopping is None:
            self._stop("cancelled", "", Failure(code=FailureCode.STEP_CANCELLED, message=f"cancelled {why.in_words}"))
        self._cancel_running(lambda _: True, why)
        return self._go_on()

    @property
    def stopping(self) -> tuple[RunStatus, str, Failure | None] | None:
        """How the run will end, once it cannot be completed any more: status, step and failure."""
        return self._stopping

    @property
    def unwinding(self) -> bool:
        """Whether an undo or an entry of the fallback chain is under way: the next one waits for it."""
        return self._unwinding

    def sending(self) -> dict[str, SentStep]:
        """What was sent for each step, for the run that continues this one."""
        states = {node.id: self.runs[node.index].state for node in self.plan.steps()}
        return self.sent.dump(states, self.not_undone)

    def completed(self) -> dict[str, JsonValue]:
        """Outputs of the steps that were completed: what a redrive keeps."""
        return {
            node.id: self.outputs[node.id]
            for node in self.plan.steps()
            if self.runs[node.index].state is State.COMPLETED and node.kind == "step" and node.id in self.outputs
        }

    @property
    def running(self) -> list[str]:
        """Steps that were started and have not ended, in the order of the document."""
        return [self.plan.nodes[index].id for index in sorted(self._running) if self.plan.nodes[index].kind == "step"]

    def run_of(self, step: str) -> StepRun:
        return self.runs[self.plan.by_id[step]]

    def _go_on(self) -> list[Action]:
        while self._ready:
            self._consider(self._ready.popleft())
        if not self._waits_for_steps() and self.ended is None:
            self._wind_up()
            while self._ready:
                self._consider(self._ready.popleft())
        actions, self._actions = self._actions, []
        return actions

    def _waits_for_steps(self) -> bool:
        if any(self.plan.nodes[index].kind == "step" for index in self._running):
            return True
        return self._stopping is None and bool(self._held)

    def _wind_up(self) -> None:
        """Nothing runs. Go on with undoing and falling back, or end."""
        if self._stopping is None:
            if self._left:
                self._stop("failed", "", Failure(code=FailureCode.STEP_JOIN, message="no step can start any more"))
            else:
                self._conclude()
        if self._stopping is None or self._unwinding:
            return
        if self._undo_next():
            self._unwinding = True
            return
        status, step, failure = self._stopping
        chain = self.plan.definition.fallback
        if status == "failed" and self._fallen < len(chain):
            self._unwinding = True
            self._actions.append(FallBack(self._fallen, self._fallback_message(step, failure)))
            return
        self._end(End(status, step=step, failure=failure))

    def _conclude(self) -> None:
        wanted = self.plan.definition.header.outputs
        try:
            outputs = dict(self.outputs) if wanted is None else self.evaluation.value(wanted, "outputs")
        except StepError as error:
            self._stop("failed", "outputs", error.failure)
            return
        self._end(End("completed", outputs=outputs))

    def _end(self, end: End) -> None:
        self.ended = end
        self._actions.append(end)

    def _fallback_message(self, step: str, failure: Failure | None) -> str:
        entry = self.plan.definition.fallback[self._fallen]
        why = "" if failure is None else f"{step or 'the run'} failed: {failure.message}"
        template = getattr(entry, "message", "")
        if not template:
            return why
        try:
            return str(self.evaluation.value(template, "message", error=why, failed_step=step))
        except StepError:
            return why

    def _undo_next(self) -> bool:
        if self._to_undo is None:
            nodes = self.plan.nodes
            self._to_undo = [i for i in self.done if is_undoable(nodes[i], self.runs[i], self.evaluation)]
        while self._to_undo:
            node = self.plan.nodes[self._to_undo.pop()]
            undo = undo_of(node, self.runs[node.index], self.outputs, self.evaluation)
            if isinstance(undo, Undo):
                self._actions.append(undo)
                return True
            self._leave(node.index, undo)
        return False

    def _leave(self, index: int, why: str) -> None:
        run = self.runs[index]
        run.note = "; ".join(filter(None, (f"not undone: {why}", run.note)))
        self.not_undone.append(self.plan.nodes[index].id)

    def dump(self) -> dict[str, JsonValue]:
        """The whole state as JSON, for a run that continues as new. Steps that run then are begun again by `load`."""
        return {
            "runs": [_RUN.dump_python(run, mode="json") for run in self.runs],
            "outputs": dict(self.outputs),
            "branches": dict(self.branches),
            "seed": self.seed,
            "order": list(self.done),
            "paused": self.paused,
        }

    @classmethod
    def load(
        cls,
        plan: Plan,
        facts: RunFacts,
        inputs: dict[str, JsonValue],
        functions: PureFunctions,
        new_uuid: Callable[[], str],
        dumped: dict[str, Any],
    ) -> "Progress":
        """The state that was dumped. `resume` goes on from it: what was running is started again."""
        progress = cls(plan, facts, inputs, functions, new_uuid, dumped["seed"])
        progress._restore([_RUN.validate_python(run) for run in dumped["runs"]], dumped["outputs"], dumped["branches"])
        progress.done[:] = dumped["order"]
        progress.paused = True
        return progress

    def _restore(self, runs: list[StepRun], outputs: dict[str, Value], branches: dict[str, str]) -> None:
        """Take a state over: what has settled counts for what waits for it, and the rest is looked at again."""
        self.outputs.update(outputs)
        self.branches.update(branches)
        for index, run in enumerate(runs):
            node = self.plan.nodes[index]
            if run.state in SETTLED:
                self.runs[index] = run
                self._left -= 1
                self._free(node, good=_is_good(node, run))
            elif node.kind == "condition" and node.id in branches:
                self.runs[index] = run
                self._running.add(index)
        for node in self.plan.nodes:
            taken = self.branches.get(node.id)
            for member in node.branches.get(taken or "", []):
                self._unlock(member)
            if not node.anonymous and self.runs[node.index].state in SETTLED:
                self.evaluation.tell(node.id, self.runs[node.index])
        self._held.extend(node.index for node in self.plan.nodes if self._open[node.index])
        self._ready.clear()


def _is_good(node: PlanNode, run: StepRun) -> bool:
    """Whether a settled node counts for the joins that wait for it."""
    if run.state is State.FAILED:
        return node.step is not None and node.step.on_error == "continue"
    return run.state in {State.COMPLETED, State.UNDONE}
