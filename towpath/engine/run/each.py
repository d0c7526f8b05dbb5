"""Which items of a for_each to start next: never more than its concurrency at once."""


class ItemWindow:
    """Indexes to start; `finish` answers with the next ones. Without `collect`, nothing starts after a failure."""

    def __init__(self, count: int, concurrency: int, *, collect: bool) -> None:
        self._count, self._concurrency, self._collect = count, concurrency, collect
        self._next = 0
        self._flying: set[int] = set()
        self.stopped = False

    def begin(self) -> list[int]:
        return self._start()

    def finish(self, index: int, *, ok: bool) -> list[int]:
        """An item that was started has ended. Told twice, the second time starts nothing."""
        if index not in self._flying:
            return []
        self._flying.discard(index)
        self.stopped = self.stopped or (not ok and not self._collect)
        return self._start()

    @property
    def done(self) -> bool:
        return not self._flying and (self.stopped or self._next >= self._count)

    def _start(self) -> list[int]:
        if self.stopped:
            return []
        end = min(self._count, self._next + self._concurrency - len(self._flying))
        found = list(range(self._next, end))
        self._next = max(self._next, end)
        self._flying.update(found)
        return found
