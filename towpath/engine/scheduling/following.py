"""What is done for each member of a group that is completed: when it begins, and what all of it gives."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from towpath.engine.expression.values import Value
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.run.actions import State

if TYPE_CHECKING:
    from towpath.engine.scheduling.nodes import Scheduling


def outputs_of(runs: PlanNode, plan: Plan, outputs: Mapping[str, Value]) -> dict[str, Value]:
    """Null for a copy that gave nothing: its member was not completed, or it failed or was skipped itself."""
    return {"runs": [outputs.get(plan.nodes[index].id) for index in runs.needs]}


def follow(nodes: "Scheduling", node: PlanNode) -> None:
    """A member has settled: what is done for each member that is completed begins for it, or is skipped."""
    for index in node.followers:
        if nodes.runs[node.index].state in {State.COMPLETED, State.UNDONE}:
            nodes.unlock(index)
        else:
            nodes.skip(index, f"{node.id} was not completed")
