"""What has settled of that which each node waits for, and who wins a group with `join`."""

from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.run.actions import State, StepRun

ONE_WINNER = 3
"""Version of the language since which a race is over with its last winner, before anything else of that moment, and a
failure anywhere inside a member is the member's. Before, a member that failed with `on_error: continue` won as well.
"""
NONE_FAILED = 4
"""Version since which a step without `join` does not run once a need of it failed and only something around that need
handled it: the race that it lost, or the group that caught it. Before, one completed need was enough.
"""


class Joins:
    """The joins of a plan, by the version of the language that a run has."""

    def __init__(self, plan: Plan, language: int) -> None:
        self._plan = plan
        self.is_exact = language >= ONE_WINNER
        """Whether exactly as many members win as a race asks for."""
        self._none_failed = language >= NONE_FAILED
        self._settled, self._good, self._bad = ([0] * len(plan.nodes) for _ in range(3))
        self._counted: dict[int, tuple[bool, bool, bool]] = {}
        """Of each settled node, whether it was good for a race, good for another join, and bad for a step that wants
        all of its needs.
        """
        self.members_left = [len(node.members) for node in plan.nodes]

    def starts(self, node: PlanNode) -> bool | None:
        """Whether a node's join is satisfied; None while that is open."""
        settled, good, total = self._settled[node.index], self._good[node.index], len(node.needs)
        if node.wanted is not None and good >= node.wanted:
            return True
        if settled < total:
            return None
        if node.wanted is not None or (self._none_failed and node.kind != "group" and self._bad[node.index]):
            return False
        return (node.kind != "group" and node.listed) or good > 0 or total == 0

    def why_not(self, node: PlanNode) -> str:
        """Why a node whose needs have settled is skipped."""
        needs = [] if node.wanted is not None or not self._none_failed else node.needs
        failed = [self._plan.nodes[need].id for need in needs if self._counted.get(need, (False,))[-1]]
        return f"{', '.join(failed)} failed" if failed else "nothing that it needs was completed"

    def count(self, node: PlanNode, run: StepRun, *, good: bool) -> None:
        """A node has settled: a race is won by what was completed, another join by what is as good."""
        self._counted[node.index] = (
            good and run.state is State.COMPLETED,
            good,
            run.state is State.FAILED and not good,
        )
        self._add(node, 1)

    def forget(self, node: PlanNode) -> None:
        """A node is to settle once more."""
        if node.index in self._counted:
            self._add(node, -1)
            del self._counted[node.index]

    def _add(self, node: PlanNode, times: int) -> None:
        won, good, bad = self._counted[node.index]
        for dependent in self._plan.dependents[node.index]:
            self._settled[dependent] += times
            self._good[dependent] += times * (won if self.is_urgent(dependent) else good)
            self._bad[dependent] += times * bad
        if node.parent is not None and self._plan.nodes[node.parent].is_open:
            self.members_left[node.parent] -= times

    def is_urgent(self, index: int) -> bool:
        """Whether a node is a race, which is over before anything else of a moment is looked at."""
        node = self._plan.nodes[index]
        return self.is_exact and node.kind == "group" and node.wanted is not None

    def losing(self, node: PlanNode) -> list[PlanNode]:
        """The member of a race that fails with a node, then what is around the node in it, and the node as the last.

        Empty for a node that is in no race.
        """
        found, current = [node], node
        while current.parent is not None:
            inner, current = current, self._plan.nodes[current.parent]
            is_member = inner.guard is None or inner.guard[0] != current.index
            if current.kind == "group" and current.wanted is not None and is_member:
                return found[::-1]
            if not self.is_exact:
                break
            found.append(current)
        return []
