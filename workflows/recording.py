"""How often a loop stops for a moment, so that what it has done comes into the history."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta

from temporalio import workflow

EVERY = 250
PAUSE = timedelta(milliseconds=1)
RECORDED = "recorded-items-2026-11"


class Recording:
    """Begins items in their order, and after each 250 waits until the workflow's task is over.

    First attempts are local activities, which are recorded when the task ends that they ran in. A loop that always has
    some under way keeps its task open for many seconds: a worker that died then had done hundreds of items for nothing,
    and the next one did them again, with the same keys.
    """

    def __init__(self, begin: Callable[[int], None], count: int, *, pure: bool) -> None:
        """`count` is how many items there are; pure ones need no record."""
        self._begin = begin
        self._last = 0 if pure else count
        self._begun = 0
        self._waiting: deque[int] = deque()
        self._pausing: asyncio.Task[None] | None = None

    def let(self, indexes: Iterable[int]) -> None:
        """Begin these when it is their turn."""
        self._waiting.extend(indexes)
        while self._waiting and self._pausing is None:
            self._begin(self._waiting.popleft())
            self._begun += 1
            if self._begun % EVERY == 0 and self._begun < self._last and workflow.patched(RECORDED):
                self._pausing = asyncio.ensure_future(self._pause())

    def close(self) -> None:
        if self._pausing is not None:
            self._pausing.cancel()

    async def _pause(self) -> None:
        # The server hears of this timer when the task ends, and that is when no local activity runs.
        await workflow.sleep(PAUSE, summary=f"{self._begun} items begun")
        self._pausing = None
        self.let(())
