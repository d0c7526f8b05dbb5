"""Figures of alerts, from the door that Alertmanager knocks at: the first page, and a storm with large bodies in it."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from temporalio.client import Client

from bench.lanes import House
from bench.measure import Meter, percentile
from bench.processes import POLL_SECONDS, Doors, doors, group_body, new_stamp, our_worker
from towpath.contracts.incident.incident import IncidentView
from towpath.control.receiver import PATH
from towpath.local.monitoring import webhook_body
from towpath.local.processes import spawn
from towpath.local.server import LOOPBACK, free_port
from towpath.local.stack import ROOT, answers, python
from towpath.local.tokens import bearer, new_token

GROUPS = 20
DELIVERIES = 200
ALERTS = 5
SECONDS = 60.0
LARGE_EVERY = 10
LARGE_BYTES = 5 * 1024**2
ANNOTATIONS = 4
WARM = 5
PAGED = "/pagerduty/v2/enqueue"


@dataclass(frozen=True, slots=True)
class Storm:
    """1,000 alerts in a minute. `worker` and `receiver` are their CPU over that minute, in cores."""

    incidents: int
    alerts: int
    large: int
    largest_bytes: int
    worker: float
    receiver: float
    receiver_mb: float


@dataclass(frozen=True, slots=True)
class AlertDoor:
    """`starter.py incident receive`, and a client that has its token."""

    pid: int
    http: httpx.AsyncClient

    async def deliver(self, body: bytes) -> str:
        """The run that took it."""
        answer = await self.http.post(PATH, content=body, headers={"content-type": "application/json"})
        answer.raise_for_status()
        return answer.json()["workflow_id"]


@asynccontextmanager
async def alert_door(house: House) -> AsyncGenerator[AlertDoor]:
    port, token = free_port(), new_token()
    url = f"http://{LOOPBACK}:{port}"
    line = python(str(ROOT / "starter.py"), "incident", "receive", "--port", str(port))
    env = {"TEMPORAL_ADDRESS": house.server.address, "TOWPATH_ALERTS_TOKEN": token}
    log = Path(".towpath/logs/receiver.log")
    async with spawn("receiver", line, env=env, log=log) as child:
        await child.ready(answers(f"{url}/health"), 30)
        async with httpx.AsyncClient(base_url=url, headers=bearer(token), timeout=60) as http:
            yield AlertDoor(child.pid, http)


async def first_pages(house: House, count: int) -> list[float]:
    """Milliseconds from an alert at the receiver to the page at who is called, one by one."""
    found: list[float] = []
    async with our_worker(house), doors(house) as at, alert_door(house) as door:
        for number in range(count + WARM):
            await at.latency(0.0)
            body = json.dumps(group_body(new_stamp(), datetime.now(UTC).isoformat(), resolved=False)).encode()
            begun = time.monotonic()
            workflow_id = await door.deliver(body)
            paged = await _paged(at)
            if number >= WARM:
                found.append((paged - begun) * 1000)
            await at.client.get_workflow_handle(workflow_id).terminate()
    return found


async def _paged(at: Doors) -> float:
    """When the first page had arrived, by the clock of this machine."""
    while not (ended := [call["ended"] for call in await at.calls() if call["path"] == PAGED]):
        await asyncio.sleep(POLL_SECONDS)
    return min(ended)


async def storm(house: House) -> Storm:
    """200 deliveries of five alerts, spread over a minute and over 20 groups; each tenth has 5 MB."""
    stamp = new_stamp()
    bodies = [_storm_body(stamp, number) for number in range(DELIVERIES)]
    async with our_worker(house) as pid, doors(house) as at, alert_door(house) as door:
        worker, receiver = Meter(pid), Meter(door.pid)
        begun = time.perf_counter()

        async def deliver(number: int) -> str:
            await asyncio.sleep(number * SECONDS / DELIVERIES)
            return await door.deliver(bodies[number])

        ids = set(await asyncio.gather(*(deliver(number) for number in range(DELIVERIES))))
        await asyncio.sleep(max(0.0, SECONDS - (time.perf_counter() - begun)))
        length = time.perf_counter() - begun
        used, received = worker.read(), receiver.read()
        return Storm(
            len(ids),
            await _received(at.client, ids),
            sum(len(body) >= LARGE_BYTES for body in bodies),
            max(map(len, bodies)),
            used.cpu_seconds / length,
            received.cpu_seconds / length,
            received.peak_rss_mb,
        )


async def _received(client: Client, ids: set[str]) -> int:
    """How many alerts the incidents know of. They are ended."""
    handles = [client.get_workflow_handle(name) for name in sorted(ids)]
    views = [await handle.query("incident", result_type=IncidentView) for handle in handles]
    for handle in handles:
        await handle.terminate()
    return sum(view.group.received for view in views)


def _storm_body(stamp: str, number: int) -> bytes:
    body: dict[str, Any] = webhook_body("search", "2026-11-25T12:00:00Z", resolved=False)
    (alert,) = body["alerts"]
    if number % LARGE_EVERY == LARGE_EVERY - 1:
        alert = {**alert, "annotations": {**alert["annotations"], **_large()}}
    alerts = [{**alert, "fingerprint": f"{number}-{index}"} for index in range(ALERTS)]
    whole = {**body, "alerts": alerts, "groupKey": f"{{}}:{{storm={stamp}-{number % GROUPS}}}"}
    return json.dumps(whole).encode()


def _large() -> dict[str, str]:
    return {f"text_{place}": "y" * (LARGE_BYTES // (ALERTS * ANNOTATIONS) + 1) for place in range(ANNOTATIONS)}


def show_pages(console: Console, milliseconds: Sequence[float]) -> None:
    p50, p95 = (percentile(milliseconds, share) for share in (0.5, 0.95))
    console.print(
        f"alert at the receiver to first page, one by one: p50 {p50:.0f} ms (wanted: at most 60), "
        f"p95 {p95:.0f} ms (wanted: at most 150)"
    )


def show_storm(console: Console, storm: Storm) -> None:
    console.print(
        f"{DELIVERIES * ALERTS:,} alerts in {GROUPS} groups within {SECONDS:.0f} s, "
        f"{storm.large} bodies of up to {storm.largest_bytes / 1e6:.1f} MB among them: "
        f"{storm.incidents} incidents (wanted: {GROUPS}), {storm.alerts:,} alerts in them, "
        f"worker {storm.worker:.2f} cores (wanted: below 1), "
        f"receiver {storm.receiver:.2f} cores, at most {storm.receiver_mb:.0f} MB"
    )
