"""Which errors of steps and groups are being handled: begun by a failure that is caught, over when its steps end."""

from collections.abc import Mapping, MutableMapping

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.run.evaluation import Evaluation
from towpath.engine.run.raising import caught_by


class Catching:
    """Of one run. `under_way` are what failed, by index: what needs them waits until their errors are handled.

    `failing` are groups that catch an error once all in them has settled, and what is inside them and fails with it.
    """

    def __init__(self, branches: MutableMapping[str, str], evaluation: Evaluation) -> None:
        self._branches = branches
        self._evaluation = evaluation
        self.under_way: set[int] = set()
        self.failing: dict[int, Failure] = {}

    def begin(self, node: PlanNode, failure: Failure) -> str | None:
        """The branch that handles an error, which is now readable for it; None when nothing does."""
        found = caught_by(node.catches, failure)
        if found is None:
            return None
        self._branches[node.id] = f"catch-{found + 1}"
        self.again(node, failure)
        return self._branches[node.id]

    def again(self, node: PlanNode, failure: Failure | None) -> None:
        """Also of an error that was caught in the part of the run before this one."""
        name = node.catches[int(self._branches[node.id].removeprefix("catch-")) - 1].as_
        if name is not None and failure is not None:
            self._evaluation.catch(name, failure)
        self.under_way.add(node.index)

    def dump(self) -> dict[str, JsonValue]:
        """For `load`, in a run that continues as new."""
        return {str(index): failure.model_dump(mode="json") for index, failure in self.failing.items()}

    def load(self, dumped: Mapping[str, JsonValue]) -> None:
        self.failing.update((int(index), Failure.model_validate(given)) for index, given in dumped.items())

    def ends(self, index: int, left: int) -> bool:
        """Whether an error has been handled, now that so many of its steps are left."""
        if index not in self.under_way or left:
            return False
        self.under_way.discard(index)
        return True


def caught_around(plan: Plan, node: PlanNode, failure: Failure) -> list[PlanNode]:
    """The node that fails, what is around it, and as the last the innermost group that catches its error.

    Empty when none does, also where the node is a member of a race inside such a group, which loses.
    """
    found, current = [node], node
    while current.parent is not None:
        inner, current = current, plan.nodes[current.parent]
        if current.group is not None and not is_handler(current, inner):
            if current.wanted is not None:
                return []
            if caught_by(current.group.catch, failure) is not None:
                return [*found, current]
        found.append(current)
    return []


def is_handler(group: PlanNode, member: PlanNode) -> bool:
    """Whether a node is what is done about an error of a group, and no member of it."""
    return group.group is not None and member.guard is not None and member.guard[0] == group.index
