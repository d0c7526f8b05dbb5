"""What is certain about a graph before it runs: which steps have settled, and have an output, when another starts.

Sets of nodes are integers with a bit for each: 1,000 steps cost a thousand small operations.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.steps import HumanTaskConfig


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
                known |= self._within_guard(node.guard[0], found)
            if node.cycle is not None:
                for inside in range(node.cycle.begin, index):
                    known |= found[inside] | 1 << inside
            found[index] = known
        return found

    def _within_guard(self, guard: int, found: list[int]) -> int:
        """What has settled once a branch is taken; of a group that handles an error, its members as well."""
        node, known = self.plan.nodes[guard], found[guard] | 1 << guard
        for need in node.needs if node.kind == "group" else ():
            known |= self._through(need, found)
        return known

    def _through(self, need: int, found: list[int]) -> int:
        """What has settled once a need has: itself, what came before it, and what is inside it."""
        node = self.plan.nodes[need]
        known = found[need] | 1 << need
        if node.is_open or (node.kind == "group" and node.wanted is None):
            for member in node.members:
                known |= self._through(member, found)
        return known

    def settled_before(self, step: int, reader: int) -> bool:
        return bool(self.before[reader] >> step & 1)

    def raced_before(self, step: int, reader: int) -> bool:
        """Whether a step is in a race that is decided before another one starts: it may have an output then."""
        return any(self.before[reader] >> race & 1 for race in self._races(self.plan.nodes[step]))

    def may_lack_output(self, step: int, reader: int) -> bool:
        """Whether a step that settled before another one starts may have no output then."""
        node, other = self.plan.nodes[step], self.plan.nodes[reader]
        if node.kind == "condition" and step in {guard for guard, _ in self.plan.guards(reader)}:
            return False
        if not other.listed and other.needs == [step] and other.wanted is None and not self._lacks_by_failure(node):
            return False
        return self.is_cut_short(step, reader) or self.may_be_skipped(step, frozenset(self.plan.guards(reader)))

    def is_cut_short(self, step: int, reader: int | None) -> bool:
        """Whether a group around a step, which the reader is no member of, goes on after an error in it."""
        shared = set[int]() if reader is None else set(self._members_of(reader))
        return bool(set(self._members_of(step)) - shared)

    def _members_of(self, index: int) -> Iterator[int]:
        """Groups that catch errors, and that a node is a member of at any depth."""
        inner = self.plan.nodes[index]
        while inner.parent is not None:
            outer = self.plan.nodes[inner.parent]
            if outer.group is not None and outer.catches and (inner.guard is None or inner.guard[0] != outer.index):
                yield outer.index
            inner = outer

    def may_be_skipped(self, step: int, taken: frozenset[tuple[int, str]] = frozenset()) -> bool:
        """Whether a step may end without an output, for a reader inside the branches `taken`."""
        node = self.plan.nodes[step]
        return self._lacks_by_failure(node) or self._may_not_run(step, self._bits(taken)) or self._is_in_race(node)

    def most_completed(self, node: PlanNode) -> int:
        """How many needs of a node can complete in one run: of the branches of a condition only one is taken."""
        inside = dict(self.plan.guards(node.index))
        free, branches = 0, dict[int, dict[str, int]]()
        for need in node.needs:
            guards = self.plan.guards(need)
            if any(inside.get(guard, branch) != branch for guard, branch in guards):
                continue
            outer = [(guard, branch) for guard, branch in guards if guard not in inside]
            if not outer:
                free += 1
                continue
            counts = branches.setdefault(outer[-1][0], {})
            counts[outer[-1][1]] = counts.get(outer[-1][1], 0) + 1
        return free + sum(max(counts.values()) for counts in branches.values())

    @cached_property
    def _branch_bits(self) -> dict[tuple[int, str], int]:
        """A bit for each branch of each condition."""
        branches = dict.fromkeys(node.guard for node in self.plan.nodes if node.guard is not None)
        branches |= dict.fromkeys(way for node in self.plan.nodes for way in node.ways)
        return {branch: 1 << number for number, branch in enumerate(branches)}

    @cached_property
    def _own(self) -> list[int]:
        """The branches that each node is in."""
        return [self._bits(self.plan.guards(node.index)) for node in self.plan.nodes]

    @cached_property
    def _relevant(self) -> list[int]:
        """The branches that decide whether each node runs: its own, and those of all that it needs."""
        found = list(self._own)
        for index in self.plan.order:
            for need in self.plan.nodes[index].needs:
                found[index] |= found[need]
        return found

    @cached_property
    def _known(self) -> dict[tuple[int, int], bool]:
        return {}

    def _bits(self, branches: Iterable[tuple[int, str]]) -> int:
        found = 0
        for branch in branches:
            found |= self._branch_bits.get(branch, 0)
        return found

    def _may_not_run(self, step: int, taken: int) -> bool:
        """Asked of needs before what needs them, and once for each set of branches that matters to a node."""
        known, waiting = self._known, [step]
        while waiting:
            index = waiting[-1]
            node, key = self.plan.nodes[index], self._key(index, taken)
            asked = [need for need in _joined(node) if self._key(need, taken) not in known]
            if key in known or not asked:
                waiting.pop()
                known[key] = self._decide(node, taken)
            else:
                waiting.extend(asked)
        return known[self._key(step, taken)]

    def _key(self, index: int, taken: int) -> tuple[int, int]:
        return index, taken & self._relevant[index]

    def _decide(self, node: PlanNode, taken: int) -> bool:
        if node.step is not None and (node.step.when not in {None, True} or _is_withdrawn(node)):
            return True
        if self._own[node.index] & ~taken:
            return True
        needs = _joined(node)
        if not needs:
            return False
        if node.kind != "group" and node.wanted is None and any(self._fails_apart(need, node.index) for need in needs):
            return True
        own = node.index if node.kind == "group" else None
        sure = sum(
            not self._known[self._key(need, taken)] and all(race == own for race in self._races(self.plan.nodes[need]))
            for need in needs
        )
        return sure < (node.wanted or 1)

    def _fails_apart(self, need: int, reader: int) -> bool:
        """Whether a need may fail while what reads it goes on: its race or its group handles that, and not itself."""
        node = self.plan.nodes[need]
        if node.kind == "step" and node.step is not None and node.step.on_error == "continue":
            return False
        return self._is_in_race(node) or self.is_cut_short(need, reader)

    def _lacks_by_failure(self, node: PlanNode) -> bool:
        catches = () if node.group is not None and node.group.for_each is not None else node.catches
        return bool(catches) or (node.step is not None and node.step.on_error == "continue")

    def _is_in_race(self, node: PlanNode) -> bool:
        return next(self._races(node), None) is not None

    def _races(self, node: PlanNode) -> Iterator[int]:
        """The groups around a node that go on before all of their members have settled."""
        current = node.parent
        while current is not None:
            parent = self.plan.nodes[current]
            if parent.kind == "group" and parent.wanted is not None:
                yield current
            current = parent.parent


def _is_withdrawn(node: PlanNode) -> bool:
    """Whether a step may be skipped because the run does not wait for it."""
    return isinstance(node.config, HumanTaskConfig) and node.config.optional and not node.config.repeatable


def _joined(node: PlanNode) -> list[int]:
    """The needs of a node that runs only when enough of them were completed. A loop ends well whatever its items do."""
    if node.group is not None and node.group.for_each is not None:
        return []
    waits_for_success = node.wanted is not None or node.kind == "group" or not node.listed
    return node.needs if waits_for_success else []
