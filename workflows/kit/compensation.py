"""The undo stack of one run, and the shield under which it is unwound.

One rule holds in every process: an effect is undone, or told of, unless it is certain that it never happened. It is in
doubt from before it is asked for until its answer comes, and a failure says by `unknown` whether it is still.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from towpath.contracts.core.run import StepRecord, StepState

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class _Entry:
    step: str
    undo: Callable[[], Awaitable[bool]]


class Compensations:
    """Undoes completed steps in reverse order of their registration, each once.

    Register an undo before the effect is asked for: when the answer is lost, the effect may still have happened.
    `not_undone` are the steps whose undo failed for good.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self.not_undone: list[str] = []

    def add(self, step: str, undo: Callable[[], Awaitable[bool]]) -> None:
        """`undo` answers whether it undid the step. It raises nothing, so that the rest is undone all the same."""
        self._entries.append(_Entry(step, undo))

    def drop(self, step: str) -> None:
        """It is certain that the step had no effect."""
        self._entries = [entry for entry in self._entries if entry.step != step]

    async def unwind(self) -> tuple[str, ...]:
        """The steps that were undone, in that order."""
        undone: list[str] = []
        while self._entries:
            entry = self._entries.pop()
            if await entry.undo():
                undone.append(entry.step)
        return tuple(undone)


def may_stand(record: StepRecord) -> bool:
    """Whether nobody knows if the effect of a step has happened: it was begun, and its answer is lost."""
    if record.state is StepState.FAILED:
        return record.failure is not None and record.failure.unknown
    return record.state is StepState.CANCELLED and record.started_at is not None


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a part of the run and wait until it has ended. What else it raised is raised."""
    task.cancel()
    await workflow.wait([task])
    error = None if task.cancelled() else task.exception()
    if error is not None and not is_cancelled_exception(error):
        raise error


async def shielded(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Finish `work` even when the run is cancelled meanwhile; the cancellation is raised after it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()
