"""The examples of the reference run by real workflows, and what each leaves: the outcomes that the pages show."""

import importlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import obstore
import psycopg
from pydantic import BaseModel, SecretStr
from temporalio.testing import WorkflowEnvironment

from tests.fakes.postgresql import new_database, postgresql_server
from tests.fakes.seaweed import s3_server
from tests.fakes.shop_api import ShopApi
from tests.manual.examples import FOLDER
from tests.timeskip.pipeline import Pipelines, serve_pipelines
from towpath.contracts.pipeline.loading import Destination, DuckdbDestination, PostgresqlDestination
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineResult
from towpath.dataplane.core.columns import quoted, statement
from towpath.dataplane.core.connections import DataConnection, HttpConnection, PostgresqlConnection
from towpath.dataplane.core.objects import open_bucket
from towpath.policy.pipeline.configuration import check_pipeline

duckdb: Any = importlib.import_module("duckdb")

WRITTEN, READ = ".towpath/examples", "definitions/pipelines/examples/data"
ORDERS = [
    {"id": 1, "price": 19.9, "at": "2026-11-02T08:00:00Z"},
    {"id": 2, "price": 5, "at": "2026-11-02T17:30:00Z"},
    {"id": 3, "price": 120.0, "at": "2026-11-03T09:15:00Z"},
    {"id": 4, "price": None, "at": "2026-11-04T11:00:00Z"},
    {"id": 5, "price": 7.25, "at": "2026-11-05T10:00:00Z"},
]
TABLE = """
CREATE TABLE orders (id bigint PRIMARY KEY, price numeric(12, 2), at timestamptz);
INSERT INTO orders VALUES (1, 19.90, '2026-10-30 08:00Z'), (2, 5, '2026-11-02 17:30Z'), (3, NULL, '2026-11-03 09:15Z');
"""


class BadRow(BaseModel):
    """A row of quarantine, by the name of its file without the folders."""

    rule: str
    position: str
    reason: str


class ExampleOutcome(BaseModel):
    """What a run of an example left. `tables` are the destinations that can be asked, by their names."""

    outcome: str
    score: float | None
    columns: list[str]
    tables: dict[str, list[list[str]]]
    quarantine: list[BadRow]


class Outside(NamedTuple):
    """What the connections of the examples lead to."""

    connections: dict[str, DataConnection]
    warehouse: str


@contextmanager
def outside() -> Generator[Outside]:
    """An API, two databases and a bucket, on loopback, with the rows that the examples read."""
    api = ShopApi(orders=[dict(order) for order in ORDERS], total=True)
    with postgresql_server() as server, s3_server() as store, api.served() as address:
        shop, warehouse = (new_database(server, name) for name in ("shop", "warehouse"))
        with psycopg.connect(shop, autocommit=True) as connection:
            connection.execute(TABLE)
        with psycopg.connect(warehouse, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA shop")
        obstore.put(open_bucket("examples", store), "orders/november.csv", (FOLDER / "data/orders.csv").read_bytes())
        yield Outside(
            {
                "shop": HttpConnection(base_url=address),
                "shop_database": PostgresqlConnection(url=SecretStr(shop)),
                "warehouse": PostgresqlConnection(url=SecretStr(warehouse)),
                "lake": store,
            },
            warehouse,
        )


async def outcome_of(file: Path, env: WorkflowEnvironment, root: Path, there: Outside) -> ExampleOutcome:
    """Run one example, from what it is written to what is in its destinations."""
    config = placed(file, root)
    async with serve_pipelines(env, root) as pipelines:
        pipelines.world.connections.update(there.connections)
        result = await pipelines.ended(config)
        return ExampleOutcome(
            outcome=result.outcome,
            score=round(result.quality[-1].score, 4) if config.quality.rules and result.quality else None,
            columns=[column.name for column in config.target.columns],
            tables=dict(_tables(config, there)),
            quarantine=_quarantine(pipelines, result),
        )


def placed(file: Path, root: Path) -> PipelineConfig:
    """The configuration as it stands in the file, with its files below `root`."""
    text = file.read_text(encoding="utf-8").replace(WRITTEN, str(root / "written")).replace(READ, str(FOLDER / "data"))
    checked = check_pipeline(text)
    assert checked.config is not None and checked.ok, checked.diagnostics
    return checked.config


def _tables(config: PipelineConfig, there: Outside) -> Iterator[tuple[str, list[list[str]]]]:
    names = [column.name for column in config.target.columns]
    for destination in config.destinations:
        found = _rows(destination, names, there)
        if found is not None:
            yield destination.name, [["null" if value is None else str(value) for value in row] for row in found]


def _rows(destination: Destination, names: list[str], there: Outside) -> list[tuple[Any, ...]] | None:
    shown = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in names)
    if isinstance(destination, DuckdbDestination):
        text = statement("SELECT {shown} FROM {table} ORDER BY ALL", shown=shown, table=destination.table)
        with duckdb.connect(destination.path, read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(text).fetchall()
    if isinstance(destination, PostgresqlDestination):
        text = statement("SELECT {shown} FROM {table} ORDER BY 1", shown=shown, table=destination.table)
        with psycopg.connect(there.warehouse, options="-c timezone=UTC") as connection:
            return connection.execute(text.encode()).fetchall()
    return None


def _quarantine(pipelines: Pipelines, result: PipelineResult) -> list[BadRow]:
    rows = [
        BadRow(rule=row["rule"], position=row["position"].rpartition("/")[2], reason=row["reason"])
        for row in pipelines.rows(result)
    ]
    return sorted(rows, key=lambda row: (row.position, row.rule))
