"""A process that loads is killed at each step; tried again, no row is lost and none is there twice."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.unit.loading.world import World, row
from towpath.contracts.core.failure import FailureCode, PipelineError
from towpath.contracts.pipeline.loading import LoadPart, PartLoaded, PrepareDestination, Strategy
from towpath.contracts.pipeline.plane import Setup
from towpath.contracts.pipeline.stages import Watermark
from towpath.dataplane.load.parts import load_part, prepare_destination
from towpath.pool.dataplane import Dataplane

WAIT_SECONDS = 60
FIRST = [row(number) for number in range(1, 6)]
SECOND = [row(number, "b", hours=1, day=1) for number in range(4, 9)]
BOTH = [(number, "a" if number < 4 else "b") for number in range(1, 9)]
ALL = sorted([(number, "a") for number in range(1, 6)] + [(number, "b") for number in range(4, 9)], key=repr)
AFTER: dict[Strategy, list[tuple[int, str]]] = {"append": ALL, "upsert": BOTH, "delete_insert": BOTH, "scd2": ALL}

HELD = {
    "before-the-ledger-is-read": "LOCK TABLE towpath_loads IN ACCESS EXCLUSIVE MODE",
    "before-the-table-is-read": "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE",
    "before-rows-are-written": "LOCK TABLE orders IN SHARE MODE",
    "before-the-ledger-is-written": "LOCK TABLE towpath_loads IN SHARE MODE",
    "before-the-watermark-is-written": "LOCK TABLE towpath_watermarks IN SHARE MODE",
    "at-commit": "SELECT pg_advisory_xact_lock(42)",
}
AT_COMMIT = """
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER held AFTER INSERT ON towpath_loads DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION hold();
"""


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Callable[[World], Dataplane]]:
    """Processes as the worker starts them."""
    async with contextlib.AsyncExitStack() as stack:

        def start(world: World) -> Dataplane:
            setup = Setup(
                store=str(tmp_path / "store"),
                scratch=str(tmp_path / "children"),
                connections={"warehouse": {"type": "postgresql", "url": world.url}},
            )
            started = Dataplane(setup, 1)
            stack.push_async_callback(started.close)
            return started

        yield start


async def load(plane: Dataplane, request: LoadPart) -> PartLoaded:
    return await plane.run("load_part", request, PartLoaded, lambda _: None)


async def until(holds: Callable[[], bool]) -> None:
    """The wait is for the condition, and bounded."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if holds():
                return
            await asyncio.sleep(0.001)


def kill(plane: Dataplane) -> None:
    (process,) = plane.pids
    os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize(
    ("held", "strategy"),
    [
        *((held, "upsert") for held in HELD),
        *((held, strategy) for held in list(HELD)[2:4] for strategy in ("append", "delete_insert", "scd2")),
    ],
)
async def test_killed_in_postgresql(
    held: str, strategy: Strategy, postgresql: World, plane: Callable[[World], Dataplane]
) -> None:
    """Killed while it waits at a statement, by a lock that the test holds, it leaves the table as it was."""
    world = postgresql
    world.strategy = strategy
    world.load(FIRST, watermark="1")
    request = world.request(world.part(SECOND), "second", watermark="2")
    before = world.read("id", "name")
    child = plane(world)
    with psycopg.connect(world.url, autocommit=True) as watching, psycopg.connect(world.url) as holding:
        watching.execute(AT_COMMIT.encode())
        holding.execute(HELD[held].encode())
        loading = asyncio.create_task(load(child, request))
        waits = b"SELECT count(*) FROM pg_locks WHERE NOT granted"
        await until(lambda: (watching.execute(waits).fetchone() or (0,))[0] > 0 or loading.done())
        assert not loading.done()

        kill(child)
        with pytest.raises(PipelineError) as died:
            await loading
        there = (
            b"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'towpath' AND datname = current_database()"
        )
        await until(lambda: (watching.execute(there).fetchone() or (1,))[0] == 0)
        holding.rollback()

    assert died.value.code is FailureCode.PIPELINE_CHILD_DIED
    assert world.read("id", "name") == before
    assert world.watermark() == Watermark(value="1", rows=(5,))

    again = await load(child, request)
    twice = await load(child, request)

    assert (again.skipped, twice.skipped) == (False, True)
    assert world.read("id", "name") == AFTER[strategy]
    assert world.watermark() == Watermark(value="2", rows=(5, 5))


async def test_killed_while_appended_parts_join(postgresql: World, plane: Callable[[World], Dataplane]) -> None:
    """Killed while the parts that wait join the table, it leaves none of them there; the last one brings all in."""
    world = postgresql
    world.strategy = "append"
    world.load(FIRST, watermark="1")
    load_part(world.request(world.part(SECOND), "second", 1, 2), world.work())
    last = world.request(world.part(SECOND), "second", 2, 2, watermark="2")
    child = plane(world)
    with psycopg.connect(world.url, autocommit=True) as watching, psycopg.connect(world.url) as holding:
        holding.execute(HELD["before-rows-are-written"].encode())
        loading = asyncio.create_task(load(child, last))
        await until(lambda: _blocked(watching) or loading.done())
        kill(child)
        with pytest.raises(PipelineError):
            await loading
        holding.rollback()

    assert world.read("id") == sorted(((one["id"],) for one in FIRST), key=repr)
    assert world.watermark() == Watermark(value="1", rows=(5,))

    assert not (await load(child, last)).skipped
    assert world.read("id") == sorted(((one["id"],) for one in (*FIRST, *SECOND, *SECOND)), key=repr)
    assert world.watermark() == Watermark(value="2", rows=(5, 10))


def _blocked(watching: psycopg.Connection[Any]) -> bool:
    """Whether a load waits for the table that the test holds."""
    waits = b"SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted"
    return (watching.execute(waits).fetchone() or (0,))[0] > 0


@pytest.mark.parametrize(
    ("kind", "strategy", "total"),
    [
        ("duckdb", "append", 2),
        ("duckdb", "upsert", 1),
        ("parquet", "append", 2),
        ("parquet", "upsert", 1),
        ("parquet", "scd2", 1),
    ],
)
async def test_killed_in_files(
    kind: str, strategy: Strategy, total: int, tmp_path: Path, plane: Callable[[World], Dataplane]
) -> None:
    """Killed whenever something changed on disk, step by step until a load gets through, it leaves all or nothing."""
    world = World(kind, tmp_path, "postgresql://nowhere", strategy=strategy)
    rows = [row(number) for number in range(1, 40_001)]
    cut = 100 if total == 2 else 0
    request = world.request(world.part(rows[cut:]), "first", total, total, watermark="1")
    whole = [(number, "a") for number in sorted(range(1, 40_001), key=str)]
    prepare_destination(PrepareDestination.model_validate(request.model_dump()), world.work())
    if cut:
        load_part(world.request(world.part(rows[:cut]), "first", 1, 2), world.work())
    child = plane(world)
    kills = steps = 0
    loaded = None
    while loaded is None:
        loaded = await _killed_after(child, request, tmp_path, steps)
        if loaded is None:
            kills, steps = kills + 1, steps + 2 + steps // 4
            found = world.watermark()
            there = world.read("id", "name")
            assert (found, len(there)) in [(Watermark(), 0), (Watermark(value="1", rows=(40_000,)), 40_000)]

    assert kills >= 2
    assert sorted(world.read("id", "name"), key=lambda one: str(one[0])) == whole
    assert (await load(child, request)).skipped
    assert world.watermark() == Watermark(value="1", rows=(40_000,))


async def _killed_after(child: Dataplane, request: LoadPart, folder: Path, steps: int) -> PartLoaded | None:
    """Kills the process when the destination's files have changed so many times. None when it was in time.

    When it had just answered, the next call finds out that it is dead, as a worker's next attempt would.
    """
    loading = asyncio.create_task(load(child, request))
    seen = _files(folder)
    changes = 0

    def changed() -> bool:
        nonlocal seen, changes
        now = _files(folder)
        changes, seen = changes + (now != seen), now
        return changes > steps or loading.done()

    await until(changed)
    killed = not loading.done()
    if killed:
        kill(child)
    try:
        loaded = await loading
    except PipelineError as error:
        if error.code is not FailureCode.PIPELINE_CHILD_DIED:
            raise
        return None
    if killed:
        with contextlib.suppress(PipelineError):
            await load(child, request)
    return loaded


def _files(folder: Path) -> dict[str, int]:
    """Sizes of all that the destination has, and of what the task has written so far."""
    found: dict[str, int] = {}
    for path in (
        *folder.glob("orders*"),
        *folder.glob("orders/*"),
        *folder.glob("orders/data/*"),
        *folder.glob("children/*/*/*/*"),
    ):
        with contextlib.suppress(OSError):
            found[str(path)] = path.stat().st_size if path.is_file() else 0
    return found
