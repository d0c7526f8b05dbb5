"""Which items of a for_each to start next, never more than its concurrency at once, and what their ends mean."""

from dataclasses import dataclass

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.engine.language.steps import ForEach
from towpath.engine.run.actions import Completed, Failed, Outcome, Rejected

HERE = 200
"""Up to so many items are done in the run itself, more of them in parts."""


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


@dataclass(slots=True)
class Gathered:
    """Results so far, in the order of the items."""

    results: list[JsonValue]
    failed: int = 0
    failure: Failure | None = None

    def keep(self, index: int, outcome: Outcome) -> bool:
        """Whether the item was done well."""
        if isinstance(outcome, Completed | Rejected):
            self.results[index] = outcome.output
            return True
        if isinstance(outcome, Failed):
            failure = outcome.failure
        else:
            failure = Failure(code=FailureCode.STEP_CANCELLED, message=outcome.reason)
        self.results[index] = {"error": {"code": str(failure.code), "message": failure.message}}
        self.failed += 1
        self.failure = self.failure or failure
        return False

    def outcome(self, loop: ForEach, *, unknown: bool) -> Outcome:
        """Of the whole step, by its policy."""
        count = len(self.results)
        if self.failure is not None and self.failed > allowed(loop, count):
            message = f"{self.failed} of {count} items failed; the first: {self.failure.message}"
            return Failed(self.failure.model_copy(update={"message": message}), unknown, self.results)
        return Completed(self.results, note=f"{count} items" + (f", {self.failed} failed" if self.failed else ""))


def allowed(loop: ForEach, count: int) -> int:
    """How many items may fail before the step does."""
    if loop.on_item_error == "fail":
        return 0
    if loop.max_failures is None:
        return count
    return int(count * float(loop.max_failures.rstrip("%")) / 100)
