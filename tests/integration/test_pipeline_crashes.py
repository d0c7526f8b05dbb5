"""Pipelines whose worker, data-plane processes or servers are killed with -9, and runs that are cancelled.

Whatever ends in the middle of whatever stage: every row is in every destination once, and nothing is left behind.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import CancelledError

from tests.fakes.postgresql import postgresql_server
from tests.fakes.shop_api import ShopApi
from tests.integration.conftest import House, open_house
from tests.integration.pipelines import TARGET, items_pipeline, write_items
from tests.integration.warehouse import KINDS, read_destination
from tests.waiting import until
from towpath.contracts.core.run import RunRecord, StepState
from towpath.contracts.pipeline.loading import CleanDestination, Strategy
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.control.pipelines import request_of, start_run
from towpath.dataplane.core.connections import PostgresqlConnection
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.load.parts import clean_destination
from towpath.local.processes import Child

Handle = WorkflowHandle[Any, PipelineResult]
FILES, ROWS, SECONDS = 6, 10_000, 120
ANY_ATTEMPT = 1_000
LATER = datetime(2100, 1, 1, tzinfo=UTC)
LOADS = tuple(f"load/{kind}" for kind in KINDS)
ROWS_READ = [{"id": str(key), "price": f"{key}.50", "updated_at": "2026-11-02 00:00:00"} for key in range(3_000)]
TRUTH_READ = {key: f"{key}.50" for key in range(3_000)}
TABLE_READ = b"""
    CREATE TABLE source_items AS SELECT id, id || '.50' AS price, '2026-11-02 00:00:00' AS updated_at
        FROM generate_series(0, 99999) id
"""
STARTED = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
WORKING = b"SELECT pid FROM pg_stat_activity WHERE application_name = 'towpath'"
WAITING = b"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
PRESENT = b"SELECT count(*) FROM towpath_loads WHERE load = 'cancelled/load' AND destination = 'postgresql'"
LEFT = b"SELECT relname FROM pg_class WHERE relname LIKE 'towpath_stage%' OR relname LIKE 'towpath_append%'"


@dataclass(frozen=True)
class Yard:
    """What pipelines read from and load into; `url` is that of the database."""

    url: str
    shop: ShopApi

    @property
    def env(self) -> Mapping[str, str]:
        connections = {
            "warehouse": {"type": "postgresql", "url": self.url},
            "shop": {"type": "http", "base_url": self.shop.url},
        }
        return {"TOWPATH_PIPELINE_CONNECTIONS": json.dumps(connections)}

    def work(self, folder: Path) -> Workspace:
        connections = {"warehouse": PostgresqlConnection.model_validate({"url": self.url})}
        return Workspace(store=DatasetStore(str(folder / "store")), folder=folder, connections=connections)

    def ask(self, told: bytes) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return [row[0] for row in connection.execute(told).fetchall()]


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    shop = ShopApi(orders=[])
    with postgresql_server() as url, shop.served():
        yield Yard(url, shop)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[House, Child]]:
    """A stack with one worker for the tests that do not kill it."""
    folder = tmp_path_factory.mktemp("house")
    async with open_house(folder) as house, house.worker(yard.env, log=folder / "worker.log") as worker:
        yield house, worker


def pipeline(folder: Path, name: str, strategy: Strategy, **fields: Any) -> PipelineConfig:
    """From files into a destination of each kind."""
    places: Mapping[str, Mapping[str, Any]] = {
        "postgresql": {"connection": "warehouse", "table": name.replace("-", "_")},
        "duckdb": {"path": str(folder / "items.duckdb"), "table": "items"},
        "parquet": {"path": str(folder / "dataset"), "buckets": 2},
    }
    destinations = [{"name": kind, "type": kind, "strategy": strategy, **places[kind]} for kind in KINDS]
    target = {**TARGET, "partition_by": "updated_at"}
    return items_pipeline(folder, id=name, target=target, destinations=destinations, **fields)


async def begin(house: House, config: PipelineConfig, run_key: str = "") -> Handle:
    started = await start_run(house.client, request_of(config, run_key=run_key))
    handle: Handle = started.handle
    return handle


async def ended(handle: Handle) -> PipelineResult:
    result: PipelineResult = await asyncio.wait_for(handle.result(), SECONDS)
    assert result.outcome is PipelineOutcome.LOADED
    return result


def check(yard: Yard, config: PipelineConfig, truth: Mapping[int, str], kinds: Sequence[str] = KINDS) -> None:
    """Every row is in every destination once."""
    wanted = sorted(truth.items(), key=repr)
    for kind in kinds:
        found = read_destination(yard.url, config, kind, "id", "price")
        assert sorted(((key, str(price)) for key, price in found), key=repr) == wanted, kind


async def under_way(handle: Handle, step: str) -> Mapping[str, int]:
    """Activities of a step that a process does now, with their attempts."""
    described = await handle.describe()
    pending = described.raw_description.pending_activities
    return {
        one.activity_id: one.attempt for one in pending if one.activity_id.startswith(step) and one.state == STARTED
    }


async def begun(handle: Handle, step: str) -> None:
    """Waits until the step goes on, or is over."""

    async def record() -> RunRecord:
        return await handle.query("status", result_type=RunRecord)

    await until(record, lambda found: {one.step: one.state for one in found.steps}[step] is not StepState.PENDING)


def children(worker: Child) -> list[psutil.Process]:
    return psutil.Process(worker.pid).children()


async def gone(processes: list[psutil.Process]) -> None:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, 10)
    assert not alive


async def caught_in(handle: Handle, worker: Child, step: str, attempts: int) -> tuple[list[psutil.Process], Set[str]]:
    """The suspended data-plane processes, with the step's activities that go on in them, in one of their attempts.

    They stand still while they are looked at: no task ends unseen, however quick the machine is.
    """
    async with asyncio.timeout(SECONDS):
        while True:
            processes = children(worker)
            each(processes, psutil.Process.suspend)
            found = {name for name, attempt in (await under_way(handle, step)).items() if attempt <= attempts}
            if found:
                return processes, found
            each(processes, psutil.Process.resume)
            await asyncio.sleep(0.01)


async def kill_in(handle: Handle, worker: Child, step: str) -> None:
    """Kills the data-plane processes while a task of the step goes on, and sees it tried again."""
    tried_again = False
    while not tried_again:
        processes, first = await caught_in(handle, worker, step, 1)
        each(processes, psutil.Process.kill)
        await gone(processes)
        tried_again = await failed_once(handle, first)


def each(processes: Sequence[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            act(process)


async def failed_once(handle: Handle, names: Set[str]) -> bool:
    """Whether one of the activities is tried again. False when all of them are over: their processes had answered."""

    async def failed() -> Mapping[str, bool]:
        pending = (await handle.describe()).raw_description.pending_activities
        return {one.activity_id: bool(one.last_failure.message) for one in pending if one.activity_id in names}

    found = await until(failed, lambda found: not found or any(found.values()))
    return any(found.values())


async def test_processes_killed_in_each_stage(shared: tuple[House, Child], yard: Yard, tmp_path: Path) -> None:
    """Data-plane processes killed inside extraction, transformation, quality and every load: one more attempt each."""
    house, worker = shared
    truth = write_items(tmp_path, FILES, ROWS)
    config = pipeline(tmp_path, "processes", "append")
    handle = await begin(house, config)

    for step in ("extract/items", "transform", "quality", "load/"):
        await kill_in(handle, worker, step)
    await ended(handle)

    check(yard, config, truth)
    assert yard.ask(LEFT) == []


async def test_processes_killed_while_an_api_is_read(shared: tuple[House, Child], yard: Yard, tmp_path: Path) -> None:
    """Killed while it reads pages of an API, it reads its partition again: nothing is lost, and nothing twice."""
    house, worker = shared
    yard.shop.orders, yard.shop.total = ROWS_READ, True
    paging = {"style": "page", "items": "data.items", "size": 100, "total": "meta.total"}
    source = {"name": "items", "type": "http", "connection": "shop", "path": "pages", "requests_per_second": 15}
    source |= {"paging": paging, "partition": {"by": "page", "pages": 10}}
    config = pipeline(tmp_path, "from-api", "delete_insert", sources=[source])
    handle = await begin(house, config)

    await kill_in(handle, worker, "extract/items")
    await ended(handle)

    check(yard, config, TRUTH_READ)


async def test_processes_killed_while_a_table_is_read(shared: tuple[House, Child], yard: Yard, tmp_path: Path) -> None:
    """Killed while it reads a range of a table, it reads the range again."""
    house, worker = shared
    source = {"name": "items", "type": "postgresql", "connection": "warehouse", "table": "source_items"}
    source |= {"partition": {"by": "range", "column": "id", "rows": 10_000}}
    config = pipeline(tmp_path, "from-table", "delete_insert", sources=[source])
    with psycopg.connect(yard.url, autocommit=True) as connection:
        connection.execute(TABLE_READ)
    handle = await begin(house, config)

    await kill_in(handle, worker, "extract/items")
    await ended(handle)

    check(yard, config, {key: f"{key}.50" for key in range(100_000)})


async def test_worker_killed_in_each_stage(bare_house: House, yard: Yard, tmp_path: Path) -> None:
    """A run that loses its worker in every stage, with all its processes, is ended by the last one; truth exact."""
    truth = write_items(tmp_path, FILES, ROWS)
    config = pipeline(tmp_path, "workers", "scd2")
    handle: Handle | None = None
    for step in ("plan", "extract/items", "duplicates", "transform", "quality", *LOADS[:1]):
        async with bare_house.worker(yard.env) as worker:
            handle = handle or await begin(bare_house, config)
            await begun(handle, step)
            processes = children(worker)
            await worker.kill()
            await gone(processes)
    async with bare_house.worker(yard.env):
        assert handle is not None
        await ended(handle)

    check(yard, config, truth)
    assert yard.ask(LEFT) == []
    assert [path.name for path in (bare_house.folder / "scratch").iterdir()] == ["workers.lock"]


async def test_servers_killed_in_a_load(bare_house: House, yard: Yard, tmp_path: Path) -> None:
    """While a part is loaded, the Temporal server is killed and started anew; then PostgreSQL crashes and recovers."""
    truth = write_items(tmp_path, FILES, ROWS)
    config = pipeline(tmp_path, "servers", "append")
    async with bare_house.worker(yard.env):
        with psycopg.connect(yard.url, autocommit=True) as holding:
            holding.execute(b"SELECT pg_advisory_lock(hashtextextended('towpath/servers/held/postgresql/2', 0))")
            handle = await begin(bare_house, config, "held")
            await until(lambda: asyncio.to_thread(yard.ask, WAITING), bool)
            await bare_house.server.process.kill()
            async with bare_house.restarted():
                await until(lambda: asyncio.to_thread(yard.ask, WAITING), bool)
                (waiting,) = yard.ask(WAITING)
                os.kill(waiting, signal.SIGKILL)
                await ended(handle)

    check(yard, config, truth)
    assert yard.ask(LEFT) == []


async def test_cancelled_in_each_stage(shared: tuple[House, Child], yard: Yard, tmp_path: Path) -> None:
    """A run cancelled in whatever stage ends cancelled and ends its processes; the run after them all is exact."""
    house, worker = shared
    truth = write_items(tmp_path, FILES, ROWS)
    config = pipeline(tmp_path, "cancelled", "append")
    with psycopg.connect(yard.url, autocommit=True) as holding:
        holding.execute(b"SELECT pg_advisory_lock(hashtextextended('towpath/cancelled/load/postgresql/2', 0))")
        for step in ("extract/items", "transform", "quality", "load/postgresql"):
            await cancel_in(await begin(house, config, step.partition("/")[0]), worker, yard, step)
    check(yard, config, {}, ["postgresql"])

    await ended(await begin(house, config))

    check(yard, config, truth)
    clean_destination(CleanDestination(destination=config.destinations[0], before=LATER), yard.work(tmp_path))
    assert yard.ask(LEFT) == []


async def cancel_in(handle: Handle, worker: Child, yard: Yard, step: str) -> None:
    """While a task of the step goes on; in a load, while its second part waits and others are in."""
    processes: list[psutil.Process] = []
    if step.startswith("load/"):
        await until(lambda: asyncio.to_thread(yard.ask, WAITING), bool)
        await until(lambda: asyncio.to_thread(yard.ask, PRESENT), lambda found: found[0] > 0)
    else:
        processes, _ = await caught_in(handle, worker, step, ANY_ATTEMPT)
    await handle.cancel()
    each(processes, psutil.Process.resume)
    with pytest.raises(WorkflowFailureError) as failed:
        await asyncio.wait_for(handle.result(), SECONDS)
    assert isinstance(failed.value.cause, CancelledError)
    await until(lambda: asyncio.to_thread(yard.ask, WORKING), lambda found: not found)
