"""Waiting for a condition that a server shows: the tests look until it holds, and no longer than a minute."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.service import RPCError, RPCStatusCode

from towpath.contracts.core.review import ReviewTask

WAIT_SECONDS = 60
FIRST_LOOK_AFTER = 0.02
LOOK_EVERY = 0.1
UNANSWERED = frozenset(
    {
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.FAILED_PRECONDITION,
    }
)
"""Without a workflow cache a query may wait for a task that the worker lost, which comes back after ten seconds. A run
that has only just gone on in a new history answers none for a moment (the last of these).
"""

ValueT = TypeVar("ValueT")


async def until(read: Callable[[], Awaitable[ValueT]], holds: Callable[[ValueT], bool]) -> ValueT:
    """The first value that holds. A look that nobody answered shows nothing; other errors are raised."""
    wait = FIRST_LOOK_AFTER
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                value = await read()
            except RPCError as error:
                if error.status not in UNANSWERED:
                    raise
            else:
                if holds(value):
                    return value
            await asyncio.sleep(wait)
            wait = min(LOOK_EVERY, wait * 1.5)


async def open_task(
    read: Callable[[], Awaitable[ReviewTask | None]], holds: Callable[[ReviewTask], bool] = lambda _: True
) -> ReviewTask:
    """A run's human task, as soon as it has one of which `holds` is true."""
    task = await until(read, lambda task: task is not None and holds(task))
    assert task is not None
    return task
