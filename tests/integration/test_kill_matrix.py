"""kill -9 of the worker before and after each report of a completion, in every process and three definitions.

All runs are begun without a worker, with a query and an update on their way and signals in their first task. Each is
then held at a point of its own, the worker is killed once, and the next one must end them all. The SDK's core can stop
all runs of a queue while one report is held, so that one of a queue has a point and the others are killed where they
stand; a run that does not come to its point gets it again in a later turn.
"""

import asyncio
import hashlib
import re
import sys
import time
import traceback
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.fakes.temporal_proxy import Point, TemporalProxy, temporal_proxy
from tests.integration import incidents
from tests.integration.conftest import House, open_house
from tests.integration.incidents import quick_catalogue
from tests.integration.walks import DEFINITIONS, WALKS, AnyHandle, Walk, disturb, patiently, refused_early
from towpath.contracts.core.run import RunRecord
from towpath.contracts.declared.run import DECLARED
from towpath.local.stack import stand_ins

PER_HOUR = re.compile(r"max_per_hour: \d+")
SAMPLED = 6
AT_ONCE = 3
"""Turns that go side by side in the whole matrix, each with a server of its own: they wait most of the time."""
MOST = 60
"""Tests of the whole matrix: no walk has as many points as they have turns, and some are reached at the second try."""
SECONDS = 240
STILL_SECONDS = 12
"""Nobody reports anything any more: some runs are held, and the rest stands behind them. A workflow task that the core
lost comes again after 10 s.
"""
AT_MOST_REPEATED = 20
"""Requests of one turn that a receiver got again: seven runs, with at most a stage of each on its way."""


@dataclass(frozen=True)
class Site:
    """The stack of a turn."""

    house: House
    proxy: TemporalProxy


@dataclass(frozen=True)
class Matrix:
    """Where turns are made, and the points of each walk that it has not been killed at."""

    sites: Sequence[Site]
    points: Mapping[str, deque[Point]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "turn" in metafunc.fixturenames:
        metafunc.parametrize("turn", range(MOST if metafunc.config.getoption("full") else SAMPLED))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def matrix(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[Matrix]:
    seed, full = int(request.config.option.seed), bool(request.config.option.full)
    async with AsyncExitStack() as opened:
        folders = [tmp_path_factory.mktemp("matrix") for _ in range(AT_ONCE if full else 1)]
        sites = [await opened.enter_async_context(open_site(folder)) for folder in folders]
        reports = await counted(sites[0], folders[0])
        assert 2 * max(reports.values()) < AT_ONCE * MOST
        yield Matrix(sites, {name: deque(drawn(name, reports[name], seed, full=full)) for name in reports})


@asynccontextmanager
async def open_site(folder: Path) -> AsyncGenerator[Site]:
    async with open_house(folder) as opened, temporal_proxy(opened.server.address) as proxy:
        for action in (quick_catalogue(folder / "catalogue") / "actions").iterdir():
            action.write_text(PER_HOUR.sub("max_per_hour: 100", action.read_text(encoding="utf-8")), encoding="utf-8")
        yield Site(opened, proxy)


async def counted(site: Site, folder: Path) -> Mapping[str, int]:
    """How many reports each walk makes when nothing disturbs it."""
    async with new_outside(site.house) as house:
        walks = await begin(house, folder)
        for walk in walks.values():
            await site.proxy.watch(walk.handle.id)
        async with house.worker(worker_env(house, site.proxy), log=folder / "counted.log"):
            await asyncio.gather(*(ended(name, walk) for name, walk in walks.items()))
    counts = await site.proxy.counts()
    return {name: counts[walk.handle.id] for name, walk in walks.items()}


@asynccontextmanager
async def new_outside(house: House) -> AsyncGenerator[House]:
    """The same server with stand-ins to which nothing has happened yet."""
    async with stand_ins() as standins, httpx.AsyncClient(base_url=standins.url, headers=standins.control) as http:
        yield replace(house, standins=standins, http=http)


def worker_env(house: House, proxy: TemporalProxy | None = None) -> Mapping[str, str]:
    env = incidents.environment(house)
    return env if proxy is None else {**env, "TEMPORAL_ADDRESS": proxy.address}


async def begin(house: House, folder: Path) -> Mapping[str, Walk]:
    walks = dict(zip(WALKS, await asyncio.gather(*(start(house, folder) for start in WALKS.values())), strict=True))
    await asyncio.gather(*(disturb(walk.handle) for walk in walks.values()))
    return walks


async def queried(handle: AnyHandle) -> None:
    """Asked before the first task, and until somebody answers."""
    record = await patiently(lambda: handle.query("status", result_type=RunRecord), lambda found: found is not None)
    assert record.workflow_id == handle.id


async def ended(name: str, walk: Walk) -> None:
    """Raises AssertionError when the run stands still."""
    try:
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(queried(walk.handle), refused_early(walk.handle), walk.accompany())
    except TimeoutError:
        raise AssertionError(f"{name} stands still: {await pending(walk)}") from None


async def pending(walk: Walk) -> str:
    described = (await walk.handle.describe()).raw_description
    return f"task {described.pending_workflow_task}, activities {described.pending_activities}"


def drawn(name: str, reports: int, seed: int, *, full: bool) -> Sequence[Point]:
    """The points of a walk: all of them in order, or some in an order that the seed gives."""
    points = list(product(range(1, reports + 1), (False, True)))
    if not full:
        points.sort(key=lambda point: hashlib.sha256(f"{seed}/{name}/{point}".encode()).digest())
        points = points[:SAMPLED]
    return [Point(*point) for point in points]


def next_points(left: Mapping[str, deque[Point]]) -> Mapping[str, Point]:
    """One for each queue, of the walk that has most."""
    queues = {name: DECLARED if name in DEFINITIONS else name for name in left}
    found = [
        max((name for name in left if queues[name] == queue), key=lambda name: len(left[name]))
        for queue in dict.fromkeys(queues.values())
    ]
    return {name: left[name].popleft() for name in found if left[name]}


async def asked_again(house: House) -> int:
    """Requests under keys that had been asked for before."""
    effects = await house.effects()
    assert effects["applied_twice"] == []
    return effects["requests"] - len(effects["effects"])


async def kill_at(
    house: House, proxy: TemporalProxy, walks: Mapping[str, Walk], points: Mapping[str, Point]
) -> tuple[Sequence[str], Sequence[str]]:
    """Kill the worker when no run goes on; what then went wrong, and the walks that were killed on their way."""
    companions = {name: asyncio.create_task(ended(name, walk)) for name, walk in walks.items()}
    async with house.worker(worker_env(house, proxy)) as worker:
        late = await stand(proxy, walks, points, companions)
        await worker.kill()
    async with house.worker(worker_env(house)):
        found = await asyncio.gather(*companions.values(), return_exceptions=True)
    problems = [
        f"{name} {points.get(name, 'where it stood')}: " + "".join(traceback.format_exception(error))
        for name, error in zip(walks, found, strict=True)
        if error is not None
    ]
    return problems, late


async def stand(
    proxy: TemporalProxy,
    walks: Mapping[str, Walk],
    points: Collection[str],
    companions: Mapping[str, asyncio.Task[None]],
) -> Sequence[str]:
    """Those that do not come to their points: some runs are held, and nobody else has reported for a while."""
    seen, since = await proxy.counts(), time.monotonic()
    async with asyncio.timeout(SECONDS):
        while True:
            held, counts = await proxy.reached(), await proxy.counts()
            if counts != seen:
                seen, since = counts, time.monotonic()
            late = [name for name in points if walks[name].handle.id not in held and not companions[name].done()]
            if not late or (len(late) < len(points) and time.monotonic() - since > STILL_SECONDS):
                return late
            await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Turn:
    """What came of a turn: where the worker was killed, what went wrong, which walks did not come to their points."""

    killed_at: str
    problems: Sequence[str]
    late: Sequence[str]
    asked_again: int


async def take_turn(site: Site, points: Mapping[str, Point], folder: Path) -> Turn:
    async with new_outside(site.house) as house:
        walks = await begin(house, folder)
        for name, point in points.items():
            await site.proxy.watch(walks[name].handle.id, point)
        problems, late = await kill_at(house, site.proxy, walks, points)
        again = await asked_again(house)
    held = await site.proxy.reached()
    at = ", ".join(f"{name} {point}" for name, point in points.items() if walks[name].handle.id in held)
    return Turn(at, problems, late, again)


async def test_worker_killed_at_a_report(
    matrix: Matrix, turn: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run ends as it should, no key takes effect twice, and little is asked for again."""
    asked = [points for points in (next_points(matrix.points) for _ in matrix.sites) if points]
    if not asked:
        pytest.skip(f"every point was reached before turn {turn}")
    folders = [tmp_path / str(number) for number in range(len(asked))]
    async with asyncio.TaskGroup() as turns:
        tasks = [turns.create_task(take_turn(*one)) for one in zip(matrix.sites, asked, folders, strict=False)]
    taken = [task.result() for task in tasks]
    for points, made in zip(asked, taken, strict=True):
        for name in made.late:
            matrix.points[name].append(points[name])
        with capsys.disabled():
            sys.stdout.write(f"\nkilled at {made.killed_at}: {made.asked_again} requests again\n")

    assert not [problem for made in taken for problem in made.problems]
    assert max(made.asked_again for made in taken) <= AT_MOST_REPEATED


async def test_points_that_no_turn_reached(matrix: Matrix, request: pytest.FixtureRequest) -> None:
    """None in the whole matrix; of a sample, a few, and those of definitions that take turns."""
    left = {name: [str(point) for point in points] for name, points in matrix.points.items() if points}
    assert not left or not request.config.option.full, left
    assert all(len(points) < SAMPLED for points in left.values()), left
