"""Many onboardings that wait for review on one worker: its memory, the first decision after a restart, none lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from temporalio.client import Client, RPCTimeoutOrCancelledError

from bench.lanes import FAST_CLAUDE, House, customer
from bench.measure import Meter
from towpath.contracts.core.process import STATUS
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.onboarding.customer import Customer, OnboardingRequest
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.control import reviews
from towpath.control.temporal import converter
from towpath.local.processes import Child
from towpath.local.server import free_port
from towpath.local.stack import worker_process

IN_FLIGHT = 50
APPROVE = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="bench")
PROGRESS_SECONDS = 15
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WaitingFigures:
    runs: int
    start_seconds: float
    rss_waiting_mb: float
    rss_peak_mb: float
    first_decision_seconds: float
    decide_seconds: float
    onboarded: int


async def waiting(house: House, runs: int, say: Say) -> WaitingFigures:
    client = await Client.connect(house.server.address, data_converter=converter(None))
    before = await _count(client, "onboarded")
    begun = time.perf_counter()
    async with _worker(house) as worker:
        meter = Meter(worker.pid)
        ids = await _start_all(client, runs)
        await _reached(client, "waiting-for-review", runs, say)
        started, rss, first_peak = time.perf_counter() - begun, meter.rss_mb(), meter.read().peak_rss_mb
        say(f"{runs} wait, the worker holds {rss:.0f} MB; it is killed and started again")
        await worker.kill()
    async with _worker(house) as worker:
        meter = Meter(worker.pid)
        begun = time.perf_counter()
        await reviews.decide(client, ids[0], APPROVE)
        first = time.perf_counter() - begun
        begun = time.perf_counter()
        deciding = asyncio.create_task(_each(ids[1:], lambda name: _decide(client, name)))
        await _reached(client, "onboarded", before + runs, say)
        await deciding
        decided = time.perf_counter() - begun
        peak = max(first_peak, meter.read().peak_rss_mb)
    onboarded = await _count(client, "onboarded") - before
    return WaitingFigures(runs, started, rss, peak, first, decided, onboarded)


def _worker(house: House) -> AbstractAsyncContextManager[Child]:
    return worker_process(house.server, house.standins, metrics_port=free_port(), env=FAST_CLAUDE)


async def _start_all(client: Client, runs: int) -> Sequence[str]:
    """Runs whose risk cannot be assessed, so that a person must decide; their ids."""
    requests = [OnboardingRequest(customer=Customer.model_validate(customer(country="XX"))) for _ in range(runs)]
    ids = {ONBOARDING.workflow_id(request, b""): request for request in requests}

    async def begin(workflow_id: str) -> None:
        await client.start_workflow(ONBOARDING.name, ids[workflow_id], id=workflow_id, task_queue=ONBOARDING.queue)

    await _each(list(ids), begin)
    return list(ids)


async def _decide(client: Client, workflow_id: str) -> None:
    """An update that no worker takes up in time is sent again: with its id it stays one decision."""
    while True:
        try:
            await reviews.decide(client, workflow_id, APPROVE)
        except RPCTimeoutOrCancelledError:
            continue
        return


async def _each(names: Sequence[str], act: Callable[[str], Awaitable[None]]) -> None:
    turns = asyncio.Semaphore(IN_FLIGHT)

    async def one(name: str) -> None:
        async with turns:
            await act(name)

    await asyncio.gather(*(one(name) for name in names))


async def _reached(client: Client, status: str, wanted: int, say: Say) -> None:
    said = time.perf_counter()
    while (found := await _count(client, status)) < wanted:
        await asyncio.sleep(0.5)
        if time.perf_counter() - said > PROGRESS_SECONDS:
            said = time.perf_counter()
            say(f"{found} of {wanted} {status}")


async def _count(client: Client, status: str) -> int:
    return (await client.count_workflows(f"{STATUS.name} = '{status}'")).count
