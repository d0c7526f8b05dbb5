"""What steps wait for that could begin, and may not yet: in words, for whoever looks at the run."""

from towpath.contracts.core.run import Waiting
from towpath.contracts.core.wire import clip
from towpath.engine.scheduling.nodes import Scheduling

LONGEST = 120
"""Of a condition, in words."""


def held_back(nodes: Scheduling) -> dict[int, Waiting]:
    """By step: those that wait for their turn in a group, and the tasks whose `enabled_while` is not true. In a run
    that is ending nothing waits: it will not begin.
    """
    found: dict[int, Waiting] = {}
    if nodes.stopping is not None:
        return found
    for index, group, count in nodes.turns.waiting():
        node = nodes.plan.nodes[group]
        of = "its group" if node.anonymous else f"group {node.id}"
        what = f"its turn: {count} of {of} {'is' if count == 1 else 'are'} under way"
        found[index] = Waiting(what=what, who="the others of the group", until=None)
    for index in nodes.milestones.waiting:
        condition = nodes.milestones.tasks[index].enabled_while or ""
        found[index] = Waiting(what=f"its condition: {clip(condition, LONGEST)}", who="the run", until=None)
    return found
