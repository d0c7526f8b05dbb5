"""What pipelines read from and load into, real and on loopback: a database, an object store, an API, folders.

One worker knows all of it by its connections.
"""

import importlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import obstore
import psycopg
from obstore.store import S3Store

from tests.fakes.postgresql import postgresql_server
from tests.fakes.seaweed import s3_server
from tests.fakes.shop_api import ShopApi
from tests.integration.conftest import House, open_house
from towpath.contracts.pipeline.loading import Strategy
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineResult
from towpath.control.pipelines import request_of, start_run
from towpath.dataplane.core.columns import literal, quoted, statement
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.objects import open_bucket
from towpath.dataplane.load.manifest import Manifest

duckdb: Any = importlib.import_module("duckdb")

BUCKET = "shop"
KINDS = ("postgresql", "duckdb", "parquet")
Row = dict[str, Any]


@dataclass
class Warehouse:
    """`url` is that of the database, which is source and destination; `folder` is for files of both."""

    house: House
    url: str
    bucket: S3Store
    shop: ShopApi
    folder: Path

    def destinations(self, name: str, strategy: Strategy = "upsert", kinds: Sequence[str] = KINDS) -> list[Row]:
        """One of each kind, for the pipeline of that name."""
        table = name.replace("-", "_")
        places: Mapping[str, Row] = {
            "postgresql": {"connection": "warehouse", "table": table},
            "duckdb": {"path": str(self.folder / f"{name}.duckdb"), "table": table},
            "parquet": {"path": str(self.folder / f"{name}-dataset"), "buckets": 2},
        }
        return [{"name": kind, "type": kind, "strategy": strategy, **places[kind]} for kind in kinds]

    async def run(self, config: PipelineConfig, **fields: Any) -> PipelineResult:
        started = await start_run(self.house.client, request_of(config, **fields))
        result: PipelineResult = await started.handle.result()
        return result

    def sql(self, text: str, *parameters: Any) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(text.encode(), parameters or None)

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Rows into a table of the database."""
        with psycopg.connect(self.url, autocommit=True) as connection, connection.cursor() as cursor:
            marks = ", ".join(["%s"] * len(rows[0])) if rows else ""
            told = statement("INSERT INTO {table} VALUES ({marks})", table=table, marks=marks)
            cursor.executemany(told.encode(), rows)

    def put(self, key: str, content: bytes) -> None:
        obstore.put(self.bucket, key, content)

    def read(self, config: PipelineConfig, kind: str, *columns: str) -> list[tuple[Any, ...]]:
        """What the destination of that kind has, sorted; times in UTC and without their zone."""
        return read_destination(self.url, config, kind, *columns)


def read_destination(url: str, config: PipelineConfig, kind: str, *columns: str) -> list[tuple[Any, ...]]:
    """What the destination of that kind has, sorted; times in UTC and without their zone. `url` is the database's."""
    destination = next(one for one in config.destinations if one.type == kind)
    shown = ", ".join(quoted(column) for column in columns)
    if destination.type == "postgresql":
        with psycopg.connect(url, options="-c timezone=UTC") as connection:
            told = statement("SELECT {shown} FROM {table}", shown=shown, table=destination.table)
            found = connection.execute(told.encode()).fetchall()
    elif destination.type == "duckdb":
        with duckdb.connect(destination.path, read_only=True) as opened:
            told = statement("SELECT {shown} FROM {table}", shown=shown, table=destination.table)
            found = opened.execute(told).fetchall()
    else:
        found = _read_dataset(Path(destination.path), shown)
    return sorted((tuple(_plain(value) for value in row) for row in found), key=repr)


@asynccontextmanager
async def open_warehouse(folder: Path) -> AsyncGenerator[Warehouse]:
    """With its stack, and the worker on it."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(postgresql_server())
        s3 = stack.enter_context(s3_server())
        shop = ShopApi(orders=[])
        connections = {
            "warehouse": {"type": "postgresql", "url": url},
            "lake": _plain_connection(s3),
            "shop": {"type": "http", "base_url": stack.enter_context(shop.served())},
        }
        house = await stack.enter_async_context(open_house(folder))
        env = {"TOWPATH_PIPELINE_CONNECTIONS": json.dumps(connections)}
        await stack.enter_async_context(house.worker(env, log=folder / "worker.log"))
        yield Warehouse(house, url, open_bucket(BUCKET, s3), shop, folder)


def rows_read(result: PipelineResult) -> int:
    """Rows that the source handed over, whatever became of them."""
    return sum(one.rows_in for one in result.metrics if one.stage == "extract")


def rows_taken(result: PipelineResult) -> int:
    """Rows that the cursor let in."""
    return sum(one.rows_out for one in result.metrics if one.stage == "extract")


def _plain_connection(s3: S3Connection) -> Row:
    told = s3.model_dump(mode="json", exclude_none=True)
    secrets = {"access_key": s3.access_key, "secret_key": s3.secret_key}
    return told | {name: value.get_secret_value() for name, value in secrets.items() if value is not None}


def _read_dataset(folder: Path, shown: str) -> list[tuple[Any, ...]]:
    """As any reader does it: the manifest, and the files that it names."""
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    files = ", ".join(literal(str(folder / file.name)) for file in manifest.files)
    if not files:
        return []
    told = statement("SELECT {shown} FROM read_parquet([{files}], union_by_name = true)", shown=shown, files=files)
    with duckdb.connect() as opened:
        found: list[tuple[Any, ...]] = opened.execute(told).fetchall()
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo is not None else value
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, (dict, list)) else value
