"""Signals that end a stack: what was begun is ended in order, whenever they come."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_stopped(work: Coroutine[Any, Any, None], say: Callable[[str], None]) -> bool:
    """Does the work to its end. Whether a signal came before: the work is cancelled then, and has ended its children.

    A second signal makes an end of the child that is being waited for.
    """
    task = asyncio.ensure_future(work)
    came: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        came.append(number)
        task.cancel()
        if len(came) == 1:
            say("Stopping …")

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not came:
            raise
    return bool(came)
