"""A source read as a run reads it: planned, each partition in a folder of its own, and everything put together."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from pydantic import TypeAdapter

from tests.fakes.postgresql import new_database
from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.pipeline.dataset import DatasetPart, QuarantinedRows
from towpath.contracts.pipeline.pipeline import DateRange, Source
from towpath.contracts.pipeline.plane import Compression
from towpath.contracts.pipeline.stages import Extracted, ExtractionPlanTask, ExtractTask, Partition, Planned
from towpath.dataplane.core.arrow import parquet
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.connections import DataConnection, PostgresqlConnection
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.extraction import extract_partition, plan_partitions

SOURCE: TypeAdapter[Source] = TypeAdapter(Source)
Rows = list[dict[str, Any]]


@dataclass
class Reading:
    """`extracted` holds one result for each partition, in their order."""

    planned: Planned
    extracted: list[Extracted]
    rows: Rows
    bad: Rows

    @property
    def values(self) -> Rows:
        """The rows without their place."""
        return [{name: value for name, value in row.items() if name != ROW} for row in self.rows]

    @property
    def bad_places(self) -> list[tuple[str, str]]:
        """Rule, and where: the file's name without its folders."""
        return [(row["rule"], row["position"].rpartition("/")[2]) for row in self.bad]

    @property
    def bad_rows(self) -> list[JsonObject]:
        return [json_object(row["row"]) or {} for row in self.bad]

    @property
    def quarantined(self) -> list[QuarantinedRows]:
        return [one.quarantined for one in self.extracted if one.quarantined is not None]


@dataclass
class Reader:
    """What a worker has: a store, and connections."""

    folder: Path
    connections: Mapping[str, DataConnection] = field(default_factory=dict[str, DataConnection])
    told: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    compression: Compression | None = None

    def work(self) -> Workspace:
        folder = self.folder / f"task-{uuid4().hex}"
        folder.mkdir(parents=True)
        return Workspace(
            store=DatasetStore(str(self.folder / "store"), compression=self.compression),
            folder=folder,
            connections=self.connections,
            progress=lambda rows, size: self.told.append((rows, size)),
        )

    def plan(
        self, source: Source, *, watermark: str | None = None, dates: DateRange | None = None, full: bool = False
    ) -> Planned:
        return plan_partitions(
            ExtractionPlanTask(source=source, watermark=watermark, dates=dates, full=full), self.work()
        )

    def extract(self, source: Source, planned: Planned, partition: Partition, **changes: Any) -> Extracted:
        task = ExtractTask(
            source=source, partition=partition, columns=planned.columns, since=planned.since, until=planned.until
        )
        return extract_partition(task.model_copy(update=changes), self.work())

    def read(self, source: Source, **changes: Any) -> Reading:
        """Plan and read everything, the partitions that others name too."""
        planned = self.plan(source, **changes)
        waiting = list(planned.partitions)
        extracted: list[Extracted] = []
        while waiting:
            extracted.append(self.extract(source, planned, waiting.pop(0)))
            following = extracted[-1].next
            waiting = [following, *waiting] if following is not None else waiting
        return self.reading(planned, extracted)

    def reading(self, planned: Planned, extracted: list[Extracted]) -> Reading:
        rows = [row for one in extracted if one.part is not None for row in self.rows(one.part)]
        bad = [row for one in extracted if one.quarantined is not None for row in self.rows(one.quarantined.part)]
        return Reading(planned, extracted, rows, bad)

    def rows(self, part: DatasetPart) -> Rows:
        rows: Rows = parquet.read_table(self.work().local(part)).to_pylist()
        return rows


def source(**told: Any) -> Source:
    return SOURCE.validate_python({"name": "orders", **told})


@contextmanager
def shop_database(server: str, reader: Reader, table: LiteralString) -> Generator[psycopg.Connection[Any]]:
    """A database of one test alone, with the table, and the reader's connection `shop` to it."""
    url = new_database(server, f"test_{uuid4().hex}")
    reader.connections = {"shop": PostgresqlConnection.model_validate({"url": url})}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(table)
        yield connection
