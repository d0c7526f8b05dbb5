"""Turns of the steps in groups with `max_concurrency`: who runs, and who is next, in the order in which they came."""

from collections import defaultdict
from collections.abc import Iterator

from towpath.engine.language.plan import Plan
from towpath.engine.language.turns import limits_of


class MemberTurns:
    """A step has its turn from `take` until `leave`, or waits for it in the queue of the outermost of its groups."""

    def __init__(self, plan: Plan) -> None:
        self._limits = limits_of(plan)
        self._held: dict[int, set[int]] = defaultdict(set)
        self._waiting: dict[int, dict[int, None]] = defaultdict(dict)

    def take(self, index: int) -> bool:
        """Whether it is the turn of a step; one that takes no turns need not wait."""
        limits = self._limits.get(index)
        if limits is None or index in self._held[limits[-1][0]]:
            return True
        if self._is_full(index):
            self._waiting[limits[-1][0]][index] = None
            return False
        self._hold(index)
        return True

    def leave(self, index: int) -> Iterator[int]:
        """A step has settled, or will not run: the steps whose turn it is now."""
        limits = self._limits.get(index, ())
        for group, _ in limits:
            self._held[group].discard(index)
        if not limits:
            return
        outermost, most = limits[-1]
        waiting = self._waiting[outermost]
        waiting.pop(index, None)
        for other in list(waiting):
            if len(self._held[outermost]) >= most:
                return
            if not self._is_full(other):
                del waiting[other]
                self._hold(other)
                yield other

    def waiting(self) -> Iterator[tuple[int, int, int]]:
        """Steps that wait for their turn, each with the group that is full and how many are under way in it."""
        for queue in self._waiting.values():
            for index in queue:
                full = [group for group, most in self._limits[index] if len(self._held[group]) >= most]
                yield from ((index, group, len(self._held[group])) for group in full[:1])

    def _is_full(self, index: int) -> bool:
        return any(len(self._held[group]) >= most for group, most in self._limits[index])

    def _hold(self, index: int) -> None:
        for group, _ in self._limits[index]:
            self._held[group].add(index)
