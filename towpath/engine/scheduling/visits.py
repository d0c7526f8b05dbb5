"""Steps with `back_to`: once completed, all from the step that they name is done again. Which visit of its cycle each
step is in, what earlier visits gave, and what steps are called in each of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue, TypeAdapter

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.engine.expression.values import Value
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.reads import steps_named
from towpath.engine.language.shapes import as_object
from towpath.engine.run.actions import SETTLED, Failed, State, StepRun

if TYPE_CHECKING:
    from towpath.engine.scheduling.nodes import Scheduling

RUNS = "runs"
_RUN = TypeAdapter(StepRun)


def place_of(step: str, visit: int) -> str:
    """What a step is called in a visit: in effect keys, ids of history, human tasks. In the first it is its own id."""
    return step if visit == 1 else f"{step}~{visit}"


def step_of(place: str) -> str:
    """The step that is called so, for any part of a name."""
    return place.partition("/")[0].partition("~")[0]


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of a step in a visit that is over."""

    step: str
    number: int
    run: StepRun
    output: Value = None
    seen: Mapping[str, Value] = field(default_factory=dict[str, Value])
    """What its compensation reads of other steps of the cycle, as it was in that visit."""

    @property
    def place(self) -> str:
        return place_of(self.step, self.number)


class Visits:
    """Of one run. `places` are names of the steps that are past their first visit, by id."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        cycles = [node for node in plan.nodes if node.cycle is not None]
        self.steps = frozenset(plan.nodes[index].id for node in cycles for index in _inside(node))
        """Ids of the nodes in cycles."""
        self._back = {node.index: node for node in cycles}
        self._around: dict[int, list[int]] = {}
        for node in cycles:
            for index in _inside(node):
                if index < node.index:
                    self._around.setdefault(index, []).append(node.index)
        self.numbers: dict[str, int] = {}
        self.rounds: dict[int, int] = {}
        """How often each step has gone back, since what is around it began anew."""
        self.places: dict[str, str] = {}
        self.outputs: dict[str, list[Value]] = {}
        """Of earlier visits, by step, where it gave one."""
        self.over: list[Visit] = []
        """Visits that ended since somebody looked."""

    def number(self, step: str) -> int:
        return self.numbers.get(step, 1)

    def place(self, step: str) -> str:
        return self.places.get(step, step)

    def waiting_for(self, index: int) -> Iterable[int]:
        """The steps that go back over a node: each waits for all that it goes back over."""
        return self._around.get(index, ())

    def may_begin(self, node: PlanNode, runs: list[StepRun]) -> bool:
        """Whether nothing is under way any more that a step would go back over."""
        cycle = node.cycle
        return cycle is None or all(runs[index].state in SETTLED for index in range(cycle.begin, node.index))

    def has_round_left(self, node: PlanNode) -> bool:
        return node.cycle is not None and self.rounds.get(node.index, 0) + 1 < node.cycle.most

    def turn(self, node: PlanNode, runs: list[StepRun], outputs: Mapping[str, Value]) -> dict[int, Visit]:
        """A step goes back: what was done in the visit that is over, by index; all of it is in its next visit now."""
        names = [self._plan.nodes[index].id for index in _inside(node)]
        given = {name: outputs[name] for name in names if name in outputs}
        found: dict[int, Visit] = {}
        for index in _inside(node):
            step, run = self._plan.nodes[index], runs[index]
            is_done = run.state is State.COMPLETED
            output = outputs.get(step.id) if is_done else None
            found[index] = Visit(step.id, self.number(step.id), run, output, _read_by_undo(step, given))
            if is_done and step.id in outputs:
                self.outputs.setdefault(step.id, []).append(output)
            self._begin(step.id, self.number(step.id) + 1)
            if index in self._back and index != node.index:
                self.rounds.pop(index, None)
        self.rounds[node.index] = self.rounds.get(node.index, 0) + 1
        self.over.extend(visit for visit in found.values() if self._plan.node(visit.step).step is not None)
        return found

    def _begin(self, step: str, number: int) -> None:
        self.numbers[step] = number
        self.places[step] = place_of(step, number)

    def shown(self, step: str, output: Value, *, is_new: bool) -> Value:
        """An output as expressions read it: one that is an object has those of all visits beside its own fields.

        Not `is_new` is what the visit before gave, until this one has.
        """
        fields = as_object(output) if step in self.steps else None
        return output if fields is None else {RUNS: self.runs(step, output, is_done=is_new), **fields}

    def runs(self, step: str, output: Value, *, is_done: bool) -> list[Value]:
        return [*self.outputs.get(step, []), *([output] if is_done else [])]

    def take_over(self) -> list[Visit]:
        """Visits that are over, each told once."""
        found, self.over = self.over, []
        return found

    def dump(self) -> dict[str, JsonValue]:
        """For `restore`, without what the visits gave."""
        return {"numbers": dict(self.numbers), "rounds": {str(index): count for index, count in self.rounds.items()}}

    def restore(self, dumped: Mapping[str, Any], done: Iterable[int | Visit]) -> None:
        for step, number in dumped.get("numbers", {}).items():
            self._begin(step, number)
        self.rounds.update({int(index): count for index, count in dumped.get("rounds", {}).items()})
        for visit in done:
            if isinstance(visit, Visit) and visit.run.state is State.COMPLETED:
                self.outputs.setdefault(visit.step, []).append(visit.output)


def used_up(node: PlanNode) -> Failure:
    """What is wrong when a cycle should go on and may not."""
    most, target = (0 if node.cycle is None else node.cycle.most), ("" if node.step is None else node.step.back_to)
    message = f"after {most} visits {node.id} would go back to {target} once more"
    return Failure(code=FailureCode.STEP_EXHAUSTED, message=message, attempts=1)


def dump_done(done: Iterable[int | Visit]) -> list[JsonValue]:
    """Entries of earlier visits with all that is known of them, those of this one by index."""
    return [
        entry
        if isinstance(entry, int)
        else {
            "step": entry.step,
            "number": entry.number,
            "run": _RUN.dump_python(entry.run, mode="json"),
            "output": entry.output,
            "seen": dict(entry.seen),
        }
        for entry in done
    ]


def load_done(dumped: Iterable[Any]) -> list[int | Visit]:
    return [
        entry
        if isinstance(entry, int)
        else Visit(
            entry["step"],
            entry["number"],
            _RUN.validate_python(entry["run"]),
            entry["output"],
            entry["seen"],
        )
        for entry in dumped
    ]


def _read_by_undo(node: PlanNode, given: Mapping[str, Value]) -> Mapping[str, Value]:
    undo = None if node.step is None else node.step.compensate
    if undo is None:
        return {}
    read = steps_named(undo.config, set(given))
    return given if read is None else {step: given[step] for step in sorted(read)}


def _inside(node: PlanNode) -> range:
    return range(0) if node.cycle is None else range(node.cycle.begin, node.cycle.end)


def give(nodes: "Scheduling", step: str, output: Value, *, is_new: bool = True) -> None:
    """The output of a step, as it is and as expressions read it."""
    nodes.outputs[step] = output
    if nodes.shown is not nodes.outputs:
        nodes.shown[step] = nodes.visits.shown(step, output, is_new=is_new)


def goes_back(nodes: "Scheduling", node: PlanNode) -> bool:
    """Whether a step that is completed leads back."""
    return nodes.stopping is None and nodes.visits.has_round_left(node)


def go_back(nodes: "Scheduling", node: PlanNode) -> None:
    """All that the step goes back over is to be done once more, and so is the step."""
    over = nodes.visits.turn(node, nodes.runs, nodes.outputs)
    _keep_done(nodes, over)
    for index in over:
        current = nodes.plan.nodes[index]
        nodes.left += nodes.runs[index].state in SETTLED
        nodes.runs[index] = StepRun()
        nodes.joins.forget(current)
        nodes.branches.pop(current.id, None)
        nodes.evaluation.records.pop(current.id, None)
        if current.guard is not None and current.guard[0] in over:
            nodes.opened[index] = False
    nodes.ready.extend(over)


def _keep_done(nodes: "Scheduling", over: Mapping[int, Visit]) -> None:
    """What was done in the visit that is over stays done, under its name there. It stands behind all earlier ones."""
    done, place = nodes.done, len(nodes.done)
    missing = {index for index, visit in over.items() if visit.run.state is State.COMPLETED or visit.run.unknown}
    while missing and place:
        place -= 1
        entry = done[place]
        if not isinstance(entry, int) or entry not in over:
            continue
        missing.discard(entry)
        if nodes.plan.nodes[entry].anonymous:
            del done[place]
        else:
            done[place] = over[entry]


def is_used_up(nodes: "Scheduling", node: PlanNode) -> bool:
    """Whether a step may not lead back any more, and nothing is there to run instead."""
    cycle = node.cycle
    return (
        cycle is not None
        and cycle.exhausted is None
        and nodes.stopping is None
        and not nodes.visits.has_round_left(node)
    )


def use_up(nodes: "Scheduling", node: PlanNode) -> None:
    """The step fails, whatever it did; where that can be undone, it is."""
    failure, step = used_up(node), node.step
    is_done = step is not None and step.compensate is not None and nodes.runs[node.index].failure is None
    nodes.runs[node.index].keep(Failed(failure, is_done, nodes.outputs.get(node.id)))
    nodes.fail_for_good(node, failure)


def close_way(nodes: "Scheduling", node: PlanNode) -> None:
    """The cycle is over: one of the ways on is skipped."""
    cycle = node.cycle
    if cycle is None or cycle.exhausted is None or nodes.stopping is not None:
        return
    if nodes.runs[node.index].state is State.COMPLETED:
        for index in cycle.passed:
            nodes.skip(index, f"{node.id} used up its {cycle.most} visits")
    else:
        nodes.skip(cycle.exhausted, f"{node.id} went on")


def tell_visit(nodes: "Scheduling", node: PlanNode) -> None:
    """Make known how a step ended. What it gave in the visit before is no longer what it gives."""
    run, visits = nodes.runs[node.index], nodes.visits
    is_done = run.state is State.COMPLETED
    if not is_done and visits.number(node.id) > 1:
        nodes.outputs.pop(node.id, None)
        nodes.shown.pop(node.id, None)
    if node.id not in visits.steps:
        if not node.anonymous:
            nodes.evaluation.tell(node.id, run)
    elif not node.anonymous:
        runs = visits.runs(node.id, nodes.outputs.get(node.id), is_done=is_done)
        nodes.evaluation.tell(node.id, run, visits=visits.number(node.id), runs=runs)
