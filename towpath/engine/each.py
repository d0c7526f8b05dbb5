"""Which items of a for_each to start next: never more than its concurrency at once."""


class Window:
    """Indexes to start; `finish` answers with the next ones. Without `collect`, nothing starts after a failure."""

    def __init__(self, count: int, concurrency: int, *, collect: bool) -> None:
        self._count, self._concurrency, self._collect = count, concurrency, collect
        self._next, self._running = 0, 0
        self.stopped = False

    def begin(self) -> list[int]:
        return self._start()

    def finish(self, index: int, *, ok: bool) -> list[int]:
        self._running -= 1
        self.stopped = self.stopped or (not ok and not self._collect)
        return self._start()

    @property
    def done(self) -> bool:
        return self._running == 0 and (self.stopped or self._next >= self._count)

    def _start(self) -> list[int]:
        end = self._next
        if not self.stopped:
            end = min(self._count, self._next + self._concurrency - self._running)
        found = list(range(self._next, end))
        self._next, self._running = end, self._running + len(found)
        return found
