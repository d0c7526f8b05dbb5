"""The whole scheduler of a run as a value: outcomes of steps go in, the next actions come out.

Nothing here waits, calls, or knows the time: a driver performs the actions, in a workflow or in memory.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from pydantic import JsonValue, TypeAdapter

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.run import Cancellation, Waiting
from towpath.contracts.declared.within import SentStep, Undo
from towpath.engine.expression.values import Value
from towpath.engine.language.plan import Plan
from towpath.engine.run.actions import (
    SETTLED,
    Action,
    Cancel,
    Cancelled,
    Completed,
    End,
    Outcome,
    RunStatus,
    State,
    StepRun,
)
from towpath.engine.run.evaluation import PureFunctions, RunFacts, StepError
from towpath.engine.scheduling.milestones import LAPSED, OpenTasks
from towpath.engine.scheduling.nodes import Scheduling
from towpath.engine.scheduling.offering import look, take_end
from towpath.engine.scheduling.restoring import completed_outputs, restore
from towpath.engine.scheduling.standing import held_back
from towpath.engine.scheduling.undoing import Undoing
from towpath.engine.scheduling.visits import Visit, dump_done, load_done, step_of

_RUN = TypeAdapter(StepRun)


class Progress:
    """One run of a plan. Each method takes what happened and answers with what to do next, in order.

    `runs` are the nodes by index, `outputs` by step, `branches` those taken by condition, `done` in their order.
    """

    def __init__(
        self,
        plan: Plan,
        facts: RunFacts,
        inputs: dict[str, JsonValue],
        functions: PureFunctions,
        new_uuid: Callable[[], str],
        seed: dict[str, JsonValue] | None = None,
    ) -> None:
        self.plan = plan
        self.ended: End | None = None
        self._nodes = nodes = Scheduling(plan, facts, inputs, functions, new_uuid, seed)
        self.runs, self.outputs, self.branches, self.done = nodes.runs, nodes.outputs, nodes.branches, nodes.done
        self.evaluation, self.sent, self.visits = nodes.evaluation, nodes.sent, nodes.visits
        self.undoing = Undoing(nodes)
        self.not_undone = self.undoing.not_undone

    def begin(self, now: datetime) -> list[Action]:
        self.evaluation.now = now
        self._nodes.ready.extend(node.index for node in self.plan.nodes if self._nodes.opened[node.index])
        return self._go_on()

    def finish(self, step: str, outcome: Outcome, now: datetime, place: str | None = None) -> list[Action]:
        """A step that was started has ended. Reported twice, the second time says nothing; nor does an end of an
        earlier visit, which `place` tells.
        """
        self.evaluation.now = now
        index = self.plan.by_id[step]
        if index not in self._nodes.running or place not in {None, self.visits.place(step)}:
            return []
        self._nodes.running.discard(index)
        take_end(self._nodes, index, self._nodes.milestones.ended(index, outcome), LAPSED)
        return self._go_on()

    def undone(self, step: str, now: datetime, failure: Failure | None = None, note: str = "") -> list[Action]:
        """A compensation has ended; with `failure`, the step could not be undone. A `note` says why there was none."""
        self.evaluation.now = now
        self.undoing.undone(step, now, failure, note)
        return self._go_on()

    def left(self, step: str, now: datetime, why: str, *, partly: bool = False) -> list[Action]:
        """An effect that has happened, or may have, stays: `why` it is not undone. `partly`: others of it were."""
        self.evaluation.now = now
        self.undoing.leave(step, why, partly=partly)
        return self._go_on()

    def unwind(self, undos: Iterable[Undo], now: datetime) -> list[Action]:
        """Undo what an earlier run did, and end."""
        self.evaluation.now = now
        self._nodes.stop("completed", "", None)
        self.undoing.take_over(undos)
        return self._go_on()

    def fell_back(self, now: datetime) -> list[Action]:
        self.evaluation.now = now
        self.undoing.fell_back()
        return self._go_on()

    def listen(self, people: OpenTasks) -> None:
        """Who knows what people have said of the human tasks that are open."""
        self._nodes.milestones.people = people

    def keep_pace(self, may_go_on: Callable[[], bool]) -> None:
        """Who says before each look at a node whether there may be one more: after a no, `go_on` is to be called."""
        self._nodes.may_go_on = may_go_on

    @property
    def is_held_up(self) -> bool:
        """Whether something could be done that has not been, because of the pace."""
        return bool(self._nodes.ready)

    def go_on(self, now: datetime) -> list[Action]:
        self.evaluation.now = now
        return self._go_on()

    @property
    def paused(self) -> bool:
        return self._nodes.paused

    def pause(self) -> None:
        """Start nothing more until `resume`; what runs goes on."""
        self._nodes.paused = True

    def resume(self, now: datetime) -> list[Action]:
        self.evaluation.now = now
        self._nodes.paused = False
        self._nodes.ready.extend(self._nodes.held)
        self._nodes.held.clear()
        return self._go_on()

    def replace(self, step: str, outcome: Completed | Cancelled, now: datetime, why: Cancellation) -> list[Action]:
        """Settle a step by hand: with an output, or as skipped. One that runs is cancelled. `why` says who does it.

        Raises ValueError when it is settled already, or is no step.
        """
        self.evaluation.now = now
        node = self.plan.node(step)
        run = self.runs[node.index]
        if node.kind != "step" or run.state in SETTLED or self._nodes.stopping is not None:
            raise ValueError(f"{step} is {run.state if node.kind == 'step' else 'not a single step'}")
        if node.index in self._nodes.running:
            self._nodes.running.discard(node.index)
            self._nodes.actions.append(Cancel(step, why))
            run.unknown = not isinstance(outcome, Completed)
            run.cancelled = why
        if isinstance(outcome, Completed):
            self._nodes.complete(node, outcome)
        else:
            self._nodes.settle(node.index, State.SKIPPED, good=False, note=outcome.reason)
        return self._go_on()

    def cancel(self, now: datetime, why: Cancellation) -> list[Action]:
        """End the run: what runs is cancelled, what was done is undone."""
        self.evaluation.now = now
        if self._nodes.stopping is None:
            self._nodes.stop(
                "cancelled", "", Failure(code=FailureCode.STEP_CANCELLED, message=f"cancelled {why.in_words}")
            )
        self._nodes.cancel_running(lambda _: True, why)
        return self._go_on()

    @property
    def stopping(self) -> tuple[RunStatus, str, Failure | None] | None:
        """How the run will end, once it cannot be completed any more: status, step and failure."""
        return self._nodes.stopping

    def sending(self) -> dict[str, SentStep]:
        """What was sent for each step, for the run that continues this one."""
        states = {visit.place: visit.run.state for visit in self._earlier()}
        states |= {self.visits.place(node.id): self.runs[node.index].state for node in self.plan.steps()}
        return self.sent.dump(states, self.not_undone)

    def completed(self) -> dict[str, JsonValue]:
        """Outputs of the steps that were completed, in each of their visits: what a redrive keeps."""
        return completed_outputs(self._nodes)

    def _earlier(self) -> Iterator[Visit]:
        """What was done in earlier visits."""
        return (entry for entry in self.done if isinstance(entry, Visit))

    @property
    def running(self) -> list[str]:
        """Steps that were started and have not ended, in the order of the document."""
        return [
            self.plan.nodes[index].id for index in sorted(self._nodes.running) if self.plan.nodes[index].kind == "step"
        ]

    @property
    def held_back(self) -> dict[int, Waiting]:
        """What steps wait for that could begin, and may not yet, by their index."""
        return held_back(self._nodes)

    def run_of(self, step: str) -> StepRun:
        return self.runs[self.plan.by_id[step]]

    def run_at(self, place: str) -> StepRun:
        """The record of a step in the visit that it is named by; else what is known of it now."""
        earlier = (visit.run for visit in self._earlier() if visit.place == place)
        return next(earlier, self.run_of(step_of(place)))

    def _go_on(self) -> list[Action]:
        self._nodes.advance()
        while not self.is_held_up and look(self._nodes):
            self._nodes.advance()
        if not self.is_held_up and not self._waits_for_steps() and self.ended is None:
            self._wind_up()
            self._nodes.advance()
        actions, self._nodes.actions = self._nodes.actions, []
        return actions

    def _waits_for_steps(self) -> bool:
        if any(self.plan.nodes[index].kind == "step" for index in self._nodes.running):
            return True
        return self._nodes.stopping is None and bool(self._nodes.held or self._nodes.milestones.waiting)

    def _wind_up(self) -> None:
        """Nothing runs. Go on with undoing and falling back, or end."""
        if self._nodes.stopping is None:
            if self._nodes.left:
                self._nodes.stop(
                    "failed", "", Failure(code=FailureCode.STEP_JOIN, message="no step can start any more")
                )
            else:
                self._conclude()
        if self._nodes.stopping is None or self.undoing.busy:
            return
        action = self.undoing.next()
        if action is not None:
            self._nodes.actions.append(action)
            return
        status, step, failure = self._nodes.stopping
        self._end(End(status, step=step, failure=failure))

    def _conclude(self) -> None:
        header = self.plan.definition.header
        name, wanted = ("outputs", header.outputs) if header.output is None else ("output", header.output)
        try:
            given = self._all_outputs() if wanted is None else self.evaluation.value(wanted, name)
        except StepError as error:
            self._nodes.stop("failed", name, error.failure)
            return
        self._end(End("completed", outputs=given) if name == "outputs" else End("completed", single=(given,)))

    def _all_outputs(self) -> dict[str, Value]:
        """By the ids of the document: copies are together under theirs. Of an item of a group, those of its members."""
        given = {name: output for name, output in self._nodes.shown.items() if name in self.plan.by_id}
        return {name: given[name] for name in given if not self.plan.node(name).copy and name != self.plan.within}

    def _end(self, end: End) -> None:
        self.ended = end
        self._nodes.actions.append(end)

    def dump(self) -> dict[str, JsonValue]:
        """The whole state as JSON, for a run that continues as new. Steps that run then are begun again by `load`."""
        return {
            "runs": [_RUN.dump_python(run, mode="json") for run in self.runs],
            "outputs": {step: output for step, output in self.outputs.items() if step in self.plan.by_id},
            "branches": dict(self.branches),
            "seed": self._nodes.seed,
            "order": dump_done(self.done),
            **({"visits": self.visits.dump()} if self.visits.steps else {}),
            "paused": self.paused,
            "failing": self._nodes.catching.dump(),
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
        progress.done[:] = load_done(dumped["order"])
        progress.visits.restore(dumped.get("visits", {}), progress.done)
        runs = [_RUN.validate_python(run) for run in dumped["runs"]]
        progress._nodes.catching.load(dumped.get("failing", {}))
        restore(progress._nodes, runs, dumped["outputs"], dumped["branches"])
        progress.pause()
        return progress
