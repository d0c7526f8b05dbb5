"""Figures of definitions: against the class, checking and deciding, loops over items, and many runs that wait."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle

from bench.lanes import FAST_CLAUDE, IN_FLIGHT, House, LaneFigures, measure_lane
from bench.loop import HandLoop, Part
from bench.loop_worker import READY
from bench.measure import Meter, account
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import DECLARED, DeclaredRequest
from towpath.control.definitions import Definitions, make_request
from towpath.control.temporal import converter
from towpath.engine.checks.check import check_text
from towpath.engine.checks.loading import digest
from towpath.engine.language.catalogue import DefinitionCatalogue, KnownConnection
from towpath.engine.language.plan import make_plan
from towpath.engine.language.reading import read_definition
from towpath.engine.language.source import read_source
from towpath.engine.run.actions import Completed
from towpath.engine.run.evaluation import RunFacts
from towpath.engine.scheduling.progress import Progress
from towpath.local.processes import spawn
from towpath.local.server import free_port
from towpath.local.stack import ROOT, python, worker_process

ONBOARDING = ROOT / "definitions" / "customer-onboarding.yaml"
LOOP = """
id: bench-loop
version: "1.0.0"
inputs: {count: {type: integer}, concurrency: {type: integer}}
steps:
  - id: each
    type: function
    for_each: {times: %d, as: number, concurrency: %d}
    config: {handler: benchTouch, params: {number: "{{ number }}"}}
outputs: {done: "{{ size(steps.each) }}"}
"""
CHAIN = "bench-chain"
CHAIN_SECONDS = 180.0
CHAIN_STEPS = 20


@dataclass(frozen=True, slots=True)
class LoopFigures:
    """One loop. `most_at_once` is what the activity saw; `events` the longest history of all its runs.

    CPU in ms an item, of server and worker.
    """

    items: int
    items_per_second: float
    cpu: float
    most_at_once: int
    events: int
    rss_mb: float


@dataclass(frozen=True, slots=True)
class PlanFigures:
    """A chain of steps: seconds to read and plan it, and milliseconds of a decision."""

    steps: int
    check_seconds: float
    mean_ms: float
    worst_ms: float


def load(text: str) -> JsonObject:
    source = read_source(text)
    if source.diagnostics:
        raise RuntimeError(str(source.diagnostics))
    return source.value


async def lane_d(house: House, runs: int, idle: int) -> LaneFigures:
    """The onboarding as a definition."""
    client = await Client.connect(house.server.address, data_converter=converter(None))
    document = load(ONBOARDING.read_text(encoding="utf-8"))
    name, definitions = digest(document), Definitions(client)

    async def run_one(given: dict[str, Any]) -> Any:
        customer = {field: value for field, value in given.items() if value is not None}
        request = make_request(document, name, {"customer": customer})
        handle = (await definitions.start(request, given["customer_id"])).handle
        await handle.result()
        return handle

    async with worker_process(house.server, house.standins, metrics_port=free_port(), env=FAST_CLAUDE) as worker:
        return await measure_lane(run_one, house.server, worker.pid, runs, idle)


def plan_figures(count: int) -> PlanFigures:
    """A chain of http steps, each reading the one before."""
    lines = ["id: chain", 'version: "1.0.0"', "inputs: {b: {type: integer}}", "steps:"]
    for number in range(count):
        path = f"{{{{ steps.s{number - 1}.body.x }}}}" if number else "first"
        lines += [
            f"  - id: s{number}",
            "    type: http",
            "    config:",
            f'      url: "https://api.example.com/{path}"',
            "      method: POST",
            '      body: {a: "{{ inputs.b }}"}',
        ]
    text = "\n".join(lines)
    catalogue = DefinitionCatalogue(connections={"api": KnownConnection("api", ("api.example.com",))})
    begun = time.perf_counter()
    checked = check_text(text, catalogue)
    seconds = time.perf_counter() - begun
    if not checked.ok:
        raise RuntimeError(str(checked.diagnostics[:3]))
    definition = read_definition(read_source(text))
    if definition is None:
        raise RuntimeError("the chain cannot be read")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    progress = Progress(make_plan(definition), RunFacts("chain/1", now), {"b": 1}, {}, lambda: "u")
    progress.begin(now)
    spent: list[float] = []
    for number in range(count):
        begun = time.perf_counter()
        progress.finish(f"s{number}", Completed({"body": {"x": number}}), now)
        spent.append((time.perf_counter() - begun) * 1000)
    return PlanFigures(count, seconds, sum(spent) / count, max(spent))


@asynccontextmanager
async def loop_worker(house: House, peak: Path) -> AsyncGenerator[int]:
    log = Path(".towpath/logs/loop.log")
    log.unlink(missing_ok=True)

    async def ready() -> None:
        while not log.exists() or READY not in log.read_text(encoding="utf-8"):
            await asyncio.sleep(0.05)

    line = python("-m", "bench.loop_worker", house.server.address, str(peak))
    async with spawn("loop worker", line, env={"PYTHONPATH": str(ROOT)}, log=log) as child:
        await child.ready(ready(), 60)
        yield child.pid


async def loop_figures(house: House, items: int, concurrency: int, *, by_hand: bool) -> LoopFigures:
    client = await Client.connect(house.server.address, data_converter=converter(None))
    peak = Path(f".towpath/bench/peak-{uuid4().hex}")
    peak.parent.mkdir(parents=True, exist_ok=True)
    async with loop_worker(house, peak) as pid:
        server, meter = Meter(house.server.process.pid), Meter(pid)
        begun = time.perf_counter()
        handle = await (_by_hand if by_hand else _declared)(client, items, concurrency)
        await handle.result()
        seconds = time.perf_counter() - begun
        used = meter.read()
        cpu = (server.read().cpu_seconds + used.cpu_seconds) * 1000 / items
    events = await _longest(client, handle)
    most = int(peak.read_text(encoding="utf-8"))
    peak.unlink()
    return LoopFigures(items, items / seconds, cpu, most, events, used.peak_rss_mb)


async def _by_hand(client: Client, items: int, concurrency: int) -> WorkflowHandle[Any, Any]:
    part = Part(first=0, count=items, concurrency=concurrency)
    return await client.start_workflow(HandLoop.run, part, id=f"hand/{uuid4().hex}", task_queue=DECLARED)


async def _declared(client: Client, items: int, concurrency: int) -> WorkflowHandle[Any, Any]:
    document = load(LOOP % (items, concurrency))
    request = make_request(document, digest(document), {"count": items, "concurrency": concurrency})
    return (await Definitions(client).start(request)).handle


async def _longest(client: Client, handle: WorkflowHandle[Any, Any]) -> int:
    """The longest history of the run and of its parts."""
    longest = (await account(handle)).events
    async for run in client.list_workflows(f"WorkflowId STARTS_WITH '{handle.id}/'"):
        description = await client.get_workflow_handle(run.id, run_id=run.run_id).describe()
        longest = max(longest, description.raw_description.workflow_execution_info.history_length)
    return longest


@dataclass(frozen=True, slots=True)
class ChainFigures:
    """Many runs of a wait, four calls and 15 pure steps, in seconds from the first start to the last end.

    `alone` is that of one run: the critical path of its wait and its calls. CPU in ms a run.
    """

    runs: int
    alone: float
    wall: float
    cpu_server: float
    cpu_worker: float


async def chain_figures(house: House, runs: int, seconds: float = CHAIN_SECONDS) -> ChainFigures:
    """Started as fast as 50 starts at a time allow; nobody holds a request open for each run's end."""
    client = await Client.connect(house.server.address, data_converter=converter(None))
    document = load(_chain(seconds))
    request = make_request(document, digest(document), {"n": 1})
    # All of them stay in the worker's memory, as in an installation that expects so many at once.
    env = {**FAST_CLAUDE, "TOWPATH_MAX_CACHED_WORKFLOWS": str(2 * runs)}
    async with worker_process(house.server, house.standins, metrics_port=free_port(), env=env) as worker:
        begun = time.perf_counter()
        await _start_all(client, request, 1)
        await _all_completed(client, 1)
        alone = time.perf_counter() - begun
        server, own = Meter(house.server.process.pid), Meter(worker.pid)
        begun = time.perf_counter()
        await _start_all(client, request, runs)
        await asyncio.sleep(max(0.0, begun + seconds - time.perf_counter()))
        await _all_completed(client, runs + 1)
        wall = time.perf_counter() - begun
        spent = [meter.read().cpu_seconds * 1000 / runs for meter in (server, own)]
    return ChainFigures(runs, alone, wall, *spent)


def _chain(seconds: float) -> str:
    steps = [f"  - {{id: wait, type: wait, config: {{for: {seconds:g}s}}}}"]
    for number in range(CHAIN_STEPS - 1):
        if number % 5:
            steps.append(f'  - {{id: s{number}, type: set, config: {{n: "{{{{ inputs.n + {number} }}}}"}}}}')
        else:
            call = f'service: order-service, method: getOrder, params: {{reference: "order-{number}"}}'
            steps.append(f"  - {{id: s{number}, type: api, config: {{{call}}}}}")
    return f'id: {CHAIN}\nversion: "1.0.0"\ninputs: {{n: {{type: integer}}}}\nsteps:\n' + "\n".join(steps)


async def _start_all(client: Client, request: DeclaredRequest, runs: int) -> None:
    definitions, turns = Definitions(client), asyncio.Semaphore(IN_FLIGHT)

    async def start() -> None:
        async with turns:
            await definitions.start(request)

    await asyncio.gather(*(start() for _ in range(runs)))


async def _all_completed(client: Client, runs: int) -> None:
    """Until the list shows so many completed. Raises RuntimeError when one ended otherwise."""
    while True:
        answer = await client.count_workflows(f'DefinitionId="{CHAIN}" GROUP BY ExecutionStatus')
        counts = {str(group.group_values[0]): group.count for group in answer.groups}
        if counts.keys() - {"Running", "Completed"}:
            raise RuntimeError(str(counts))
        if counts.get("Completed", 0) >= runs:
            return
        await asyncio.sleep(0.25)
