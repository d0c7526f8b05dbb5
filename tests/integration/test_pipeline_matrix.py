"""Every source into every destination, by every strategy, as people run it: through the workflow, on real servers."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError

from tests.integration.warehouse import KINDS, Row, Warehouse, open_warehouse
from towpath.contracts.core.run import RunRecord
from towpath.contracts.pipeline.loading import Strategy
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.control.deadletters import find_letter, redrive
from towpath.dataplane.core.arrow import pa, parquet

COLUMNS = ("id", "name", "amount", "at", "day", "paid", "ratio", "extra")
TARGET = [
    {"name": "id", "type": "integer", "nullable": False},
    {"name": "name", "type": "text"},
    {"name": "amount", "type": "decimal", "precision": 18, "scale": 4},
    {"name": "at", "type": "timestamp"},
    {"name": "day", "type": "date"},
    {"name": "paid", "type": "boolean"},
    {"name": "ratio", "type": "float"},
    {"name": "extra", "type": "json"},
]
CASTS = [{"op": "cast", "column": one["name"], "to": one} for one in TARGET if one["type"] != "text"]
NAMES: Sequence[str | None] = ("김민수", "", None, 'O"Neil, Zoë\nline two', "  spaced  ", "🚲 NULL", "null")
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "id": number,
        "name": NAMES[number % len(NAMES)],
        "amount": None if number % 11 == 0 else Decimal(f"{number}2345678.{number:04d}"),
        "at": None if number % 13 == 0 else BEGAN + timedelta(hours=7 * number, microseconds=number),
        "day": date(2024, 2, 29) if number % 2 else date(1969, 12, 31),
        "paid": (True, False, None)[number % 3],
        "ratio": number / 7,
        "extra": None if number % 5 == 0 else {"번호": number, "tags": ["a", None, {"b": 1.5}], "empty": ""},
    }
    for number in range(1, 61)
]
Put = Callable[[Warehouse, str], Row]


def orders_as_text(row: Mapping[str, Any]) -> dict[str, str | None]:
    """With the zone of Seoul, as many exports have it."""
    at: datetime | None = row["at"]
    moved = None if at is None else at + timedelta(hours=9)
    return {
        **{name: None if row[name] is None else str(row[name]) for name in COLUMNS},
        "at": None if moved is None else moved.strftime("%Y-%m-%d %H:%M:%S.%f+09:00"),
        "extra": None if row["extra"] is None else json.dumps(row["extra"], ensure_ascii=False),
    }


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Quoted, and null where nothing stands: an empty text is quoted."""
    lines = [",".join(COLUMNS)]
    for row in rows:
        values = orders_as_text(row).values()
        lines.append(",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values))
    return "\r\n".join(lines).encode()


def as_json_values(row: Mapping[str, Any]) -> dict[str, Any]:
    amount = row["amount"]
    at = row["at"]
    return {
        **row,
        "amount": None if amount is None else float(amount),
        "at": None if at is None else at.isoformat().replace("+00:00", "Z"),
        "day": row["day"].isoformat(),
    }


def as_ndjson(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(as_json_values(row), ensure_ascii=False).encode() + b"\n" for row in rows)


def as_json(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return json.dumps([as_json_values(row) for row in rows], indent=1).encode()


def as_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    schema = pa.schema(
        [
            ("id", pa.int32()),
            ("name", pa.large_string()),
            ("amount", pa.decimal128(18, 4)),
            ("at", pa.timestamp("us", tz="Asia/Seoul")),
            ("day", pa.date32()),
            ("paid", pa.bool_()),
            ("ratio", pa.float64()),
            ("extra", pa.string()),
        ]
    )
    texts = [{**row, "extra": orders_as_text(row)["extra"]} for row in rows]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(texts, schema=schema), sink, row_group_size=10)
    content: bytes = sink.getvalue().to_pybytes()
    return content


FORMATS: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], bytes]] = {
    "csv": as_csv,
    "ndjson": as_ndjson,
    "json": as_json,
    "parquet": as_parquet,
}


def files(kind: str) -> Put:
    """Two files in a folder, each cut into partitions where its format can be."""

    def put(warehouse: Warehouse, name: str) -> Row:
        folder = warehouse.folder / name
        folder.mkdir()
        for number, rows in enumerate((ROWS[:20], ROWS[20:])):
            (folder / f"orders-{number}.{kind}").write_bytes(FORMATS[kind](rows))
        return {"type": kind, "path": str(folder / f"orders-*.{kind}"), "partition": {"by": "file", "size_bytes": 2048}}

    return put


def objects(kind: str) -> Put:
    """The same two files in a bucket."""

    def put(warehouse: Warehouse, name: str) -> Row:
        for number, rows in enumerate((ROWS[:20], ROWS[20:])):
            warehouse.put(f"{name}/2026/orders-{number}.{kind}", FORMATS[kind](rows))
        path = f"s3://shop/{name}/*/orders-*.{kind}"
        return {"type": kind, "path": path, "connection": "lake", "partition": {"by": "file", "size_bytes": 2048}}

    return put


def api(path: str, **paging: Any) -> Put:
    """The rows in pages of ten, three of which are a partition."""

    def put(warehouse: Warehouse, name: str) -> Row:
        del name
        warehouse.shop.orders = [as_json_values(row) for row in ROWS]
        warehouse.shop.total = True
        return {
            "type": "http",
            "connection": "shop",
            "path": path,
            "paging": {"size": 10, **paging},
            "partition": {"by": "page", "pages": 3},
            "requests_per_second": 1_000,
        }

    return put


def table(warehouse: Warehouse, name: str) -> Row:
    """A table, cut by ranges of its key."""
    source = f"source_{name.replace('-', '_')}"
    warehouse.sql(
        f"CREATE TABLE {source} (id bigint, name text, amount numeric(18, 4), at timestamptz, day date,"
        " paid boolean, ratio double precision, extra jsonb)"
    )
    texts = [{**row, "extra": orders_as_text(row)["extra"]} for row in ROWS]
    warehouse.insert(source, [[row[column] for column in COLUMNS] for row in texts])
    partition = {"by": "range", "column": "id", "rows": 20}
    return {"type": "postgresql", "connection": "warehouse", "table": source, "partition": partition}


SOURCES: Mapping[str, Put] = {
    "csv": files("csv"),
    "ndjson": files("ndjson"),
    "json": files("json"),
    "parquet": files("parquet"),
    "csv-on-s3": objects("csv"),
    "parquet-on-s3": objects("parquet"),
    "pages": api("pages", style="page", items="data.items", total="meta.total"),
    "cursors": api("cursors", style="cursor", items="items"),
    "links": api("links", style="link"),
    "table": table,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def warehouse(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Warehouse]:
    async with open_warehouse(tmp_path_factory.mktemp("warehouse")) as opened:
        yield opened


@pytest.mark.parametrize("name", SOURCES)
async def test_source_into_every_destination(warehouse: Warehouse, name: str) -> None:
    """One run loads all destinations, and each has every value as it was: digits, times, letters, nulls, JSON."""
    config = PipelineConfig.model_validate(
        {
            "id": f"matrix-{name}",
            "version": "1.0.0",
            "sources": [{"name": "orders", **SOURCES[name](warehouse, f"matrix-{name}")}],
            "target": {"table": "orders", "key": ["id"], "newest_by": "at", "columns": TARGET},
            "transformation": {"source": "orders", "operations": CASTS},
            "destinations": warehouse.destinations(f"matrix-{name}"),
        }
    )

    result = await warehouse.run(config)

    assert result.outcome is PipelineOutcome.LOADED
    assert {load.destination: load.inserted for load in result.loads} == dict.fromkeys(KINDS, len(ROWS))
    assert sum(rows.part.rows for rows in result.quarantine) == 0
    assert len([one for one in result.metrics if one.stage == "extract"]) > 1
    for kind in KINDS:
        assert [comparable(row) for row in warehouse.read(config, kind, *COLUMNS)] == EXPECTED, kind


def comparable(row: Sequence[Any]) -> tuple[Any, ...]:
    """JSON by its content, whatever its spaces."""
    return (*row[:-1], None if row[-1] is None else json.dumps(json.loads(row[-1]), sort_keys=True))


EXPECTED = sorted(
    (
        (
            *(row[name] for name in COLUMNS[:3]),
            row["at"] and row["at"].replace(tzinfo=None),
            row["day"],
            row["paid"],
            row["ratio"],
            row["extra"] and json.dumps(row["extra"], sort_keys=True),
        )
        for row in ROWS
    ),
    key=repr,
)


MOMENTS = {name: datetime(2026, 11, 1, hour, tzinfo=UTC) for name, hour in (("before", 1), ("first", 2), ("then", 3))}
DAYS = [date(2026, 11, day) for day in (1, 2, 3)]
FIRST = [(1, "a", 0, "first"), (2, "b", 0, "first"), (3, "c", 1, "first"), (4, "d", 2, "first")]
SECOND_LOAD = [(5, "e", 0, "then"), (1, "a", 0, "first"), (2, "B", 0, "then"), (3, "old", 1, "before")]
"""A new row, one again, one that changed, and one that comes late, older than what is there."""
AFTER: Mapping[Strategy, Sequence[tuple[Any, ...]]] = {
    "append": [(row[0], row[1]) for row in (*FIRST, *SECOND_LOAD)],
    "upsert": [(1, "a"), (2, "B"), (3, "c"), (4, "d"), (5, "e")],
    "delete_insert": [(1, "a"), (2, "B"), (3, "old"), (4, "d"), (5, "e")],
    "scd2": [
        (1, "a", "first", None),
        (2, "b", "first", "then"),
        (2, "B", "then", None),
        (3, "old", "before", "first"),
        (3, "c", "first", None),
        (4, "d", "first", None),
        (5, "e", "then", None),
    ],
}


def write_versions(folder: Path, rows: Sequence[tuple[int, str, int, str]]) -> None:
    """Half of the rows in each of two files."""
    folder.mkdir(exist_ok=True)
    lines = [f"{number},{name},{DAYS[day]},{MOMENTS[at].isoformat()}" for number, name, day, at in rows]
    for number in range(2):
        text = "\n".join(["id,name,day,at", *lines[number::2]])
        (folder / f"versions-{number}.csv").write_text(text, encoding="utf-8")


def versions_pipeline(warehouse: Warehouse, name: str, strategy: Strategy, **fields: Any) -> PipelineConfig:
    columns = [one for one in TARGET if one["name"] in {"id", "name", "day", "at"}]
    return PipelineConfig.model_validate(
        {
            "id": name,
            "version": "1.0.0",
            "sources": [{"name": "versions", "type": "csv", "path": str(warehouse.folder / name / "*.csv")}],
            "target": {
                "table": "versions",
                "key": ["id"],
                "newest_by": "at",
                "partition_by": "day",
                "columns": columns,
            },
            "transformation": {
                "source": "versions",
                "operations": [one for one in CASTS if one["column"] in {"id", "day", "at"}],
            },
            "destinations": warehouse.destinations(name, strategy),
        }
        | fields
    )


@pytest.mark.parametrize("strategy", AFTER)
async def test_strategy_in_every_destination(warehouse: Warehouse, strategy: Strategy) -> None:
    """A second load with changed, repeated, late and new rows leaves in each destination what its strategy says."""
    name = f"strategy-{strategy.replace('_', '-')}"
    config = versions_pipeline(warehouse, name, strategy)

    for rows in (FIRST, SECOND_LOAD):
        write_versions(warehouse.folder / name, rows)
        result = await warehouse.run(config)
        assert result.outcome is PipelineOutcome.LOADED

    shown = ("id", "name", "_valid_from", "_valid_to") if strategy == "scd2" else ("id", "name")
    times = {name: at.replace(tzinfo=None) for name, at in MOMENTS.items()}
    expected = [(*row[:2], *(at and times[at] for at in row[2:])) for row in AFTER[strategy]]
    for kind in KINDS:
        assert warehouse.read(config, kind, *shown) == sorted(expected, key=repr), kind


async def test_destination_that_cannot_be_loaded(warehouse: Warehouse) -> None:
    """The others are loaded. Redriven, the run loads the one that was missing, and nothing else: each row is there
    once, though the destinations append.
    """
    config = versions_pipeline(warehouse, "missing", "append")
    write_versions(warehouse.folder / "missing", FIRST)
    warehouse.sql("CREATE TABLE missing (id date)")

    with pytest.raises(WorkflowFailureError):
        await warehouse.run(config)

    letter = await find_letter(warehouse.house.client, "etl-pipeline/missing")
    assert letter.letter.step == "load/postgresql"
    assert [warehouse.read(config, kind, "id") for kind in KINDS[1:]] == [[(1,), (2,), (3,), (4,)]] * 2
    warehouse.sql("DROP TABLE missing")
    handle = (await redrive(warehouse.house.client, letter)).handle
    result: PipelineResult = await handle.result()

    assert [warehouse.read(config, kind, "id") for kind in KINDS] == [[(1,), (2,), (3,), (4,)]] * 3
    told = {load.destination: (load.state, load.inserted) for load in result.loads}
    assert told == dict.fromkeys(KINDS, ("loaded", len(FIRST)))
    record = await handle.query("status", result_type=RunRecord)
    kept = {step.step for step in record.steps if step.note == "kept from the run before"}
    assert {"extract/versions", "transform", "load/duckdb", "load/parquet"} <= kept
