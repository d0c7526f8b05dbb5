"""The three lanes on one embedded server: a plain calls, b the shortest workflow, c the onboarding in full."""

import asyncio
import base64
import secrets
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from temporalio.client import Client

from bench.calls import Calls
from bench.measure import HistoryAccount, Meter, account, percentile
from bench.plain import QUEUE, READY, PlainOnboarding
from towpath.contracts.onboarding.customer import Customer, CustomerPlan, OnboardingRequest
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.control.temporal import converter, interceptors, start
from towpath.integrations.storage.codec import KEY_BYTES, EncryptionCodec, codec_of
from towpath.local.processes import spawn
from towpath.local.server import TemporalServer, free_port
from towpath.local.stack import ROOT, RunningStandIns, worker_process
from towpath.temporal.places import EncryptionRule

IN_FLIGHT = 50
WARM_UP = 20
FAST_CLAUDE = {"TOWPATH_CLAUDE_RATE_PER_SECOND": "100000", "TOWPATH_CLAUDE_CONCURRENCY": "100"}
"""The rate limit is the customer's own choice; here it must not be what is measured."""
RunOne = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """One round of one lane. CPU in ms a run, latencies in ms."""

    runs_per_second: float
    idle_p50: float
    idle_p95: float
    cpu_server: float
    cpu_worker: float
    peak_rss_mb: float
    history: HistoryAccount | None

    @property
    def cpu(self) -> float:
        return self.cpu_server + self.cpu_worker


@dataclass(frozen=True, slots=True)
class House:
    server: TemporalServer
    standins: RunningStandIns


def customer(**fields: Any) -> dict[str, Any]:
    made = Customer(
        customer_id=f"bench-{uuid4().hex}",
        email="kim@hanbit.example",
        company="Hanbit Logistics",
        plan=CustomerPlan.BUSINESS,
        **fields,
    )
    return made.model_dump(mode="json")


async def lane_a(house: House, runs: int, idle: int) -> LaneFigures:
    """No durability: the limit. Measured in this process, which does the calls."""
    async with Calls.open(house.standins.url, house.standins.smtp_port) as calls:
        return await measure_lane(calls.all, house.server, psutil.Process().pid, runs, idle)


async def lane_b(house: House, runs: int, idle: int) -> LaneFigures:
    client = await Client.connect(house.server.address)

    async def run_one(given: dict[str, Any]) -> Any:
        handle = await client.start_workflow(
            PlainOnboarding.run, given, id=f"plain/{given['customer_id']}", task_queue=QUEUE
        )
        await handle.result()
        return handle

    async with plain_worker(house) as pid:
        return await measure_lane(run_one, house.server, pid, runs, idle)


async def lane_c(house: House, runs: int, idle: int) -> LaneFigures:
    return await _onboarding(house, runs, idle, None, {})


async def lane_e(house: House, runs: int, idle: int) -> LaneFigures:
    """Lane c with encryption demanded: each payload is encrypted, and compared with its place."""
    key = secrets.token_bytes(KEY_BYTES)
    env = {"TOWPATH_ENCRYPTION": "require", "TOWPATH_ENCRYPTION_KEYS": f"k1:{base64.b64encode(key).decode()}"}
    return await _onboarding(house, runs, idle, codec_of({"k1": key}, EncryptionRule(required=True)), env)


async def _onboarding(
    house: House, runs: int, idle: int, codec: EncryptionCodec | None, env: Mapping[str, str]
) -> LaneFigures:
    convert = converter(codec)
    client = await Client.connect(
        house.server.address, data_converter=convert, interceptors=[] if codec is None else interceptors(convert)
    )

    async def run_one(given: dict[str, Any]) -> Any:
        request = OnboardingRequest(customer=Customer.model_validate(given))
        started = await start(client, ONBOARDING, request, workflow_id=ONBOARDING.workflow_id(request, b""))
        await started.handle.result()
        return started.handle

    settings = {**FAST_CLAUDE, **env}
    async with worker_process(house.server, house.standins, metrics_port=free_port(), env=settings) as worker:
        return await measure_lane(run_one, house.server, worker.pid, runs, idle)


@asynccontextmanager
async def plain_worker(house: House) -> AsyncGenerator[int]:
    log = Path(".towpath/logs/plain.log")
    log.unlink(missing_ok=True)
    line = [
        sys.executable,
        "-m",
        "bench.plain",
        house.server.address,
        house.standins.url,
        str(house.standins.smtp_port),
    ]

    async def ready() -> None:
        while not log.exists() or READY not in log.read_text():
            await asyncio.sleep(0.05)

    async with spawn("plain worker", line, env={"PYTHONPATH": str(ROOT)}, log=log) as child:
        await child.ready(ready(), 60)
        yield child.pid


async def measure_lane(run_one: RunOne, server: TemporalServer, worker_pid: int, runs: int, idle: int) -> LaneFigures:
    """Throughput with 50 in flight, then latency one by one, with what both cost."""
    await _many(run_one, WARM_UP)
    serving, worker = Meter(server.process.pid), Meter(worker_pid)
    started = time.perf_counter()
    last = await _many(run_one, runs)
    seconds = time.perf_counter() - started
    used_server, used_worker = serving.read(), worker.read()
    latencies: list[float] = []
    for _ in range(idle):
        begun = time.perf_counter()
        last = await run_one(customer())
        latencies.append((time.perf_counter() - begun) * 1000)
    return LaneFigures(
        runs_per_second=runs / seconds,
        idle_p50=percentile(latencies, 0.5),
        idle_p95=percentile(latencies, 0.95),
        cpu_server=used_server.cpu_seconds * 1000 / runs,
        cpu_worker=used_worker.cpu_seconds * 1000 / runs,
        peak_rss_mb=used_worker.peak_rss_mb,
        history=None if isinstance(last, str) else await account(last),
    )


async def _many(run_one: RunOne, runs: int) -> Any:
    """`runs` customers with 50 in flight; the last run's handle or answer."""
    turns = asyncio.Semaphore(IN_FLIGHT)

    async def one() -> Any:
        async with turns:
            return await run_one(customer())

    return (await asyncio.gather(*(one() for _ in range(runs))))[-1]
