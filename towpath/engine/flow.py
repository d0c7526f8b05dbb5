"""What is certain about a graph before it runs: which steps have settled, and have an output, when another starts.

Sets of nodes are integers with a bit for each: 1,000 steps cost a thousand small operations.
"""

from dataclasses import dataclass
from functools import cached_property

from towpath.engine.plan import Plan, PlanNode


@dataclass(frozen=True)
class Flow:
    """`plan` must have no cycle."""

    plan: Plan

    @cached_property
    def before(self) -> list[int]:
        """For each node, the nodes that have settled when it starts."""
        found = [0] * len(self.plan.nodes)
        for index in self.plan.order:
            node = self.plan.nodes[index]
            sets = [self._through(need, found) for need in node.needs]
            known = 0
            if node.wanted is None:
                for each in sets:
                    known |= each
            elif sets:
                known = sets[0]
                for each in sets[1:]:
                    known &= each
            if node.guard is not None:
                known |= found[node.guard[0]] | 1 << node.guard[0]
            found[index] = known
        return found

    def _through(self, need: int, found: list[int]) -> int:
        """What has settled once a need has: itself, what came before it, and what is inside it."""
        node = self.plan.nodes[need]
        known = found[need] | 1 << need
        if node.kind == "condition" or (node.kind == "group" and node.wanted is None):
            for member in node.members:
                known |= self._through(member, found)
        return known

    def settled_before(self, step: int, reader: int) -> bool:
        return bool(self.before[reader] >> step & 1)

    def may_lack_output(self, step: int, reader: int) -> bool:
        """Whether a step that settled before another one starts may have no output then."""
        node, other = self.plan.nodes[step], self.plan.nodes[reader]
        if node.kind == "condition" and step in {guard for guard, _ in self.plan.guards(reader)}:
            return False
        if not other.listed and other.needs == [step] and other.wanted is None and not self._lacks_by_failure(node):
            return False
        return self.may_be_skipped(step, frozenset(self.plan.guards(reader)))

    def may_be_skipped(self, step: int, taken: frozenset[tuple[int, str]] = frozenset()) -> bool:
        """Whether a step may end without an output, for a reader inside the branches `taken`."""
        node = self.plan.nodes[step]
        if node.step is not None and (node.step.when is not None or self._lacks_by_failure(node)):
            return True
        if any(guard not in taken for guard in self.plan.guards(step)):
            return True
        if self._in_race(node):
            return True
        if not node.listed and node.needs:
            return all(self.may_be_skipped(need, taken) for need in node.needs)
        return False

    def _lacks_by_failure(self, node: PlanNode) -> bool:
        return node.step is not None and node.step.on_error == "continue"

    def _in_race(self, node: PlanNode) -> bool:
        current = node.parent
        while current is not None:
            parent = self.plan.nodes[current]
            if parent.kind == "group" and parent.wanted is not None:
                return True
            current = parent.parent
        return False
