"""Which steps of a run that ends are undone, and how: those that were done, and those of which nobody knows."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from towpath.contracts.core.failure import Failure
from towpath.contracts.declared.within import Undo
from towpath.engine.expression.values import Value
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.steps import Step
from towpath.engine.run.actions import FallBack, State, StepRun, UndoStep
from towpath.engine.run.evaluation import Evaluation, StepError
from towpath.engine.run.references import attach, detach
from towpath.engine.scheduling.nodes import Scheduling
from towpath.engine.scheduling.visits import Visit, step_of

NOBODY_KNOWS = "it may have happened, and has neither check nor compensate"
NO_UNDO = "it happened, or may have, and has no compensate"
NO_ANSWER = "its compensate reads what its check could not tell"


def is_undoable(node: PlanNode, run: StepRun, evaluation: Evaluation) -> bool:
    """Whether a step has an effect to be undone, or told of. One that is known to have failed has none, also when its
    default output went on for it.
    """
    if node.step is None:
        return False
    if node.inner is not None:
        return evaluation.has_effect(node) and (run.unknown or run.state is State.COMPLETED)
    if node.step.compensate is not None:
        return run.unknown or (run.state is State.COMPLETED and run.failure is None)
    return run.unknown and evaluation.has_effect(node)


def keeps_effects(node: PlanNode, evaluation: Evaluation) -> bool:
    """Whether an item of a group that was done has effects that nothing undoes."""
    inner = () if node.inner is None else node.inner.nodes
    return any(
        keeps_effects(member, evaluation)
        or (
            member.inner is None
            and evaluation.has_effect(member)
            and member.step is not None
            and member.step.compensate is None
        )
        for member in inner
    )


def asks_check(step: Step, *, unknown: bool) -> bool:
    """Whether the check says what is to be undone. It speaks of one effect: several are undone without asking it."""
    return unknown and step.check is not None and step.for_each is None and step.type != "multi-channel"


def undo_of(visit: Visit, node: PlanNode, evaluation: Evaluation) -> UndoStep | str:
    """How what a step did in a visit is undone, or why it cannot be."""
    step, run = node.step, visit.run
    name = "" if visit.number == 1 else visit.place
    if node.inner is not None:
        return UndoStep(node.id, {}, run.unknown, name)
    has_check = step is not None and asks_check(step, unknown=run.unknown)
    if step is None or step.compensate is None:
        return UndoStep(node.id, None, run.unknown, name) if has_check else NOBODY_KNOWS
    try:
        # What it reads of other steps is what it was then.
        then: dict[str, Value] = {"steps": {**evaluation.roots()["steps"], **visit.seen}} if visit.seen else {}
        config = evaluation.part(step.compensate, f"{node.id}.compensate", output=visit.output, **then)
    except StepError as error:
        return UndoStep(node.id, None, run.unknown, name) if has_check else error.failure.message
    return UndoStep(node.id, config, run.unknown, name)


class Undoing:
    """What a run that cannot be completed still does: steps are undone, the latest first, then the fallback chain goes.

    One thing at a time: `busy` while it is under way. `not_undone` are steps whose effect stays, by their places.
    """

    def __init__(self, nodes: Scheduling) -> None:
        self.busy = False
        self.not_undone: list[str] = []
        self._nodes = nodes
        self._to_undo: list[Visit] | None = None
        self._given: list[Undo] | None = None
        self._fallen = 0

    def next(self) -> UndoStep | FallBack | None:
        """What is to be done now, or None at the end."""
        found = self._next_undo() or self._next_fallback()
        self.busy = found is not None
        return found

    def undone(self, place: str, now: datetime, failure: Failure | None, note: str) -> None:
        """A compensation has ended; with `failure`, the step could not be undone. A `note` says why there was none."""
        run = self._run_at(place)
        if failure is not None:
            self.not_undone.append(place)
        elif not note:
            run.state, run.ended_at = State.UNDONE, now
        run.note = note or ("undone" if failure is None else f"not undone ({failure.code})")
        self.busy = False

    def take_over(self, undos: Iterable[Undo]) -> None:
        """Undo these, in their order, and nothing else."""
        self._given = list(undos)

    def remaining(self) -> list[Undo]:
        """What is to be undone of a run that was completed, should the run around it fail: the latest first."""
        nodes = self._nodes
        found: list[Undo] = []
        for visit in reversed(self._undoable()):
            undo = undo_of(visit, nodes.plan.node(visit.step), nodes.evaluation)
            place = "" if visit.number == 1 else visit.place
            if isinstance(undo, str):
                found.append(Undo(step=visit.step, visit=place, why=undo))
                continue
            config, references = (None, ()) if undo.config is None else detach(undo.config)
            unknown = undo.unknown
            found.append(Undo(step=visit.step, visit=place, config=config, references=references, unknown=unknown))
        return found

    def leave(self, place: str, why: str, *, partly: bool = False) -> None:
        """An effect that has happened, or may have, stays; `partly`: others of the step were undone."""
        run = self._run_at(place)
        run.state = State.UNDONE if partly else run.state
        run.note = "; ".join(filter(None, (f"not undone: {why}", run.note)))
        self.not_undone.append(place)
        self.busy = False

    def fell_back(self) -> None:
        self._fallen += 1
        self.busy = False

    def _run_at(self, place: str) -> StepRun:
        """The record of a step in the visit that it is named by."""
        earlier = (entry.run for entry in self._nodes.done if isinstance(entry, Visit) and entry.place == place)
        return next(earlier, self._nodes.runs[self._nodes.plan.by_id[step_of(place)]])

    def _visit(self, entry: int | Visit) -> Visit:
        if isinstance(entry, Visit):
            is_done = entry.run.state is State.COMPLETED
            return entry if is_done else replace(entry, output=entry.run.partial)
        node, run = self._nodes.plan.nodes[entry], self._nodes.runs[entry]
        output = self._nodes.outputs.get(node.id, run.partial)
        return Visit(node.id, self._nodes.visits.number(node.id), run, output)

    def _undoable(self) -> list[Visit]:
        plan, evaluation = self._nodes.plan, self._nodes.evaluation
        visits = map(self._visit, self._nodes.done)
        return [visit for visit in visits if is_undoable(plan.node(visit.step), visit.run, evaluation)]

    def _next_given(self, given: list[Undo]) -> UndoStep | None:
        while given:
            undo = given.pop(0)
            if undo.why:
                self.leave(undo.place, undo.why)
                continue
            config = None if undo.config is None else attach(undo.config, undo.references)
            return UndoStep(undo.step, config, undo.unknown, undo.visit)
        return None

    def _next_undo(self) -> UndoStep | None:
        plan, evaluation = self._nodes.plan, self._nodes.evaluation
        if self._given is not None:
            return self._next_given(self._given)
        if self._to_undo is None:
            self._to_undo = self._undoable()
        while self._to_undo:
            visit = self._to_undo.pop()
            undo = undo_of(visit, plan.node(visit.step), evaluation)
            if isinstance(undo, UndoStep):
                return undo
            self.leave(visit.place, undo)
        return None

    def _next_fallback(self) -> FallBack | None:
        if self._nodes.stopping is None:
            return None
        status, step, failure = self._nodes.stopping
        chain = self._nodes.plan.definition.fallback
        if status != "failed" or self._fallen >= len(chain):
            return None
        why = "" if failure is None else f"{step or 'the run'} failed: {failure.message}"
        template = getattr(chain[self._fallen], "message", "")
        if not template:
            return FallBack(self._fallen, why)
        try:
            message = str(self._nodes.evaluation.value(template, "message", error=why, failed_step=step))
        except StepError:
            message = why
        return FallBack(self._fallen, message)
