"""The state of a run that goes on in a new history, taken over by its scheduler."""

from collections.abc import Mapping

from pydantic import JsonValue

from towpath.engine.expression.values import Value
from towpath.engine.language.plan import PlanNode
from towpath.engine.run.actions import SETTLED, State, StepRun
from towpath.engine.scheduling.following import follow
from towpath.engine.scheduling.nodes import Scheduling
from towpath.engine.scheduling.visits import Visit, give, tell_visit


def restore(nodes: Scheduling, runs: list[StepRun], outputs: Mapping[str, Value], branches: Mapping[str, str]) -> None:
    """What has settled counts for what waits for it, and the rest is looked at again."""
    for step, output in outputs.items():
        is_new = runs[nodes.plan.by_id[step]].state in SETTLED or step in branches
        give(nodes, step, output, is_new=is_new)
    nodes.branches.update(branches)
    _count(nodes, runs)
    for index in sorted(nodes.catching.under_way, reverse=True):
        nodes.release(nodes.plan.nodes[index])
    for node in nodes.plan.nodes:
        taken = nodes.branches.get(node.id)
        for member in node.branches.get(taken or "", []):
            nodes.unlock(member)
        if nodes.runs[node.index].state in {State.COMPLETED, State.UNDONE}:
            follow(nodes, node)
        if nodes.runs[node.index].state in SETTLED:
            tell_visit(nodes, node)
    nodes.held.extend(node.index for node in nodes.plan.nodes if nodes.opened[node.index])
    nodes.ready.clear()


def _count(nodes: Scheduling, runs: list[StepRun]) -> None:
    for index, run in enumerate(runs):
        node = nodes.plan.nodes[index]
        if run.state in SETTLED:
            nodes.runs[index] = run
            nodes.left -= 1
            if node.kind != "condition" and node.id in nodes.branches:
                nodes.catching.again(node, run.failure)
            else:
                nodes.free(node, good=_is_good(node, run))
        elif node.kind == "condition" and node.id in nodes.branches:
            nodes.runs[index] = run
            nodes.running.add(index)


def _is_good(node: PlanNode, run: StepRun) -> bool:
    """Whether a settled node counts for the joins that wait for it."""
    if run.state is State.FAILED:
        return node.step is not None and node.step.on_error == "continue"
    return run.state in {State.COMPLETED, State.UNDONE}


def completed_outputs(nodes: Scheduling) -> dict[str, JsonValue]:
    """By place, of all visits."""
    earlier = (entry for entry in nodes.done if isinstance(entry, Visit))
    found = {
        visit.place: visit.output
        for visit in earlier
        if visit.run.state is State.COMPLETED and nodes.plan.node(visit.step).kind == "step"
    }
    return found | {
        nodes.visits.place(node.id): nodes.outputs[node.id]
        for node in nodes.plan.steps()
        if nodes.runs[node.index].state is State.COMPLETED and node.kind == "step" and node.id in nodes.outputs
    }
