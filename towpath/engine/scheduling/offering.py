"""When a human task is opened and closed by its condition, or because nothing else is left to do."""

from collections.abc import Sequence

from towpath.contracts.core.review import DecidedReview
from towpath.contracts.core.run import Cancellation
from towpath.engine.run.actions import Cancel, Failed, Outcome, State
from towpath.engine.run.evaluation import StepError
from towpath.engine.scheduling.milestones import LAST, OVER
from towpath.engine.scheduling.nodes import Scheduling


def look(nodes: Scheduling) -> bool:
    """Open and close what has a condition, one task at a time, for each can change what others read. Whether it did.

    It is asked for once everything that could be done at once is done. A run that stands still opens nothing.
    """
    if not nodes.milestones.tasks or nodes.stopping is not None:
        return False
    return _close_what_is_over(nodes) or (not nodes.paused and (_offer(nodes) or _close_the_last(nodes)))


def take_end(nodes: Scheduling, index: int, outcome: Outcome | None, why: Cancellation) -> None:
    """Settle a task with its outcome; without one its step is skipped."""
    if outcome is not None:
        nodes.take(index, outcome)
    else:
        nodes.runs[index].cancelled = why
        nodes.settle(index, State.SKIPPED, good=False, note=why.reason)


def _offer(nodes: Scheduling) -> bool:
    milestones = nodes.milestones
    for index in sorted(milestones.waiting):
        if _holds(nodes, index):
            del milestones.waiting[index]
            _begin(nodes, index)
            return True
        if index not in milestones.waiting:
            return True
    return False


def _begin(nodes: Scheduling, index: int) -> None:
    nodes.runs[index].started_at = nodes.evaluation.now
    try:
        nodes.start(nodes.plan.nodes[index])
    except StepError as error:
        nodes.take(index, Failed(error.failure))


def _close_what_is_over(nodes: Scheduling) -> bool:
    for index in _open(nodes):
        if not _holds(nodes, index):
            if index in nodes.running:
                _close(nodes, index, OVER)
            return True
    return False


def _close_the_last(nodes: Scheduling) -> bool:
    """The run does not wait for an optional task, and nothing can come of a condition any more."""
    milestones, undecided = nodes.milestones, _open(nodes)
    optional = [index for index in undecided if milestones.tasks[index].optional]
    busy = [index for index in nodes.running if nodes.plan.nodes[index].kind == "step" and index not in optional]
    if busy or nodes.held:
        return False
    if optional:
        _close(nodes, optional[0], LAST)
        return True
    if not milestones.waiting:
        return False
    index = min(milestones.waiting)
    take_end(nodes, index, milestones.unmet(index), LAST)
    return True


def _open(nodes: Scheduling) -> list[int]:
    """Tasks that are still to be decided, in the order of the document."""
    milestones = nodes.milestones
    return [
        index
        for index in sorted(milestones.tasks.keys() & nodes.running)
        if not milestones.is_over(nodes.visits.place(nodes.plan.nodes[index].id))
    ]


def _holds(nodes: Scheduling, index: int) -> bool:
    """A condition that cannot be told fails its step."""
    try:
        return nodes.milestones.holds(index)
    except StepError as error:
        _withdraw(nodes, index, OVER)
        nodes.take(index, Failed(error.failure))
        return False


def _close(nodes: Scheduling, index: int, why: Cancellation) -> None:
    submitted = _withdraw(nodes, index, why)
    take_end(nodes, index, nodes.milestones.lapsed(index, why, submitted), why)


def _withdraw(nodes: Scheduling, index: int, why: Cancellation) -> Sequence[DecidedReview]:
    """What was submitted by then. The step ends at once, while its team may still be told something."""
    submitted = nodes.milestones.shut(nodes.visits.place(nodes.plan.nodes[index].id))
    if index in nodes.running:
        nodes.running.discard(index)
        nodes.actions.append(Cancel(nodes.plan.nodes[index].id, why))
    return submitted
