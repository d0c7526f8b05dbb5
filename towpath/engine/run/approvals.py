"""Which approvals a change of a step by hand would pass by."""

from towpath.engine.language.plan import Plan, PlanNode, waits_for
from towpath.engine.language.steps import WaitAnyConfig


def asks_people(node: PlanNode) -> bool:
    """Whether the step waits for the decision of a person."""
    if node.step is None:
        return False
    if node.step.type == "human-task":
        return True
    config = node.config
    return isinstance(config, WaitAnyConfig) and any(choice.human_task is not None for choice in config.on.values())


def approvals_touched(plan: Plan, step: str) -> list[str]:
    """Ids of the steps that ask people and that a change of `step` passes by, in the order of the document.

    That are the step itself, those before it, and those whose approval guards a later step that `step` feeds as well.
    Not those that `step` comes before: their people see what it became.
    """
    before = [_before(plan, node.index) for node in plan.nodes]
    changed = plan.by_id[step]
    fed = {index for index, earlier in enumerate(before) if changed in earlier} | {changed}
    return [
        node.id
        for node in plan.nodes
        if asks_people(node)
        and (node.index == changed or (node.index not in fed and any(node.index in before[index] for index in fed)))
    ]


def _before(plan: Plan, index: int) -> frozenset[int]:
    """All nodes that a node waits for in any way, by however many steps."""
    found: set[int] = set()
    waiting = waits_for(plan.nodes, plan.nodes[index])
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(waits_for(plan.nodes, plan.nodes[current]))
    return frozenset(found)
