"""A worker that dies while the local stack is up is followed by another one."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack

from temporalio.service import RPCError

from towpath.local.processes import Child, ChildFailedError
from towpath.local.stack import LocalStack, worker_ready

MOST_DEATHS = 5
WITHIN_SECONDS = 60.0
FIRST_WAIT_SECONDS = 0.5
EXIT_SETTINGS = 2
"""What `worker.py` ends with when something must be mended first: another one would end alike."""


async def keep_working(stack: LocalStack, say: Callable[[str], None], first_wait: float = FIRST_WAIT_SECONDS) -> None:
    """Never ends by itself. Raises ChildFailedError for settings that cannot be used, and for the fifth death within a
    minute. The wait doubles with each death within the last minute.
    """
    deaths = deque[float](maxlen=MOST_DEATHS)
    worker = stack.worker
    async with AsyncExitStack() as running:
        while True:
            code = await worker.process.wait()
            if code == EXIT_SETTINGS:
                raise ChildFailedError(f"the worker cannot start before its settings are mended: see {worker.log}")
            wait = first_wait * 2 ** (_recent(deaths, f"see {worker.log}") - 1)
            say(f"The worker ended with {code}; another one begins in {wait:g} s. Its log: {worker.log}")
            await asyncio.sleep(wait)
            worker = await running.enter_async_context(stack.new_worker())
            await _say_when_ready(worker, stack, say)


async def until_one_ends(children: list[Child]) -> None:
    """Raises ChildFailedError for the first of them that ends."""
    waits = {asyncio.create_task(child.process.wait()): child for child in children}
    try:
        ended, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    child = waits[ended.pop()]
    raise ChildFailedError(f"{child.name} ended with {child.process.returncode}; see {child.log}")


def _recent(deaths: deque[float], where: str) -> int:
    """Adds one, and counts those within the last minute. Raises ChildFailedError."""
    now = time.monotonic()
    deaths.append(now)
    recent = sum(now - death < WITHIN_SECONDS for death in deaths)
    if recent == MOST_DEATHS:
        raise ChildFailedError(f"the worker ended {recent} times within a minute; {where}")
    return recent


async def _say_when_ready(worker: Child, stack: LocalStack, say: Callable[[str], None]) -> None:
    try:
        await worker_ready(worker, stack.server.address)
    except (ChildFailedError, RPCError, RuntimeError):
        # One that is not ready in time, too, makes room for the next.
        await worker.stop()
        return
    say(f"The worker is ready again (process {worker.pid}).")
