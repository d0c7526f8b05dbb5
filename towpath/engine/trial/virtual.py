"""Strands of a run in memory, side by side on a clock that jumps to the next moment at which one of them goes on."""

from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from towpath.contracts.core.failure import CallFailedError
from towpath.engine.run.evaluation import StepError

ResultT = TypeVar("ResultT")
MOST_ROUNDS = 200_000
FAR = timedelta(days=36_500)


class WithdrawnError(BaseException):
    """Thrown into a strand that is cancelled, where it waits. Like a cancellation, it is nobody's to swallow."""


class EndlessError(Exception):
    """The strands go on without an end."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """Until `ready` is true, or until the moment; awaiting it tells which."""

    ready: Callable[[], bool]
    until: datetime | None
    is_last: bool = False
    """Whether everything else that can go on at this moment goes first."""

    def __await__(self) -> Generator["_Wait", bool, bool]:
        return (yield self)


class Strand(Generic[ResultT]):
    """One coroutine under way. `result` raises what ended it."""

    def __init__(self, coroutine: Coroutine[Any, Any, ResultT]) -> None:
        self.done = False
        self.withdrawn = False
        self._coroutine = coroutine
        self._waits: _Wait | None = None
        self._is_cancelling = False
        self._results: list[ResultT] = []
        self._error: CallFailedError | StepError | None = None

    def cancel(self) -> None:
        """End it when its turn comes."""
        self._is_cancelling = not self.done

    def close(self) -> None:
        """End it now, on behalf of the one that waits for it."""
        if not self.done:
            self._is_cancelling = True
            self._step(is_ready=False)

    def result(self) -> ResultT:
        if self._error is not None:
            raise self._error
        if not self._results:
            raise WithdrawnError
        return self._results[0]

    @property
    def has_begun(self) -> bool:
        return self.done or self._waits is not None

    @property
    def moment(self) -> datetime | None:
        """When it goes on, if nothing happens before."""
        return None if self.done or self._waits is None else self._waits.until

    def advance(self, now: datetime, *, is_quiet: bool) -> bool:
        """Go on as far as it can; whether it could at all. `is_quiet`: nothing else can at this moment."""
        is_ready = False
        if self.done:
            return False
        if self._waits is not None and not self._is_cancelling:
            is_ready = self._waits.ready()
            is_late = self._waits.until is None or self._waits.until > now or (self._waits.is_last and not is_quiet)
            if not is_ready and is_late:
                return False
        self._step(is_ready=is_ready)
        return True

    def _step(self, *, is_ready: bool) -> None:
        try:
            if self._is_cancelling:
                self._is_cancelling = False
                self._waits = self._coroutine.throw(WithdrawnError())
            else:
                self._waits = self._coroutine.send(None if self._waits is None else is_ready)
        except StopIteration as end:
            self._results.append(end.value)
            self.done = True
        except WithdrawnError:
            self.done = self.withdrawn = True
        except (CallFailedError, StepError) as error:
            self._error = error
            self.done = True


class VirtualTime:
    """The strands of one run. They go on in the order of their beginning, so that a run is the same each time."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._strands: list[Strand[Any]] = []

    def start(self, coroutine: Coroutine[Any, Any, ResultT]) -> Strand[ResultT]:
        strand = Strand(coroutine)
        self._strands.append(strand)
        return strand

    async def until(self, ready: Callable[[], bool], within: timedelta | None = None) -> bool:
        """Whether it came true in time."""
        return ready() or await _Wait(ready, None if within is None else self.now + min(within, FAR))

    async def turn(self) -> None:
        """Until everything else has gone on that can at this moment: what is sent at one moment is sent together,
        before anything of it is answered.
        """
        await _Wait(lambda: False, self.now, is_last=True)

    async def wait_for(self, length: timedelta) -> None:
        if length > timedelta():
            await self.until(lambda: False, length)

    async def wait_until(self, moment: datetime) -> None:
        await self.wait_for(moment - self.now)

    async def ended(self, strand: Strand[ResultT], within: timedelta | None = None) -> bool:
        """Whether the strand ended in time. It is withdrawn with whoever waits for it, and after the time."""
        try:
            return await self.until(lambda: strand.done, within)
        finally:
            strand.close()

    def close(self) -> None:
        """End what is still under way: the run is over."""
        for strand in self._strands:
            strand.close()

    def run(self, is_over: Callable[[], bool]) -> bool:
        """Go on until it is over. False when nothing can go on any more. Raises EndlessError, and what a strand raised
        that nobody waits for.
        """
        for _ in range(MOST_ROUNDS):
            if self._round(is_over, is_quiet=False) or self._round(is_over, is_quiet=True):
                if is_over():
                    return True
                continue
            moments = [moment for strand in self._strands if (moment := strand.moment) is not None]
            if not moments:
                return False
            self.now = max(self.now, min(moments))
        raise EndlessError

    def _round(self, is_over: Callable[[], bool], *, is_quiet: bool) -> bool:
        """Each strand goes on once, until it is over; whether any could."""
        moved = False
        for strand in tuple(self._strands):
            moved = strand.advance(self.now, is_quiet=is_quiet) or moved
            if is_over():
                break
        self._strands = [strand for strand in self._strands if not strand.done]
        return moved
