"""What is done for each member of a group that is completed: the outputs of its copies, in the order of the members."""

from collections.abc import Mapping

from towpath.engine.expression.values import Value
from towpath.engine.language.plan import Plan, PlanNode


def outputs_of(runs: PlanNode, plan: Plan, outputs: Mapping[str, Value]) -> dict[str, Value]:
    """Null for a copy that gave nothing: its member was not completed, or it failed or was skipped itself."""
    return {"runs": [outputs.get(plan.nodes[index].id) for index in runs.needs]}
