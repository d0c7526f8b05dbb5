"""Which items of a for_each to start next, never more than its concurrency at once, and what their ends mean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.declared.run import CloudEvent, KeptItems
from towpath.engine.language.steps import ForEach
from towpath.engine.run.actions import Completed, Failed, Outcome, Rejected

HERE = 200
"""Up to so many items are done in the run itself, more of them in parts."""
MOST_EVENTS = 2_000
"""One run works on so many events at most: its history must hold them."""
TOLD = 5


class ItemWindow:
    """Places to start; `finish` answers with the next ones. Nothing starts once more items failed than `may_fail`."""

    def __init__(self, count: int, concurrency: int, may_fail: int) -> None:
        self._count, self._concurrency, self._may_fail = count, concurrency, may_fail
        self._flying: set[int] = set()
        self.begun = 0
        self.stopped = False

    def begin(self) -> list[int]:
        return self._start()

    def finish(self, place: int, *, ok: bool) -> list[int]:
        """An item that was started has ended. Told twice, the second time starts nothing."""
        if place not in self._flying:
            return []
        self._flying.discard(place)
        self._may_fail -= 0 if ok else 1
        self.stopped = self.stopped or self._may_fail < 0
        return self._start()

    @property
    def done(self) -> bool:
        return not self._flying and (self.stopped or self.begun >= self._count)

    def _start(self) -> list[int]:
        if self.stopped:
            return []
        end = min(self._count, self.begun + self._concurrency - len(self._flying))
        found = list(range(self.begun, end))
        self.begun = max(self.begun, end)
        self._flying.update(found)
        return found


@dataclass(slots=True)
class Gathered:
    """Results so far, in the order of the items, and the indexes of those that were done well."""

    results: list[JsonValue]
    failed: int = 0
    failure: Failure | None = None
    done: set[int] = field(default_factory=set[int])

    def keep(self, index: int, outcome: Outcome) -> bool:
        """Whether the item was done well."""
        if isinstance(outcome, Completed | Rejected):
            self.results[index] = outcome.output
            self.done.add(index)
            return True
        if isinstance(outcome, Failed):
            failure = outcome.failure
        else:
            failure = Failure(code=FailureCode.STEP_CANCELLED, message=outcome.reason)
        self.results[index] = {"error": {"code": str(failure.code), "message": failure.message}}
        self.failed += 1
        self.failure = self.failure or failure
        return False

    def take_over(self, kept: KeptItems) -> None:
        """What an earlier run did well is not done again."""
        indexes = [index for first, last in kept.done for index in range(first, last + 1)]
        self.done.update(indexes)
        for index, result in zip(indexes, kept.results, strict=True):
            self.results[index] = result

    def left(self) -> list[int]:
        """Indexes of the items that are still to be done."""
        return [index for index in range(len(self.results)) if index not in self.done]

    def kept(self, digest: str) -> KeptItems:
        """For `take_over`."""
        indexes = sorted(self.done)
        results = tuple(self.results[index] for index in indexes)
        return KeptItems(count=len(self.results), done=tuple(_rows(indexes)), results=results, digest=digest)

    def outcome(self, loop: ForEach, *, unknown: bool) -> Outcome:
        """Of the whole step, by its policy."""
        count = len(self.results)
        if self.failure is not None and self.failed > allowed(loop, count):
            left = count - self.failed - len(self.done)
            rest = f"; {left} were not begun" if left else ""
            message = f"{self.failed} of {count} items failed{rest}; the first: {self.failure.message}"
            return Failed(self.failure.model_copy(update={"message": message}), unknown, self.results)
        return Completed(self.results, note=f"{count} items" + (f", {self.failed} failed" if self.failed else ""))


def allowed(loop: ForEach, count: int) -> int:
    """How many items may fail before the step does."""
    if loop.on_item_error == "fail":
        return 0
    if loop.max_failures is None:
        return count
    return int(count * float(loop.max_failures.rstrip("%")) / 100)


def _rows(indexes: Sequence[int]) -> Iterable[tuple[int, int]]:
    """The first and the last one of each row of indexes without a gap."""
    begin = 0
    for place, index in enumerate(indexes):
        if place + 1 == len(indexes) or indexes[place + 1] != index + 1:
            yield indexes[begin], index
            begin = place + 1


@dataclass(slots=True)
class Allowance:
    """How many more items may fail, shared among the parts of a large for_each that are under way at once.

    Parts have less together than what is left, so that no more items fail unseen than may.
    """

    left: int
    _given: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def is_over(self) -> bool:
        return self.left < 0

    def is_ready(self) -> bool:
        """Whether another part may begin, or never will."""
        return self.is_over or self.left >= sum(self._given.values())

    def give(self, part: int) -> int:
        """What a part may fail before it begins no more items."""
        share = self._given[part] = max(0, (self.left - sum(self._given.values())) // 2)
        return share

    def settle(self, part: int, failed: int) -> None:
        """A part has ended."""
        del self._given[part]
        self.left -= failed


class EventItems:
    """Items of one loop, in the order in which they came; `gathered` has their results.

    `arrive`, `finish` and `begin` answer with the items to start.
    """

    def __init__(self, loop: ForEach, gathered: Gathered) -> None:
        self.events: list[CloudEvent] = []
        self.closed = ""
        self.gathered = gathered
        self._loop = loop
        self._waiting: list[int] = []
        self._flying: set[int] = set()
        self._late: list[str] = []

    def take_over(self, kept: KeptItems, *, is_same: bool) -> None:
        """Go on with what an earlier run received; its results count while what they are made of is the same."""
        self.events, self.closed = list(kept.events), kept.closed
        self.gathered.results.extend([None] * kept.count)
        if is_same:
            self.gathered.take_over(kept)
        self._waiting = self.gathered.left()

    def begin(self) -> list[int]:
        return self._start()

    def arrive(self, event: CloudEvent, *, is_closing: bool) -> list[int]:
        """An event came. The same one again counts once; one that closes is no item."""
        if self.closed or any((event.id, event.source) == (known.id, known.source) for known in self.events):
            return []
        if is_closing:
            self.close(f"the event {event.id}")
            return []
        if len(self.events) == MOST_EVENTS:
            self.close(f"more than {MOST_EVENTS} events")
            self.gathered.failed += 1
            message = f"more than {MOST_EVENTS} events came, and none closed it"
            self.gathered.failure = self.gathered.failure or Failure(code=FailureCode.STEP_INPUT, message=message)
            return []
        self.events.append(event)
        self.gathered.results.append(None)
        self._waiting.append(len(self.events) - 1)
        return self._start()

    def finish(self, index: int, outcome: Outcome) -> list[int]:
        self._flying.discard(index)
        self.gathered.keep(index, outcome)
        return self._start()

    def close(self, why: str) -> None:
        """Take no more events; what came before is still worked on."""
        self.closed = self.closed or why

    def ignore(self, event: CloudEvent) -> str:
        """An event that came after the close. What is to be read of it."""
        self._late.append(event.id)
        return self.note

    @property
    def stopped(self) -> bool:
        return self._loop.on_item_error == "fail" and self.gathered.failed > 0

    @property
    def done(self) -> bool:
        return not self._flying and (self.stopped or (bool(self.closed) and not self._waiting))

    @property
    def note(self) -> str:
        failed = f", {self.gathered.failed} failed" if self.gathered.failed else ""
        late = f"; {len(self._late)} came after that and count no more: {', '.join(self._late[-TOLD:])}"
        return f"{len(self.events)} events{failed}; closed by {self.closed}{late if self._late else ''}"

    def kept(self, digest: str) -> KeptItems:
        return self.gathered.kept(digest).model_copy(update={"events": tuple(self.events), "closed": self.closed})

    def outcome(self, *, unknown: bool) -> Outcome:
        outcome = self.gathered.outcome(self._loop, unknown=unknown)
        too_many = self.closed and len(self.events) == MOST_EVENTS and self.closed.startswith("more")
        if too_many and self.gathered.failure is not None and not isinstance(outcome, Failed):
            return Failed(self.gathered.failure, unknown, self.gathered.results)
        return Completed(outcome.output, note=self.note) if isinstance(outcome, Completed) else outcome

    def _start(self) -> list[int]:
        if self.stopped:
            return []
        room = max(0, self._loop.concurrency - len(self._flying))
        found, self._waiting = self._waiting[:room], self._waiting[room:]
        self._flying.update(found)
        return found
