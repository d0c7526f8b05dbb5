"""Groups with `max_concurrency`: which steps take turns in them."""

from collections.abc import Iterator, Mapping

from towpath.engine.language.plan import Plan, PlanNode

PATIENT = frozenset({"wait", "wait-any", "human-task"})
"""Types that only wait: they take no turn, and once a run fails, nobody waits for them any more."""


def limits_of(plan: Plan) -> dict[int, tuple[tuple[int, int], ...]]:
    """For each step that takes turns, its groups with a limit, the innermost first, and how many may run in each."""
    limited = {node.index: most for node in plan.nodes if node.group and (most := node.group.max_concurrency)}
    if not limited:
        return {}
    found = {node.index: tuple(_around(plan, node, limited)) for node in plan.nodes if _works(node)}
    return {index: limits for index, limits in found.items() if limits}


def _works(node: PlanNode) -> bool:
    """Whether a node does something itself while it runs."""
    return node.kind == "step" and node.step is not None and node.step.type not in PATIENT


def _around(plan: Plan, node: PlanNode, limited: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    current = node.parent
    while current is not None:
        if current in limited:
            yield current, limited[current]
        current = plan.nodes[current].parent
