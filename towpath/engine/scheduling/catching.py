"""Which errors of steps are being handled: begun by a failure that something catches, over when its steps end."""

from collections.abc import MutableMapping

from towpath.contracts.core.failure import Failure
from towpath.engine.language.plan import PlanNode
from towpath.engine.run.evaluation import Evaluation
from towpath.engine.run.raising import caught_by


class Catching:
    """Of one run. `under_way` are failed steps by index: what needs them waits until their errors are handled."""

    def __init__(self, branches: MutableMapping[str, str], evaluation: Evaluation) -> None:
        self._branches = branches
        self._evaluation = evaluation
        self.under_way: set[int] = set()

    def begin(self, node: PlanNode, failure: Failure) -> str | None:
        """The branch that handles an error, which is now readable for it; None when nothing does."""
        catches = node.step.catch if node.step is not None and node.kind == "step" else []
        found = caught_by(catches, failure)
        if found is None:
            return None
        self._branches[node.id] = f"catch-{found + 1}"
        self.again(node, failure)
        return self._branches[node.id]

    def again(self, node: PlanNode, failure: Failure | None) -> None:
        """Also of an error that was caught in the part of the run before this one."""
        catches = [] if node.step is None else node.step.catch
        name = catches[int(self._branches[node.id].removeprefix("catch-")) - 1].as_
        if name is not None and failure is not None:
            self._evaluation.catch(name, failure)
        self.under_way.add(node.index)

    def ends(self, index: int, left: int) -> bool:
        """Whether an error has been handled, now that so many of its steps are left."""
        if index not in self.under_way or left:
            return False
        self.under_way.discard(index)
        return True
