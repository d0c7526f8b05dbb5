"""Figures of content publishing and incident response: wall time against calls, and what a run costs."""

import asyncio
import json
import re
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from rich.console import Console
from rich.table import Table
from temporalio.client import Client, WorkflowHandle

from bench.lanes import FAST_CLAUDE, House
from bench.measure import HistoryAccount, Meter, account
from bench.replayed import QUEUE, READY, Replayed, Script, Sent
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.incident.alerts import AlertmanagerWebhook
from towpath.contracts.incident.incident import IncidentView
from towpath.contracts.publishing.campaign import ChannelWish, Metadata, PublishingRequest
from towpath.contracts.publishing.process import PUBLISHING
from towpath.control.intake import AlertIntake
from towpath.control.temporal import converter, start
from towpath.local.monitoring import webhook_body
from towpath.local.processes import spawn
from towpath.local.server import free_port
from towpath.local.stack import ROOT, python, worker_process

POLL_SECONDS = 0.02
EDITOR = "mira"
CHANNELS = ("x", "linkedin", "blog")
WALLS = "Every outside call takes 1 s"
SENTENCES = (
    "The {stamp} canal reopens in spring after long work on its locks.",
    "New gates of oak at {stamp} last for fifty years and close without noise.",
    "Sensors at every lock of {stamp} report the water level to the keepers.",
    "Visitors walk along the towpath of {stamp} on both sides again.",
    "Boats on the {stamp} route save time on their way to the sea.",
)


@dataclass(frozen=True, slots=True)
class Wall:
    """One run with each call taking its time. `busy` is how long at least one call was under way. Seconds."""

    process: str
    wall: float
    busy: float
    calls: int

    @property
    def ratio(self) -> float:
        return self.wall / self.busy


@dataclass(frozen=True, slots=True)
class CostFigures:
    """What a run costs, ours and the shortest workflow for the same calls. CPU in ms of server and worker together."""

    process: str
    cpu: float
    cpu_shortest: float
    history: HistoryAccount
    shortest: HistoryAccount


class Doors:
    """Client, stand-ins and intake of one house."""

    def __init__(self, client: Client, http: httpx.AsyncClient) -> None:
        self.client = client
        self.http = http
        self.intake = AlertIntake(client)

    async def latency(self, seconds: float, *, bodies: bool = False) -> None:
        (await self.http.post("/_standins/latency", json={"seconds": seconds, "bodies": bodies})).raise_for_status()

    async def calls(self) -> list[dict[str, Any]]:
        return (await self.http.get("/_standins/latency")).json()["calls"]


@asynccontextmanager
async def doors(house: House) -> AsyncGenerator[Doors]:
    client = await Client.connect(house.server.address, data_converter=converter(None))
    async with httpx.AsyncClient(base_url=house.standins.url, headers=house.standins.control, timeout=60) as http:
        yield Doors(client, http)


@asynccontextmanager
async def our_worker(house: House) -> AsyncGenerator[int]:
    """A worker whose platforms keep no space between posts: the account's rhythm is not what is measured."""
    folder = Path(".towpath/bench/platforms")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "definitions" / "platforms", folder)
    for file in folder.glob("*.yaml"):
        file.write_text(re.sub(r'spacing: ".*"', 'spacing: "PT0S"', file.read_text(encoding="utf-8")), encoding="utf-8")
    env = {**FAST_CLAUDE, "TOWPATH_PLATFORMS_FOLDER": str(folder)}
    async with worker_process(house.server, house.standins, metrics_port=free_port(), env=env) as worker:
        yield worker.pid


async def campaign(at: Doors, stamp: str) -> WorkflowHandle[Any, Any]:
    """One campaign from content to posts; an editor approves as soon as she is asked."""
    now = datetime.now(UTC)
    request = PublishingRequest(
        metadata=Metadata(
            campaign=stamp,
            title=f"The canal of {stamp}",
            link=f"https://hanbit.example/{stamp}",
            channels=tuple(ChannelWish(channel=name, at=now) for name in CHANNELS),
        ),
        content="\n\n".join(sentence.format(stamp=stamp) for sentence in SENTENCES),
        cut_off=timedelta(),
    )
    workflow_id = PUBLISHING.workflow_id(request, b"")
    handle = (await start(at.client, PUBLISHING, request, workflow_id=workflow_id)).handle
    while await handle.query("review") is None:
        await asyncio.sleep(POLL_SECONDS)
    decision = Decision(verdict=Verdict.APPROVE, reviewer=EDITOR, reason="measured")
    await handle.execute_update("decide", decision)
    result = await handle.result()
    if result.outcome != "published":
        raise RuntimeError(f"the campaign ended {result.outcome}: {[job.reason for job in result.jobs]}")
    return handle


async def incident(at: Doors, stamp: str) -> WorkflowHandle[Any, Any]:
    """One incident from its alert to a plan; then its alert is resolved, and the run closes."""
    began = datetime.now(UTC).isoformat()
    taken = await at.intake.take(delivery(stamp, began, resolved=False))
    handle = at.client.get_workflow_handle(taken.workflow_id)
    while True:
        view: IncidentView = await handle.query("incident", result_type=IncidentView)
        if view.plan is not None:
            break
        await asyncio.sleep(POLL_SECONDS)
    await at.intake.take(delivery(stamp, began, resolved=True))
    await handle.result()
    return handle


def delivery(stamp: str, began: str, *, resolved: bool) -> AlertmanagerWebhook:
    """An alert of the shop's checkout, in a group of its own."""
    return AlertmanagerWebhook.model_validate(group_body(stamp, began, resolved=resolved))


def group_body(stamp: str, began: str, *, resolved: bool) -> dict[str, Any]:
    return {**webhook_body("checkout", began, resolved=resolved), "groupKey": f"{{}}:{{run={stamp}}}"}


Run = Callable[[Doors, str], Awaitable[WorkflowHandle[Any, Any]]]
RUNS: dict[str, Run] = {
    "publishing": campaign,
    "incident": incident,
}


async def walls(house: House, rounds: int) -> list[Wall]:
    """Each call takes one second."""
    found: list[Wall] = []
    async with our_worker(house), doors(house) as at:
        await _break_checkout(at)
        for process, run in RUNS.items():
            await run(at, new_stamp())
            for _ in range(rounds):
                await at.latency(1.0)
                begun = time.perf_counter()
                await run(at, new_stamp())
                wall = time.perf_counter() - begun
                calls = await at.calls()
                found.append(Wall(process, wall, busy_seconds(calls), len(calls)))
                await at.latency(0.0)
    return found


async def costs(house: House, runs: int) -> list[CostFigures]:
    """CPU of a run and its history, beside the shortest workflow that sends the same requests."""
    return [await _cost(house, process, run, runs) for process, run in RUNS.items()]


async def _cost(house: House, process: str, run: Run, runs: int) -> CostFigures:
    async with our_worker(house) as pid, doors(house) as at:
        await _break_checkout(at)
        await run(at, new_stamp())
        await at.latency(0.0, bodies=True)
        stamp = new_stamp()
        await run(at, stamp)
        script = _script(await at.calls())
        await at.latency(0.0)
        cpu, handle = await _cpu(house, pid, lambda: run(at, new_stamp()), runs)
        history = await account(handle)
    async with _replaying(house) as pid:
        plain = await Client.connect(house.server.address)
        cpu_shortest, last = await _cpu(house, pid, lambda: _replay(plain, script, stamp), runs)
        return CostFigures(process, cpu, cpu_shortest, history, await account(last))


async def _cpu(
    house: House, pid: int, run: Callable[[], Awaitable[WorkflowHandle[Any, Any]]], runs: int
) -> tuple[float, WorkflowHandle[Any, Any]]:
    await run()
    server, worker = Meter(house.server.process.pid), Meter(pid)
    handle = None
    for _ in range(runs):
        handle = await run()
    if handle is None:
        raise ValueError("at least one run")
    return (server.read().cpu_seconds + worker.read().cpu_seconds) * 1000 / runs, handle


async def _replay(client: Client, script: Script, recorded: str) -> WorkflowHandle[Any, Any]:
    """The same requests with the names of another run, so that they have their effects again."""
    text = json.dumps([[[vars(sent) for sent in lane] for lane in stage] for stage in script.stages])
    changed: list[list[list[dict[str, Any]]]] = json.loads(text.replace(recorded, new_stamp()))
    stages = [[[Sent(**sent) for sent in lane] for lane in stage] for stage in changed]
    handle = await client.start_workflow(Replayed.run, Script(stages), id=f"replayed/{uuid4().hex}", task_queue=QUEUE)
    await handle.result()
    return handle


@asynccontextmanager
async def _replaying(house: House) -> AsyncGenerator[int]:
    log = Path(".towpath/logs/replayed.log")
    log.unlink(missing_ok=True)

    async def ready() -> None:
        while not log.exists() or READY not in log.read_text(encoding="utf-8"):
            await asyncio.sleep(0.05)

    line = python("-m", "bench.replayed", house.server.address, house.standins.url)
    async with spawn("replaying worker", line, env={"PYTHONPATH": str(ROOT)}, log=log) as child:
        await child.ready(ready(), 60)
        yield child.pid


def _script(calls: Sequence[dict[str, Any]]) -> Script:
    """Calls that were under way together are lanes of one stage."""
    stages: list[list[list[Sent]]] = []
    until = 0.0
    for call in sorted(calls, key=lambda call: call["began"]):
        sent = Sent(call["method"], call["path"], call["headers"], call["body"])
        if call["began"] < until and stages:
            stages[-1].append([sent])
        else:
            stages.append([[sent]])
        until = max(until, call["ended"])
    return Script(stages)


def busy_seconds(calls: Sequence[dict[str, Any]]) -> float:
    """How long at least one call was under way: what no workflow for these calls can go below."""
    total, until = 0.0, 0.0
    for call in sorted(calls, key=lambda call: call["began"]):
        begin = max(call["began"], until)
        total += max(0.0, call["ended"] - begin)
        until = max(until, call["ended"])
    return total


async def _break_checkout(at: Doors) -> None:
    await at.http.post("/_standins/world", json={"service": "checkout", "fault": "bad-deployment"})


def new_stamp() -> str:
    return f"b{uuid4().hex[:10]}"


def show_walls(console: Console, rows: Sequence[Wall]) -> None:
    table = Table("process", "wall s", "calls under way s", "calls", "ratio (wanted: at most 1.1)", title=WALLS)
    for row in rows:
        table.add_row(row.process, f"{row.wall:.1f}", f"{row.busy:.1f}", str(row.calls), f"{row.ratio:.3f}")
    console.print(table)


def show_costs(console: Console, rows: Sequence[CostFigures]) -> None:
    table = Table("run", "CPU ms", "history events", "bytes", "billable actions", title="A run, one after the other")
    for row in rows:
        for title, cpu, history in (
            (row.process, row.cpu, row.history),
            ("shortest for its calls", row.cpu_shortest, row.shortest),
        ):
            table.add_row(title, f"{cpu:.0f}", str(history.events), f"{history.size_bytes:,}", str(history.actions))
    console.print(table)
