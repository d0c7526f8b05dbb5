"""Where one lane works: a folder and a PostgreSQL server of its own, both gone afterwards, and the meters around it."""

import asyncio
import importlib
import json
import os
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil

from bench.etl_config import TABLE
from bench.etl_data import Data
from bench.etl_gate import READY
from bench.etl_meter import TreeMeter, Used, tree_cpu
from bench.etl_plain import CREATE, copy
from towpath.contracts.pipeline.dataset import StageMetrics
from towpath.dataplane.core.columns import statement
from towpath.local.postgresql import postgresql_server
from towpath.local.stack import ROOT

duckdb: Any = importlib.import_module("duckdb")
psycopg: Any = importlib.import_module("psycopg")

FOLDER = Path(".towpath/bench/etl-runs")
Filling = Literal["empty", "started", "older"]
"""The target before a lane: empty, or with a row that no file has, or with an older version of every row."""
LINE_BYTES = 64 * 1024**2
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Site:
    folder: Path
    database: str
    postmaster: int

    def scratch(self, name: str) -> Path:
        made = self.folder / name
        made.mkdir(exist_ok=True)
        return made


@dataclass(frozen=True, slots=True)
class Figures:
    """One lane: seconds, and MiB of the processes on the client's side. `engine` is the CPU of Temporal's server."""

    lane: str
    rows: int
    wall: float
    used: Used
    database: float
    engine: float = 0.0
    wrong: dict[str, int] = field(default_factory=dict[str, int])
    """Rows of each destination that are missing, too many or different."""
    quarantined: int | None = None
    """So many more than the truth has; None when the lane sets nothing aside."""
    metrics: tuple[StageMetrics, ...] = ()
    """What ours tells of its own tasks."""

    @property
    def cpu(self) -> float:
        """Of client and database."""
        return self.used.cpu + self.database


@asynccontextmanager
async def open_site(name: str) -> AsyncGenerator[Site]:
    folder = (FOLDER / name).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with postgresql_server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            # Its turn would come after the plain script's only transaction, and in the middle of every other lane.
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("SELECT pg_reload_conf()")
            postmaster = psutil.Process(connection.info.backend_pid).ppid()
        yield Site(folder, url, postmaster)
    shutil.rmtree(folder)


async def measured(
    site: Site, pid: int, act: Awaitable[ResultT], lane: str, rows: int, engine: int | None = None
) -> tuple[ResultT, Figures]:
    """The result of what the process `pid` and those below it do, and what it took."""
    before = tree_cpu(site.postmaster)
    engine_before = 0.0 if engine is None else tree_cpu(engine)
    with TreeMeter(pid) as meter:
        begun = time.perf_counter()
        result = await act
        wall = time.perf_counter() - begun
    database = tree_cpu(site.postmaster) - before
    spent = 0.0 if engine is None else tree_cpu(engine) - engine_before
    return result, Figures(lane, rows, wall, meter.used, database, spent)


class Gate:
    """A lane's process that waits for its job."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    async def do(self, job: dict[str, Any]) -> dict[str, Any]:
        """Raises RuntimeError when it ends without a result."""
        if self._process.stdin is None:
            raise RuntimeError("the gate has no way in")
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        return json.loads(await self.line())

    async def line(self) -> bytes:
        line = b"" if self._process.stdout is None else await self._process.stdout.readline()
        if not line:
            tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"a lane ended with {await self._process.wait()}: {tail}")
        return line


@asynccontextmanager
async def gate(site: Site, line: Sequence[str]) -> AsyncGenerator[Gate]:
    """The process of a lane, when it has imported what it needs."""
    log = site.folder / "lane.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *line,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=LINE_BYTES,
        )
    opened = Gate(process, log)
    try:
        if (await opened.line()).decode().strip() != READY:
            raise RuntimeError("a lane said something else before it was ready")
        yield opened
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def fill(site: Site, data: Data, filling: Filling) -> None:
    """The target before a lane, in a server that has settled."""
    if filling == "empty":
        return
    file = site.folder / "older.parquet"
    older = (
        "SELECT * REPLACE (CAST(amount / 2 AS DECIMAL(18,2)) AS amount, updated_at - INTERVAL 10 YEAR AS updated_at)"
    )
    which = "true" if filling == "older" else "false"
    with duckdb.connect() as engine:
        first = statement("SELECT * REPLACE (-1 AS order_id) FROM '{file}' LIMIT 1", file=str(data.expected))
        rows = statement(
            "{older} FROM '{file}' WHERE {which} UNION ALL ({first})",
            older=older,
            file=str(data.expected),
            which=which,
            first=first,
        )
        engine.execute(statement("COPY ({rows}) TO '{file}'", rows=rows, file=str(file)))
    with psycopg.connect(site.database, autocommit=True) as connection:
        connection.execute(CREATE)
        copy(connection, file)
        connection.execute(statement("VACUUM (ANALYZE) {table}", table=TABLE))
        connection.execute("CHECKPOINT")


def forget_filling(site: Site) -> None:
    """Takes out the row that no file has."""
    with psycopg.connect(site.database) as connection:
        connection.execute(statement("DELETE FROM {table} WHERE order_id = -1", table=TABLE))
