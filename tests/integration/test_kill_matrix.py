"""kill -9 of the worker before and after each report of a completion, in every process and three definitions.

All runs are begun without a worker, with a query on its way and signals in their first task. Each is then held at a
point of its own, the worker is killed once, and the next one must end them all.
"""

import asyncio
import hashlib
import re
import sys
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.fakes.temporal_proxy import Point, TemporalProxy, temporal_proxy
from tests.integration import incidents
from tests.integration.conftest import House, open_house, until
from tests.integration.incidents import quick_catalogue
from tests.integration.walks import WALKS, AnyHandle, Walk, disturb, patiently
from towpath.contracts.run import RunRecord
from towpath.local.stack import stand_ins

PER_HOUR = re.compile(r"max_per_hour: \d+")
SAMPLED = 6
MOST = 120
"""Turns of the whole matrix: no walk has more points. A pipeline has 54 reports."""
SECONDS = 120
AT_MOST_REPEATED = 40
"""Requests of one turn that a receiver got again: seven runs, with at most a stage of each on its way."""


@dataclass(frozen=True)
class Site:
    """The stack of the matrix, and how many reports each walk makes when nothing disturbs it."""

    house: House
    proxy: TemporalProxy
    reports: Mapping[str, int]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "turn" in metafunc.fixturenames:
        metafunc.parametrize("turn", range(MOST if metafunc.config.getoption("full") else SAMPLED))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Counted by a first turn in which nothing is killed."""
    folder = tmp_path_factory.mktemp("matrix")
    async with open_house(folder) as opened, temporal_proxy(opened.server.address) as proxy:
        for action in (quick_catalogue(folder / "catalogue") / "actions").iterdir():
            action.write_text(PER_HOUR.sub("max_per_hour: 100", action.read_text(encoding="utf-8")), encoding="utf-8")
        async with new_outside(opened) as house:
            walks = await begin(house, folder)
            for walk in walks.values():
                await proxy.watch(walk.handle.id)
            async with house.worker(worker_env(house, proxy), log=folder / "counted.log"):
                await asyncio.gather(*(ended(name, walk) for name, walk in walks.items()))
        counts = await proxy.counts()
        assert 2 * max(counts.values()) <= MOST
        yield Site(opened, proxy, {name: counts[walk.handle.id] for name, walk in walks.items()})


@asynccontextmanager
async def new_outside(house: House) -> AsyncGenerator[House]:
    """The same server with stand-ins to which nothing has happened yet."""
    async with stand_ins() as standins, httpx.AsyncClient(base_url=standins.url) as http:
        yield replace(house, standins=standins, http=http)


def worker_env(house: House, proxy: TemporalProxy | None = None) -> Mapping[str, str]:
    env = incidents.environment(house)
    return env if proxy is None else {**env, "TEMPORAL_ADDRESS": proxy.address}


async def begin(house: House, folder: Path, names: Sequence[str] = tuple(WALKS)) -> Mapping[str, Walk]:
    walks = dict(zip(names, await asyncio.gather(*(WALKS[name](house, folder) for name in names)), strict=True))
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
            await asyncio.gather(queried(walk.handle), walk.accompany())
    except TimeoutError:
        raise AssertionError(f"{name} stands still: {await pending(walk)}") from None


async def pending(walk: Walk) -> str:
    described = (await walk.handle.describe()).raw_description
    return f"task {described.pending_workflow_task}, activities {described.pending_activities}"


def drawn(name: str, reports: int, turn: int, seed: int, *, full: bool) -> Point | None:
    """The point of a walk in a turn: all of them in order, or some in an order that the seed gives."""
    points = list(product(range(1, reports + 1), (False, True)))
    if not full:
        points.sort(key=lambda point: hashlib.sha256(f"{seed}/{name}/{point}".encode()).digest())
        points = points[:SAMPLED]
    return Point(*points[turn]) if turn < len(points) else None


async def asked_again(house: House) -> int:
    """Requests under keys that had been asked for before."""
    effects = await house.effects()
    assert effects["applied_twice"] == []
    return effects["requests"] - len(effects["effects"])


async def kill_at(
    house: House, proxy: TemporalProxy, walks: Mapping[str, Walk], points: Mapping[str, Point]
) -> Sequence[str]:
    """Kill the worker when each run stands at its point, or has ended; what then went wrong."""
    companions = [asyncio.create_task(ended(name, walk)) for name, walk in walks.items()]
    async with house.worker(worker_env(house, proxy)) as worker:
        try:
            await until(proxy.reached, lambda held: all_stand(walks, companions, held))
        except TimeoutError:
            held = await proxy.reached()
            late = [f"{name}, {await pending(walk)}" for name, walk in walks.items() if walk.handle.id not in held]
            raise AssertionError("neither at its point nor at its end, one of\n" + "\n".join(late)) from None
        await worker.kill()
    async with house.worker(worker_env(house)):
        found = await asyncio.gather(*companions, return_exceptions=True)
    return [
        f"{name} {points[name]}: " + "".join(traceback.format_exception(error))
        for name, error in zip(walks, found, strict=True)
        if error is not None
    ]


def all_stand(walks: Mapping[str, Walk], companions: Sequence[asyncio.Task[None]], held: Set[str]) -> bool:
    """Each run stands at its point, or has ended: it may have fewer reports this time."""
    return all(
        walk.handle.id in held or companion.done() for walk, companion in zip(walks.values(), companions, strict=True)
    )


async def test_worker_killed_at_a_report(
    site: Site, turn: int, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run ends as it should, no key takes effect twice, and little is asked for again."""
    seed, full = int(request.config.option.seed), bool(request.config.option.full)
    asked = {name: drawn(name, reports, turn, seed, full=full) for name, reports in site.reports.items()}
    points = {name: point for name, point in asked.items() if point is not None}
    async with new_outside(site.house) as house:
        walks = await begin(house, tmp_path, tuple(points))
        for name, walk in walks.items():
            await site.proxy.watch(walk.handle.id, points[name])
        problems = await kill_at(house, site.proxy, walks, points)
        again = await asked_again(house)
    held = await site.proxy.reached()
    at = ", ".join(f"{name} {point}" for name, point in points.items() if walks[name].handle.id in held)
    with capsys.disabled():
        sys.stdout.write(f"\nkilled at {at}: {again} requests again\n")

    assert not problems, "\n".join(problems)
    assert again <= AT_MOST_REPEATED
