"""A for_each over events: which of those that came are items, which of them start next, and what closes it."""

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.declared.run import CloudEvent, KeptItems
from towpath.engine.language.steps import ForEach
from towpath.engine.run.actions import Completed, Failed, Outcome
from towpath.engine.run.each import Gathered

MOST_EVENTS = 2_000
"""One run works on so many events at most: its history must hold them."""
TOLD = 5


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
