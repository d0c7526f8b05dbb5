"""What is inside a node ends before it has settled: what runs is cancelled, what has not begun will not begin."""

from typing import TYPE_CHECKING

from towpath.contracts.core.run import Cancellation
from towpath.engine.language.plan import PlanNode
from towpath.engine.run.actions import SETTLED, Cancel, State
from towpath.engine.scheduling.catching import is_handler

if TYPE_CHECKING:
    from towpath.engine.scheduling.nodes import Scheduling


def withdraw(nodes: "Scheduling", node: PlanNode, why: Cancellation, *, ends: bool = False) -> None:
    """End everything inside a node that is not settled. `ends`: the node does so with it. One that does not still tells
    what was done for each of its members, when it closes.
    """
    ends = ends or nodes.runs[node.index].state in SETTLED
    for index in node.members:
        member, run = nodes.plan.nodes[index], nodes.runs[index]
        if member.kind == "runs" and not ends:
            continue
        if run.state in SETTLED and index not in nodes.catching.under_way:
            continue
        if node.index in nodes.catching.failing and is_handler(node, member):
            continue
        withdraw(nodes, member, why, ends=True)
        if member.kind == "step" and index in nodes.running:
            nodes.actions.append(Cancel(member.id, why))
        elif run.state not in SETTLED:
            nodes.running.discard(index)
            run.cancelled = why
            nodes.settle(index, State.CANCELLED, good=False, note=why.in_words)
