"""What groups ask of the steps in them: which take turns, by `max_concurrency`; and which are done for each item."""

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


def items_around(plan: Plan, index: int) -> list[int]:
    """The groups with `for_each` that a node is in, the outermost first."""
    found: list[int] = []
    current = plan.nodes[index].parent
    while current is not None:
        node = plan.nodes[current]
        if node.group is not None and node.group.for_each is not None:
            found.insert(0, current)
        current = node.parent
    return found


def is_patient(node: PlanNode) -> bool:
    """Whether a step waits for people, events or time, or each item of it may."""
    if node.inner is not None:
        return any(map(is_patient, node.inner.nodes))
    return node.step is not None and node.step.type in PATIENT
