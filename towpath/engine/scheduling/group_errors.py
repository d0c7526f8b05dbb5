"""What becomes of a group that catches the error of a step in it, until all in it has settled."""

from typing import TYPE_CHECKING

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.run import Cancellation
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.turns import is_patient
from towpath.engine.run.actions import SETTLED, Cancel, Failed, State
from towpath.engine.run.raising import caught_by
from towpath.engine.scheduling.catching import caught_around, is_handler
from towpath.engine.scheduling.withdrawing import withdraw

if TYPE_CHECKING:
    from towpath.engine.scheduling.nodes import Scheduling


def _fail_group(nodes: "Scheduling", inside: list[PlanNode], failure: Failure) -> None:
    """A group catches the error of the first of these. As when a run fails, nothing new starts in it and what runs is
    let finish; what is around the step fails with it, the group as the last.
    """
    failed, *around = inside
    for node in around:
        nodes.catching.failing.setdefault(node.index, failure)
    why = Cancellation(by="the group", reason=f"{failed.id} failed")
    if nodes.runs[failed.index].state not in SETTLED:
        nodes.settle(failed.index, State.FAILED, good=False)
    _stop_inside(nodes, around[-1], why)
    for node in around:
        if node.group is not None and node.group.on_error == "cancel":
            withdraw(nodes, node, why)


def _stop_inside(nodes: "Scheduling", group: PlanNode, why: Cancellation) -> None:
    """What has not begun will not; who waits for people, events or time is not waited for."""
    for member in (nodes.plan.nodes[index] for index in group.members):
        run = nodes.runs[member.index]
        if run.state in SETTLED or is_handler(group, member):
            continue
        if member.kind == "group" or (member.kind == "condition" and run.state is State.RUNNING):
            _stop_inside(nodes, member, why)
        elif member.index in nodes.running:
            nodes.actions.extend([Cancel(member.id, why)] if is_patient(member) else [])
        elif member.kind != "runs":
            run.cancelled = why
            nodes.settle(member.index, State.CANCELLED, good=False, note=why.in_words)
            withdraw(nodes, member, why)


def is_caught_around(nodes: "Scheduling", node: PlanNode, failure: Failure) -> bool:
    """Whether a group around a node catches its error, which then is under way."""
    inside = [] if nodes.stopping is not None else caught_around(nodes.plan, node, failure)
    if inside:
        _fail_group(nodes, inside, failure)
    return bool(inside)


def fail_within(nodes: "Scheduling", node: PlanNode, failure: Failure) -> None:
    """A step inside failed, and all of it has settled: the node handles that, or what is around it does."""
    if caught_by(node.catches, failure) is not None:
        nodes.take(node.index, Failed(failure))
    else:
        nodes.runs[node.index].keep(Failed(failure))
        nodes.settle(node.index, State.FAILED, good=False)
