"""The lanes of the benchmark of pipelines, each from the same files to the same table."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import psutil
from temporalio.client import Client, WorkflowHandle

from bench.etl_checks import wrong_in_duckdb, wrong_in_parquet, wrong_in_postgresql
from bench.etl_config import DATABASE, POSTGRESQL, TABLE, pipeline
from bench.etl_data import Data
from bench.etl_meter import TreeMeter, Used, tree_cpu
from bench.etl_site import Figures, Filling, Site, fill, forget_filling, gate, measured, open_site
from bench.lanes import House
from towpath.contracts.core.run import RunRecord, StepState
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.control.pipelines import request_of, start_run
from towpath.control.temporal import converter
from towpath.integrations.storage.payloads import PayloadStore
from towpath.local.processes import Child
from towpath.local.server import free_port
from towpath.local.stack import python, worker_process

POLL_SECONDS = 0.05
INTO_STEP_SECONDS = 0.3
KILLED_IN = ("extract/orders", "duplicates", "transform", "quality", "load/warehouse")


async def plain(data: Data) -> Figures:
    async with open_site("plain") as site, gate(site, python("-m", "bench.etl_plain")) as lane:
        job = {
            "folder": str(site.folder),
            "database": site.database,
            "orders": data.orders,
            "customers": data.customers,
        }
        result, figures = await measured(site, lane.pid, lane.do(job), "plain", data.rows)
        wrong = {DATABASE: wrong_in_postgresql(site.database, TABLE, data.expected, site.folder)}
        return replace(figures, wrong=wrong, quarantined=result["quarantined"] - data.truth.quarantined)


async def stages(data: Data, filling: Filling = "empty") -> Figures:
    """Our stages without Temporal."""
    lane = "stages" if filling == "empty" else f"stages, {filling}"
    async with open_site("stages") as site, gate(site, python("-m", "bench.etl_stages")) as process:
        fill(site, data, filling)
        request = request_of(pipeline(data, data.orders), run_key="stages")
        job = {
            "store": str(site.scratch("datasets")),
            "scratch": str(site.scratch("scratch")),
            "artefacts": str(site.scratch("artefacts")),
            "connections": _connections(site),
            "request": request.model_dump(mode="json"),
        }
        result, figures = await measured(site, process.pid, process.do(job), lane, data.rows)
        return await _checked(site, data, PipelineResult.model_validate(result), figures)


@dataclass(frozen=True, slots=True)
class Office:
    """A worker on a site, and who starts runs on it."""

    house: House
    site: Site
    client: Client

    @asynccontextmanager
    async def worker(self) -> AsyncGenerator[Child]:
        settings = {
            "TOWPATH_PIPELINE_CONNECTIONS": json.dumps(_connections(self.site)),
            "TOWPATH_DATASET_STORE": str(self.site.scratch("datasets")),
            "TOWPATH_PIPELINE_SCRATCH": str(self.site.scratch("scratch")),
            "TOWPATH_ARTEFACT_STORE": str(self.site.scratch("artefacts")),
            "TOWPATH_PAYLOAD_STORE": str(self.site.scratch("payloads")),
        }
        house, log = self.house, self.site.folder / "worker.log"
        async with worker_process(
            house.server, house.standins, metrics_port=free_port(), env=settings, log=log
        ) as worker:
            yield worker

    async def run(self, config: PipelineConfig) -> tuple[WorkflowHandle[Any, Any], PipelineResult]:
        handle = (await start_run(self.client, request_of(config))).handle
        result: PipelineResult = await handle.result()
        if result.outcome is not PipelineOutcome.LOADED or result.degraded:
            raise RuntimeError(f"the run ended {result.outcome}, without {result.degraded}")
        return handle, result


@asynccontextmanager
async def open_office(house: House, name: str) -> AsyncGenerator[Office]:
    async with open_site(name) as site:
        store = PayloadStore(str(site.scratch("payloads")))
        client = await Client.connect(house.server.address, data_converter=converter(None, store))
        yield Office(house, site, client)


async def workflow(house: House, data: Data, filling: Filling = "empty") -> list[Figures]:
    """The process itself; into an empty target also the late rows, after the others."""
    lane = "workflow" if filling == "empty" else f"workflow, {filling}"
    async with open_office(house, "workflow") as office, office.worker() as worker:
        site, engine = office.site, house.server.process.pid
        fill(site, data, filling)
        run = office.run(pipeline(data, data.orders))
        (_, result), figures = await measured(site, worker.pid, run, lane, data.rows, engine)
        found = [await _checked(site, data, result, figures)]
        if filling == "empty":
            run = office.run(pipeline(data, data.late))
            (_, result), figures = await measured(site, worker.pid, run, "workflow, late rows", data.late_rows, engine)
            found.append(await _checked(site, data, result, figures, late=True))
        return found


async def everywhere(house: House, data: Data) -> Figures:
    """Into all three kinds of destinations at once."""
    async with open_office(house, "everywhere") as office, office.worker() as worker:
        site = office.site
        config = pipeline(
            data,
            data.orders,
            [
                POSTGRESQL,
                {"name": "lake", "type": "duckdb", "path": str(site.folder / "orders.duckdb"), "table": TABLE},
                {"name": "files", "type": "parquet", "path": str(site.folder / "orders")},
            ],
        )
        engine = house.server.process.pid
        (_, result), figures = await measured(
            site, worker.pid, office.run(config), "workflow, three destinations", data.rows, engine
        )
        checked = await _checked(site, data, result, figures)
        others = {
            "lake": wrong_in_duckdb(site.folder / "orders.duckdb", TABLE, data.expected),
            "files": wrong_in_parquet(site.folder / "orders", data.expected),
        }
        return replace(checked, wrong=checked.wrong | others)


async def killed(house: House, data: Data) -> Figures:
    """Worker and data-plane processes are killed once in each step, and another worker is started each time."""
    async with open_office(house, "killed") as office:
        site, engine, used, deaths = office.site, house.server.process.pid, list[Used](), 0
        before, begun = [tree_cpu(pid) for pid in (site.postmaster, engine)], time.perf_counter()
        handle = (await start_run(office.client, request_of(pipeline(data, data.orders)))).handle
        for step in (*KILLED_IN, None):
            async with office.worker() as worker:
                with TreeMeter(worker.pid) as meter:
                    deaths += await _kill_in(handle, worker, step)
                used.append(meter.used)
        wall = time.perf_counter() - begun
        database, spent = (tree_cpu(pid) - cpu for pid, cpu in zip((site.postmaster, engine), before, strict=True))
        most = Used(sum(u.cpu for u in used), max(u.rss for u in used), max(u.pss for u in used))
        figures = Figures(f"workflow, killed {deaths} times", data.rows, wall, most, database, spent)
        return await _checked(site, data, await handle.result(), figures)


async def _kill_in(handle: WorkflowHandle[Any, Any], worker: Child, step: str | None) -> int:
    """The number of deaths: none when the step was over before it could be seen. With no step, wait for the end."""
    if step is None:
        await handle.result()
        return 0
    while True:
        record: RunRecord = await handle.query("status", result_type=RunRecord)
        state = next(one.state for one in record.steps if one.step == step)
        if state not in {StepState.PENDING, StepState.RUNNING}:
            return 0
        if state is StepState.RUNNING:
            break
        await asyncio.sleep(POLL_SECONDS)
    await asyncio.sleep(INTO_STEP_SECONDS)
    children = psutil.Process(worker.pid).children(recursive=True)
    await worker.kill()
    for child in children:
        if child.is_running():
            child.kill()
    await asyncio.to_thread(psutil.wait_procs, children)
    return 1


@dataclass(frozen=True, slots=True)
class Histories:
    """Of a run and its children: how many, and the longest and the largest history."""

    runs: int
    events: int
    size_bytes: int


async def partitions(house: House, data: Data) -> tuple[Figures, Histories]:
    """Many small files, each a partition."""
    async with open_office(house, "partitions") as office, office.worker() as worker:
        run = office.run(pipeline(data, data.orders))
        (handle, result), figures = await measured(
            office.site, worker.pid, run, f"workflow, {data.files:,} files", data.rows, house.server.process.pid
        )
        return await _checked(office.site, data, result, figures), await _histories(office.client, handle)


async def _histories(client: Client, handle: WorkflowHandle[Any, Any]) -> Histories:
    below = client.list_workflows(f"WorkflowId STARTS_WITH '{handle.id}/'")
    handles = [handle, *[client.get_workflow_handle(child.id, run_id=child.run_id) async for child in below]]
    infos = [(await one.describe()).raw_description.workflow_execution_info for one in handles]
    return Histories(
        len(infos), max(info.history_length for info in infos), max(info.history_size_bytes for info in infos)
    )


def _connections(site: Site) -> dict[str, Any]:
    return {DATABASE: {"type": "postgresql", "url": site.database}}


async def _checked(site: Site, data: Data, result: PipelineResult, figures: Figures, *, late: bool = False) -> Figures:
    forget_filling(site)
    expected = data.expected_late if late else data.expected
    wrong = {DATABASE: wrong_in_postgresql(site.database, TABLE, expected, site.folder)}
    planted = data.truth.late_quarantined if late else data.truth.quarantined
    found = sum(rows.part.rows for rows in result.quarantine)
    return replace(figures, wrong=wrong, quarantined=found - planted, metrics=result.metrics)
