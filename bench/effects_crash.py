"""A worker killed with -9 in the middle of its runs, and what its receiver saw of it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import httpx

from bench.effects_work import CALLS
from bench.lanes import IN_FLIGHT, WARM_UP
from towpath.local.processes import Child

RUNS = 100
KILLED_AT = 0.4
"""Share of all calls that the receiver has counted."""
GIVE_UP_SECONDS = 300.0
"""Then a run stands still: time-outs, back-off and a sticky queue all end within a minute."""


@dataclass(frozen=True, slots=True)
class Counts:
    """`keys` are the calls that came, `changed` those of them that came again with another body."""

    requests: int
    keys: int
    changed: int


@dataclass(frozen=True, slots=True)
class Receiver:
    url: str
    http: httpx.AsyncClient

    async def reached(self, requests: int) -> Counts:
        """What came, as soon as so many requests have come."""
        return Counts(**(await self.http.get(f"/counts/{requests}")).raise_for_status().json())

    async def forget(self) -> None:
        (await self.http.delete("/counts")).raise_for_status()


@dataclass(frozen=True, slots=True)
class CrashFigures:
    """100 runs whose worker was killed once. `ended` are the runs that completed."""

    ended: int
    counts: Counts

    @property
    def repeated(self) -> int:
        return self.counts.requests - self.counts.keys

    @property
    def lost(self) -> int:
        return RUNS * CALLS - self.counts.keys


async def crash(
    run_one: Callable[[], Awaitable[None]], worker: Callable[[], AbstractAsyncContextManager[Child]], receiver: Receiver
) -> CrashFigures:
    """Kill the worker when 40 % of the calls have come, start another one, and wait for all runs."""
    turns = asyncio.Semaphore(IN_FLIGHT)

    async def one() -> None:
        async with turns:
            await run_one()

    async with worker() as first:
        await asyncio.gather(*(one() for _ in range(WARM_UP)))
        await receiver.forget()
        running = [asyncio.ensure_future(one()) for _ in range(RUNS)]
        await receiver.reached(round(RUNS * CALLS * KILLED_AT))
        await first.kill()
    async with worker():
        done, still = await asyncio.wait(running, timeout=GIVE_UP_SECONDS)
    for task in still:
        task.cancel()
    await asyncio.gather(*still, return_exceptions=True)
    return CrashFigures(sum(task.exception() is None for task in done), await receiver.reached(0))
