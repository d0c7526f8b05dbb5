"""Destinations of all kinds behind one face: load rows, and read what is there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import psycopg

from towpath.contracts.pipeline.dataset import Column, ColumnType, DatasetPart
from towpath.contracts.pipeline.loading import (
    Destination,
    DuckdbDestination,
    LoadPart,
    ParquetDestination,
    PartLoaded,
    PostgresqlDestination,
    Strategy,
)
from towpath.contracts.pipeline.stages import Watermark, WatermarkTask
from towpath.dataplane.core.arrow import arrow_type, pa, parquet
from towpath.dataplane.core.boundary import NONE, keep, read
from towpath.dataplane.core.columns import statement
from towpath.dataplane.core.connections import PostgresqlConnection, S3Connection
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.load.folder import Folder, open_folder
from towpath.dataplane.load.manifest import Manifest
from towpath.dataplane.load.parts import load_part, read_watermark

KINDS = ("postgresql", "duckdb", "parquet")
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)
COLUMNS = (
    Column(name="id", type=ColumnType.INTEGER, nullable=False),
    Column(name="name", type=ColumnType.TEXT),
    Column(name="amount", type=ColumnType.DECIMAL, precision=12, scale=2),
    Column(name="day", type=ColumnType.DATE),
    Column(name="updated_at", type=ColumnType.TIMESTAMP),
)
Row = dict[str, Any]
_READ = "SELECT {shown} FROM {table}"


def at(hours: float) -> datetime:
    """A moment, as parts hold it: UTC, without its zone."""
    return (BEGAN + timedelta(hours=hours)).replace(tzinfo=None)


def row(number: int, name: str = "a", hours: float = 0, day: int = 0) -> Row:
    moment = at(hours)
    return {
        "id": number,
        "name": name,
        "amount": pa.scalar(f"{number}.25").cast(pa.decimal128(12, 2)).as_py(),
        "day": (BEGAN + timedelta(days=day)).date(),
        "updated_at": moment,
    }


@dataclass
class World:
    """One destination, `strategy` as the test wants it."""

    kind: str
    folder: Path
    url: str
    strategy: Strategy = "upsert"
    columns: tuple[Column, ...] = COLUMNS
    key: tuple[str, ...] = ("id",)
    newest_by: str | None = "updated_at"
    partition_by: str | None = "day"
    table: str = "orders"
    bucket: str | None = None
    s3: S3Connection | None = None
    loads: int = field(default=0)

    def destination(self) -> Destination:
        if self.kind == "postgresql":
            return PostgresqlDestination(
                name="target", type="postgresql", connection="warehouse", table=self.table, strategy=self.strategy
            )
        if self.kind == "duckdb":
            path = str(self.folder / "orders.duckdb")
            return DuckdbDestination(name="target", type="duckdb", path=path, table=self.table, strategy=self.strategy)
        return ParquetDestination(
            name="target",
            type="parquet",
            path=self.bucket or str(self.folder / "orders"),
            connection=None if self.s3 is None else "objects",
            strategy=self.strategy,
            buckets=4,
        )

    def work(self) -> Workspace:
        """A task's own folder, as the child process gives it."""
        folder = self.folder / "scratch" / uuid4().hex
        folder.mkdir(parents=True)
        connections = {"warehouse": PostgresqlConnection.model_validate({"url": self.url})}
        objects = {} if self.s3 is None else {"objects": self.s3}
        store = DatasetStore(str(self.folder / "store"))
        return Workspace(store=store, folder=folder, connections={**connections, **objects})

    def part(self, rows: Sequence[Row], columns: tuple[Column, ...] | None = None) -> DatasetPart:
        columns = columns or self.columns
        schema = pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])
        work = self.work()
        file = work.folder / "part.parquet"
        parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), file)
        return work.keep(file, rows=len(rows), columns=columns)

    def request(self, part: DatasetPart, load: str, number: int = 1, total: int = 1, **more: Any) -> LoadPart:
        return LoadPart(
            destination=self.destination(),
            columns=self.columns,
            key=self.key,
            newest_by=self.newest_by,
            partition_by=self.partition_by,
            part=part,
            load=f"orders/{load}",
            number=number,
            total=total,
            pipeline="orders",
            **more,
        )

    def load(
        self, *parts: Sequence[Row], load: str = "", watermark: str | None = None, boundary: Sequence[int] = ()
    ) -> PartLoaded:
        """All parts of one load, one after the other: the sum of what they did."""
        self.loads += 1
        told = keep(self.work(), frozenset(boundary))
        name = load or f"run-{self.loads}"
        done = [
            load_part(
                self.request(
                    self.part(rows),
                    name,
                    number,
                    len(parts),
                    watermark=watermark if number == len(parts) else None,
                    boundary=() if told is None or number < len(parts) else (told,),
                ),
                self.work(),
            )
            for number, rows in enumerate(parts, 1)
        ]
        return PartLoaded(
            rows=sum(one.rows for one in done),
            inserted=sum(one.inserted for one in done),
            updated=sum(one.updated for one in done),
            stale=sum(one.stale for one in done),
            deleted=sum(one.deleted for one in done),
            skipped=all(one.skipped for one in done),
        )

    def watermark(self) -> Watermark:
        """But for the load that set it."""
        task = WatermarkTask(destination=self.destination(), pipeline="orders")
        return read_watermark(task, self.work()).model_copy(update={"load": None})

    def boundary(self) -> frozenset[int]:
        """Digests of the rows at the watermark."""
        found = self.watermark().boundary
        return NONE if found is None else read(self.work(), [found])

    def read(self, *names: str) -> list[tuple[Any, ...]]:
        """What is there, in the order of these columns. Times have no zone; nothing is there before the first load."""
        shown = ", ".join(f'"{name}"' for name in names)
        if self.kind == "postgresql":
            with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
                found = connection.execute(statement(_READ, shown=shown, table=self.table).encode()).fetchall()
        elif self.kind == "duckdb":
            with duckdb.connect(self.folder / "orders.duckdb") as opened:
                found = opened.execute(statement(_READ, shown=shown, table=self.table)).fetchall()
        else:
            found = self._read_dataset(shown)
        return sorted((tuple(_plain(value) for value in one) for one in found), key=repr)

    def manifest(self) -> Manifest:
        found = self.dataset().manifest()
        assert found is not None
        return Manifest.model_validate_json(found[0])

    def dataset(self) -> Folder:
        destination = self.destination()
        assert isinstance(destination, ParquetDestination)
        return open_folder(destination, self.work())

    def _read_dataset(self, shown: str) -> list[tuple[Any, ...]]:
        """As any reader does it: the manifest, and the files that it names."""
        folder, work = self.dataset(), self.work()
        files: list[str] = []
        for file in self.manifest().files:
            files.append(str(work.folder / file.name.rpartition("/")[2]))
            folder.get(file.name, Path(files[-1]))
        if not files:
            return []
        table = "read_parquet(?, union_by_name = true)"
        with duckdb.connect() as opened:
            return opened.execute(statement(_READ, shown=shown, table=table), [files]).fetchall()


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value
