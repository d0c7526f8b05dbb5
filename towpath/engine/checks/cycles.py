"""Checks of steps with `back_to`: where they lead, how often, and who could see only a part of it."""

from collections.abc import Iterator

from towpath.engine.checks.flow import Flow
from towpath.engine.language.outputs import JsonSchema
from towpath.engine.language.plan import Cycle, Plan, PlanNode
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import Source
from towpath.engine.language.steps import MOST_VISITS

RUNS = "runs"


def check_cycles(source: Source, plan: Plan) -> None:
    flow = Flow(plan) if len(plan.order) == len(plan.nodes) else None
    cycles = [(node, node.cycle) for node in plan.nodes if node.cycle is not None]
    for node in plan.steps():
        _shape(source, node)
    for node, cycle in cycles:
        _visits(source, node, cycle, [other for _, other in cycles])
        _crossing(source, plan, node, cycle)
        if flow is not None:
            _order(source, plan, flow, node, cycle)


def repeated(plan: Plan) -> frozenset[str]:
    """Ids of all that is in a cycle."""
    cycles = [node.cycle for node in plan.nodes if node.cycle is not None]
    return frozenset(plan.nodes[index].id for cycle in cycles for index in range(cycle.begin, cycle.end))


def with_runs(schema: JsonSchema) -> JsonSchema:
    """What a step in a cycle gives: beside its own fields the outputs of all its visits."""
    properties = as_object(schema.get("properties"))
    if schema.get("type") != "object" or properties is None or RUNS in properties:
        return schema
    one = {name: value for name, value in schema.items() if name != "$defs"}
    required = [*(as_list(schema.get("required")) or []), RUNS]
    return {**schema, "properties": {**properties, RUNS: {"type": "array", "items": one}}, "required": required}


def with_visits(record: JsonSchema) -> JsonSchema:
    """The record of a step in a cycle."""
    more: JsonSchema = {"visits": {"type": "integer"}, RUNS: {"type": "array"}}
    return {
        **record,
        "properties": {**(as_object(record["properties"]) or {}), **more},
        "required": [*(as_list(record["required"]) or []), *more],
    }


def _shape(source: Source, node: PlanNode) -> None:
    step, path = node.step, node.path
    if step is None:
        return
    for name in ("max", "exhausted"):
        if step.back_to is None and getattr(step, name) is not None:
            what = f"{name} is for a step with back_to"
            source.report((*path, name), "back.shape", what, "add back_to, or leave it out", key=True)
    if step.back_to is None:
        return
    if step.max is None:
        what = "nothing bounds how often it goes back"
        source.report(
            (*path, "back_to"), "back.shape", what, "add max: 10, the most visits that there may be", key=True
        )
    elif node.cycle is None and step.back_to not in source.unread:
        what = f"{step.back_to!r} is no step or group that stands before {node.id} in its own list"
        mend = "name one of the same list; members of a parallel group have no order: put them into a branch"
        source.report((*path, "back_to"), "back.unknown", what, mend)
    elif step.exhausted is not None and step.exhausted not in source.unread:
        if node.cycle is not None and node.cycle.exhausted is None:
            what = f"{step.exhausted!r} is no step or group that stands after {node.id} in its own list"
            source.report((*path, "exhausted"), "back.unknown", what, "name one that comes later in the same list")
    elif step.when in {None, True}:
        what = f"without when, {node.id} goes back until its visits are used up, and the run fails"
        mend = "add when:, or exhausted: with the step that runs then"
        source.report((*path, "back_to"), "back.endless", what, mend, key=True, severity="warning")


def _visits(source: Source, node: PlanNode, cycle: Cycle, others: list[Cycle]) -> None:
    """Cycles inside each other multiply."""
    count = 1
    for other in others:
        if other.begin < cycle.end and cycle.begin < other.end:
            count *= other.most
    if count > MOST_VISITS:
        what = f"with the cycles that it shares steps with it allows {count:,} visits"
        source.report((*node.path, "max"), "back.too-many", what, f"at most {MOST_VISITS:,} in all: lower one of them")


def _crossing(source: Source, plan: Plan, node: PlanNode, cycle: Cycle) -> None:
    """What one end of another cycle has skipped is not to be done by going back into the middle of it."""
    for inside in range(cycle.begin, cycle.end):
        for other, _ in plan.nodes[inside].ways:
            if not cycle.begin <= other < cycle.end:
                what = f"it goes back between {plan.nodes[other].id} and the step that runs when that is exhausted"
                mend = f"go back to a step before {plan.nodes[other].id}, or after its exhausted step"
                source.report((*node.path, "back_to"), "back.crossing", what, mend)
                return


def _order(source: Source, plan: Plan, flow: Flow, node: PlanNode, cycle: Cycle) -> None:
    """Whoever needs a part of a cycle would see its first visit only; and each way on must wait for the cycle."""
    for other in plan.nodes:
        if cycle.begin <= other.index < cycle.end or flow.settled_before(node.index, other.index):
            continue
        if other.step is None or other.step.needs is None:
            continue
        for need in other.needs:
            if cycle.begin <= need < cycle.end:
                what = f"{other.id} needs {plan.nodes[need].id}, which {node.id} may go back over"
                mend = f"add {node.id} to needs: the cycle is over then"
                source.report((*other.path, "needs"), "back.entered", what, mend)
                break
    for index in _ways(cycle):
        if not flow.settled_before(node.index, index):
            other = plan.nodes[index]
            what = f"{other.id} does not wait for {node.id}, and so cannot be one of the ways on from it"
            source.report((*other.path, "needs"), "back.entered", what, f"add {node.id} to needs, or leave needs out")


def _ways(cycle: Cycle) -> Iterator[int]:
    yield from cycle.passed
    if cycle.exhausted is not None:
        yield cycle.exhausted
