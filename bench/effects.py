"""The effect lanes: the common work by the shortest workflow with all defaults (b0), by one that has the functions as
activities too (b0-ten), by a class, and by a definition.

Each lane of each round has servers and a worker of its own. b0's server is `temporal server start-dev` as people run
it; ours is the embedded one with its settings. Both keep their state in memory, so that disks are not compared. A crash
is kill -9 of the worker in the middle of 100 runs. Whatever a lane has made is replayed when it ends.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from temporalio.client import Client, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.service import RPCError
from temporalio.worker import Replayer

from bench.effects_class import NAME, EffectsRequest, EffectsWorkflow
from bench.effects_crash import CrashFigures, Receiver, crash
from bench.effects_plain import QUEUE, ByTheBook, Shortest
from bench.effects_replay import ReplayFigures, replay_all
from bench.effects_work import READY, definition
from bench.lanes import FAST_CLAUDE, House, LaneFigures, customer, measure_lane
from towpath.contracts.core.process import PROCESS, RUNNING, STATUS
from towpath.contracts.declared.run import DECLARED
from towpath.contracts.onboarding.customer import Customer
from towpath.control.definitions import Definitions, make_request
from towpath.control.temporal import converter
from towpath.engine.checks.loading import digest
from towpath.local.processes import Child, spawn
from towpath.local.server import LOOPBACK, TemporalServer, find_executable, free_port
from towpath.local.stack import ROOT, answers, python, worker_environment
from towpath.temporal.attributes import search_attributes
from workflows.declared.workflow import DeclaredWorkflow
from workflows.sandbox import runner

START_SECONDS = 60
HOLD_SECONDS = 600
"""The receiver answers a question when its count is reached: runs that never get there have stopped."""
Handle = WorkflowHandle[Any, Any]
MakeHouse = Callable[[], AbstractAsyncContextManager[House]]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and what the environment of a worker on it has to say."""

    server: TemporalServer
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lane:
    """`line` is a worker's command line on an address, `begin` starts one run of a customer."""

    title: str
    place: Callable[[MakeHouse], AbstractAsyncContextManager[Place]]
    line: Callable[[str, str], list[str]]
    begin: Callable[[Client, str, dict[str, Any]], Awaitable[Handle]]
    converter: DataConverter
    replayer: Callable[[], Replayer]


@dataclass(frozen=True, slots=True)
class EffectSize:
    """Rounds of so many runs together and then one by one, and passes with a crash."""

    rounds: int
    runs: int
    idle: int
    passes: int


@dataclass(slots=True)
class EffectFigures:
    """One lane: its rounds, its crashes, and its replays."""

    rounds: list[LaneFigures] = field(default_factory=list[LaneFigures])
    crashes: list[CrashFigures] = field(default_factory=list[CrashFigures])
    replays: ReplayFigures = field(default_factory=ReplayFigures)


async def _begin_class(client: Client, receiver: str, given: dict[str, Any]) -> Handle:
    attributes = search_attributes({PROCESS: NAME, STATUS: RUNNING})
    return await client.start_workflow(
        EffectsWorkflow.run,
        EffectsRequest(customer=Customer.model_validate(given), receiver=receiver),
        id=f"{NAME}/{given['customer_id']}",
        task_queue=DECLARED,
        search_attributes=attributes,
        static_summary="The common work",
    )


async def _begin_declared(client: Client, receiver: str, given: dict[str, Any]) -> Handle:
    document = definition(receiver)
    known = {name: value for name, value in given.items() if value is not None}
    request = make_request(document, digest(document), {"customer": known})
    return (await Definitions(client).start(request, given["customer_id"])).handle


@asynccontextmanager
async def _plain_place(_: MakeHouse) -> AsyncGenerator[Place]:
    """The development server with its own defaults. The only switch: it does not ask its makers for news."""
    port = free_port()
    address = f"{LOOPBACK}:{port}"
    line = [str(find_executable()), "server", "start-dev", "--headless", "--ip", LOOPBACK, "--port", str(port)]
    line += ["--dynamic-config-value", "frontend.enableServerVersionCheck=false"]
    async with spawn("temporal with defaults", line, log=Path(".towpath/logs/effects-temporal.log")) as child:
        await child.ready(_serves(address), START_SECONDS)
        yield Place(TemporalServer(address, "", child), {})


async def _serves(address: str) -> None:
    while True:
        try:
            await (await Client.connect(address)).count_workflows()
        except (RuntimeError, RPCError):
            await asyncio.sleep(0.05)
            continue
        return


@asynccontextmanager
async def _our_place(make: MakeHouse) -> AsyncGenerator[Place]:
    async with make() as house:
        settings = worker_environment(house.server.address, house.standins, free_port())
        yield Place(house.server, {**settings, **FAST_CLAUDE})


def _plain(title: str, workflow: type) -> Lane:
    async def begin(client: Client, _: str, given: dict[str, Any]) -> Handle:
        name = workflow.__name__
        return await client.start_workflow(name, given, id=f"{name}/{given['customer_id']}", task_queue=QUEUE)

    return Lane(
        title=title,
        place=_plain_place,
        line=lambda address, receiver: python("-m", "bench.effects_plain", address, receiver),
        begin=begin,
        converter=DataConverter.default,
        replayer=lambda: Replayer(workflows=[workflow]),
    )


LANES = {
    "b0": _plain("b0 all defaults", Shortest),
    "b0-ten": _plain("b0 with 10 activities", ByTheBook),
    "class": Lane(
        title="class",
        place=_our_place,
        line=lambda _, __: python("-m", "bench.effects_worker"),
        begin=_begin_class,
        converter=converter(None),
        replayer=lambda: _our_replayer(EffectsWorkflow),
    ),
    "definition": Lane(
        title="definition",
        place=_our_place,
        line=lambda _, __: python(str(ROOT / "worker.py")),
        begin=_begin_declared,
        converter=converter(None),
        replayer=lambda: _our_replayer(DeclaredWorkflow),
    ),
}


def _our_replayer(workflow: type) -> Replayer:
    return Replayer(workflows=[workflow], workflow_runner=runner(), data_converter=converter(None))


async def effect_figures(make: MakeHouse, names: Sequence[str], size: EffectSize, say: Say) -> dict[str, EffectFigures]:
    """Lanes by name. They take turns in each round, and another one comes first each time."""
    figures = {name: EffectFigures() for name in names}
    async with _receiver() as receiver:
        for number in range(size.rounds):
            for name in _in_turn(names, number):
                found = await _round(LANES[name], make, receiver, figures[name].replays, size)
                figures[name].rounds.append(found)
                say(f"round {number + 1}, {name}: {found.runs_per_second:.1f} runs/s, {found.cpu:.0f} ms CPU")
        for number in range(size.passes):
            for name in _in_turn(names, number):
                crashed = await _pass(LANES[name], make, receiver, figures[name].replays)
                figures[name].crashes.append(crashed)
                say(f"crash {number + 1}, {name}: {crashed.repeated} repeated, {crashed.lost} lost")
    return figures


def _in_turn(names: Sequence[str], number: int) -> Sequence[str]:
    first = number % len(names)
    return [*names[first:], *names[:first]]


async def _round(
    lane: Lane, make: MakeHouse, receiver: Receiver, replays: ReplayFigures, size: EffectSize
) -> LaneFigures:
    async with lane.place(make) as place:
        client = await Client.connect(place.server.address, data_converter=lane.converter)
        handles: list[Handle] = []

        async def run_one(given: dict[str, Any]) -> Handle:
            handles.append(handle := await lane.begin(client, receiver.url, given))
            await handle.result()
            return handle

        async with _worker(lane, place, receiver) as child:
            found = await measure_lane(run_one, place.server, child.pid, size.runs, size.idle)
        await replay_all(lane.replayer(), handles, replays)
    return found


async def _pass(lane: Lane, make: MakeHouse, receiver: Receiver, replays: ReplayFigures) -> CrashFigures:
    async with lane.place(make) as place:
        client = await Client.connect(place.server.address, data_converter=lane.converter)
        handles: list[Handle] = []

        async def run_one() -> None:
            handles.append(handle := await lane.begin(client, receiver.url, customer()))
            await handle.result()

        crashed = await crash(run_one, lambda: _worker(lane, place, receiver), receiver)
        await replay_all(lane.replayer(), handles, replays)
    return crashed


@asynccontextmanager
async def _worker(lane: Lane, place: Place, receiver: Receiver) -> AsyncGenerator[Child]:
    log = Path(f".towpath/logs/effects-{uuid4().hex}.log")

    async def ready() -> None:
        while READY not in log.read_text(encoding="utf-8"):
            await asyncio.sleep(0.05)

    line, env = lane.line(place.server.address, receiver.url), {**place.env, "PYTHONPATH": str(ROOT)}
    async with spawn(f"worker of {lane.title}", line, env=env, log=log) as child:
        await child.ready(ready(), START_SECONDS)
        yield child
    log.unlink()


@asynccontextmanager
async def _receiver() -> AsyncGenerator[Receiver]:
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    line = python("-m", "bench.effects_receiver", str(port))
    async with spawn("receiver", line, env={"PYTHONPATH": str(ROOT)}) as child:
        await child.ready(answers(f"{url}/counts"), START_SECONDS)
        async with httpx.AsyncClient(base_url=url, timeout=HOLD_SECONDS) as http:
            yield Receiver(url, http)
