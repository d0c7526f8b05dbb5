"""Runs that go on where the last one ended: what is new is read, loaded once, and nothing of it is lost."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from starlette.responses import Response
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.integration.warehouse import KINDS, Row, Warehouse, open_warehouse, rows_read, rows_taken
from towpath.contracts.pipeline.loading import Strategy
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome
from towpath.dataplane.core.arrow import pa, parquet

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
COLUMNS = [
    {"name": "id", "type": "integer", "nullable": False},
    {"name": "name", "type": "text"},
    {"name": "at", "type": "timestamp"},
]
CASTS = [{"op": "cast", "column": one["name"], "to": one} for one in COLUMNS]
Event = tuple[int, str, datetime | None]
Write = Callable[[Warehouse, str, Sequence[Event]], Row]


def event(number: int, hours: float, name: str = "new") -> Event:
    return number, name, BEGAN + timedelta(hours=hours)


def as_table(warehouse: Warehouse, name: str, events: Sequence[Event]) -> Row:
    """A table, cut by ranges of its key."""
    table = f"source_{name.replace('-', '_')}"
    warehouse.sql(f"DROP TABLE IF EXISTS {table}")
    warehouse.sql(f"CREATE TABLE {table} (id bigint, name text, at timestamptz)")
    warehouse.insert(table, events)
    partition = {"by": "range", "column": "id", "rows": 5}
    return {"type": "postgresql", "connection": "warehouse", "table": table, "partition": partition}


def as_api(warehouse: Warehouse, name: str, events: Sequence[Event]) -> Row:
    """Pages of four rows, each a partition; the API is asked for what is new."""
    del name
    warehouse.shop.total = True
    warehouse.shop.orders = [{"id": number, "name": text, "at": _written(at)} for number, text, at in events]
    return {
        "type": "http",
        "connection": "shop",
        "path": "pages",
        "paging": {"style": "page", "items": "data.items", "total": "meta.total", "size": 4},
        "partition": {"by": "page", "pages": 1},
        "requests_per_second": 1_000,
        "since_parameter": "since",
    }


def as_files(warehouse: Warehouse, name: str, events: Sequence[Event]) -> Row:
    """Two files, written anew each time: read whole, and taken from as far as they are new."""
    folder = warehouse.folder / name
    folder.mkdir(exist_ok=True)
    for number in range(2):
        lines = [
            json.dumps({"id": key, "name": text, "at": _written(at)}) + "\n" for key, text, at in events[number::2]
        ]
        (folder / f"events-{number}.ndjson").write_text("".join(lines), encoding="utf-8")
    return {"type": "ndjson", "path": str(folder / "events-*.ndjson")}


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S")


SOURCES: Mapping[str, Write] = {"table": as_table, "api": as_api, "files": as_files}


def events_pipeline(
    warehouse: Warehouse, name: str, source: Row, strategy: Strategy = "upsert", **fields: Any
) -> PipelineConfig:
    given = {"name": "events", "columns": COLUMNS, "cursor": {"field": "at"}, **source}
    return PipelineConfig.model_validate(
        {
            "id": name,
            "version": "1.0.0",
            "sources": [given],
            "target": {"table": "events", "key": ["id"], "newest_by": "at", "columns": COLUMNS},
            "transformation": {"source": "events", "operations": CASTS},
            "destinations": warehouse.destinations(name, strategy),
        }
        | fields
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def warehouse(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Warehouse]:
    async with open_warehouse(tmp_path_factory.mktemp("warehouse")) as opened:
        yield opened


@pytest.mark.parametrize(("kind", "read"), [("table", 6), ("api", 6), ("files", 15)])
async def test_lag(warehouse: Warehouse, kind: str, read: int) -> None:
    """The second run reads from the watermark less the lag. A late row within it gets in, an older version of a row
    does not replace the newer one, and what is older than the lag is not read.
    """
    name = f"lag-{kind}"
    first = [event(number, number) for number in range(10)]
    after = [event(20, 11), event(21, 8.5, "late"), event(9, 8.75, "older"), event(22, 1, "too late")]

    def pipeline(events: Sequence[Event]) -> PipelineConfig:
        source = SOURCES[kind](warehouse, name, events) | {"cursor": {"field": "at", "lag": "PT1H"}}
        return events_pipeline(warehouse, name, source)

    begun = await warehouse.run(pipeline(first))
    config = pipeline([*first, *after, event(23, 12)])
    result = await warehouse.run(config)

    assert rows_read(begun) == 10
    assert begun.watermark == "2026-11-01T09:00:00"
    assert (rows_read(result), rows_taken(result)) == (read, 6)
    expected = [*((number, "new") for number in range(10)), (20, "new"), (21, "late"), (23, "new")]
    for destination in KINDS:
        assert warehouse.read(config, destination, "id", "name") == sorted(expected, key=repr), destination
    assert result.watermark == "2026-11-01T12:00:00"


@pytest.mark.parametrize("kind", SOURCES)
async def test_append_at_the_watermark(warehouse: Warehouse, kind: str) -> None:
    """Rows that have the watermark's own time are loaded once, those too that come after the run that set it. When
    nothing came, nothing is new.
    """
    name = f"append-{kind}"
    events = [*(event(number, 1) for number in range(4)), *(event(number, 2) for number in range(4, 9))]

    async def run() -> PipelineOutcome:
        config = events_pipeline(warehouse, name, SOURCES[kind](warehouse, name, events), "append")
        outcome = (await warehouse.run(config)).outcome
        for destination in KINDS:
            found = warehouse.read(config, destination, "id")
            assert found == sorted(((number,) for number, _, _ in events), key=repr), destination
        return outcome

    outcomes = [await run()]
    events += [event(20, 2), event(21, 2)]
    outcomes.append(await run())
    outcomes.append(await run())
    events += [event(22, 3), event(23, 2)]
    outcomes.append(await run())

    loaded, nothing = PipelineOutcome.LOADED, PipelineOutcome.NOTHING
    assert outcomes == [loaded, loaded, nothing, loaded]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        pytest.param("append", {"postgresql": 3}, id="append"),
        pytest.param("upsert", {"postgresql": 4, "duckdb": 2, "parquet": 2}, id="upsert"),
    ],
)
async def test_destination_behind(warehouse: Warehouse, strategy: Strategy, expected: Mapping[str, int]) -> None:
    """A run that could not load one destination is not redriven. The next one loads what it lacks: all others ignore
    what they have, and where they append, it is loaded alone up to where they are. No row is lost, or there twice.
    """
    name = f"behind_{strategy}"
    events = [event(1, 1), event(2, 2)]

    def pipeline() -> PipelineConfig:
        return events_pipeline(warehouse, name.replace("_", "-"), as_table(warehouse, name, events), strategy)

    await warehouse.run(pipeline())
    events += [event(3, 2), event(4, 3)]
    warehouse.sql(f"ALTER TABLE {name} RENAME TO elsewhere")
    warehouse.sql(f"CREATE TABLE {name} (id date)")
    with pytest.raises(WorkflowFailureError):
        await warehouse.run(pipeline())
    warehouse.sql(f"DROP TABLE {name}")
    warehouse.sql(f"ALTER TABLE elsewhere RENAME TO {name}")
    # The first comes late to where the others are: where they append, it sets them apart once more.
    events += [event(5, 3), event(6, 4)]

    loads = [{load.destination: load.inserted for load in (await warehouse.run(pipeline())).loads} for _ in range(4)]

    assert (loads[0], loads[-1]) == (expected, {})
    for destination in KINDS:
        assert warehouse.read(pipeline(), destination, "id") == [(number,) for number in range(1, 7)], destination


async def test_limits_of_an_api(warehouse: Warehouse) -> None:
    """All partitions together ask no faster than is allowed, and wait when they are told to: no page is lost."""
    events = [event(number, number) for number in range(20)]
    source = as_api(warehouse, "limits", events) | {"requests_per_second": 10}
    shop = warehouse.shop
    shop.at.clear()
    shop.answers = [Response(status_code=429, headers={"retry-after": "1"})]
    config = events_pipeline(warehouse, "limits", source, concurrency=2)

    await warehouse.run(config)

    requests, seconds = len(shop.at), shop.at[-1] - shop.at[0]
    assert requests >= 6
    assert seconds >= 1 + (requests - 3) / 10
    assert warehouse.read(config, "duckdb", "id") == sorted(((number,) for number in range(20)), key=repr)


async def test_whole_days(warehouse: Warehouse) -> None:
    """Where partitions are replaced, the watermark's day is read again: a later row joins those of its day."""
    day = {"name": "day", "type": "date"}
    columns, name = [*COLUMNS, day], "days"
    target = {"table": "days", "key": ["id"], "partition_by": "day", "columns": columns}
    source = {
        "type": "postgresql",
        "connection": "warehouse",
        "table": "source_days",
        "columns": columns,
        "cursor": {"field": "day"},
    }
    warehouse.sql("CREATE TABLE source_days (id bigint, name text, at timestamptz, day date)")
    config = events_pipeline(
        warehouse,
        name,
        source,
        "delete_insert",
        target=target,
        transformation={"source": "events", "operations": []},
    )

    for number, hours in enumerate((1, 30, 31)):
        moment = BEGAN + timedelta(hours=hours)
        warehouse.insert("source_days", [(number, "new", moment, moment.date())])
        await warehouse.run(config)

    assert [warehouse.read(config, kind, "id") for kind in KINDS] == [[(0,), (1,), (2,)]] * 3


async def test_append_without_a_cursor_in_a_row(warehouse: Warehouse) -> None:
    """Rows without a time, and those ahead of all clocks, would be read with every run: they are quarantined."""
    events = [event(1, 1), (2, "no time", None), event(3, 24 * 365 * 50, "far ahead")]
    config = events_pipeline(warehouse, "timeless", as_table(warehouse, "timeless", events), "append")

    first, second = await warehouse.run(config), await warehouse.run(config)

    assert first.outcome is PipelineOutcome.LOADED
    assert [rows.by_rule for rows in first.quarantine] == [{"cursor": 2}]
    assert second.outcome is PipelineOutcome.QUARANTINED
    assert second.watermark == first.watermark == "2026-11-01T01:00:00"
    assert [warehouse.read(config, kind, "id") for kind in KINDS] == [[(1,)]] * 3


@pytest.mark.parametrize("kind", ["table", "files"])
async def test_all_rows_quarantined(warehouse: Warehouse, kind: str) -> None:
    """The run says so, and the watermark moves: the next one reads only what came since."""
    name = f"bad-{kind}"
    rule = {"rule": "pattern", "column": "name", "value": "new"}
    events = [event(1, 1, "bad"), event(2, 2, "bad")]

    def pipeline() -> PipelineConfig:
        source = SOURCES[kind](warehouse, name, events) | {"validation": [rule]}
        return events_pipeline(warehouse, name, source)

    first, second = await warehouse.run(pipeline()), await warehouse.run(pipeline())
    events.append(event(3, 3))
    third = await warehouse.run(pipeline())

    assert [one.outcome for one in (first, second, third)] == [
        PipelineOutcome.QUARANTINED,
        PipelineOutcome.NOTHING,
        PipelineOutcome.LOADED,
    ]
    assert (first.watermark, sum(rows.part.rows for rows in first.quarantine)) == ("2026-11-01T02:00:00", 2)
    assert not second.quarantine
    assert not third.quarantine
    assert [warehouse.read(pipeline(), destination, "id") for destination in KINDS] == [[(3,)]] * 3


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [
        pytest.param(
            {"op": "cast", "column": "name", "to": {"name": "name", "type": "integer"}},
            PipelineOutcome.QUARANTINED,
            id="quarantined",
        ),
        pytest.param({"op": "filter", "expression": "name <> 'new'"}, PipelineOutcome.NOTHING, id="left-out"),
    ],
)
async def test_all_rows_lost_in_transformation(warehouse: Warehouse, operation: Row, outcome: PipelineOutcome) -> None:
    """Whatever keeps all rows from being loaded, the watermark moves past them."""
    name = f"lost-{outcome}"
    operations = [operation, {"op": "cast", "column": "name", "to": COLUMNS[1]}, *CASTS]
    config = events_pipeline(
        warehouse,
        name,
        as_table(warehouse, name, [event(1, 1)]),
        transformation={"source": "events", "operations": operations},
    )

    first, second = await warehouse.run(config), await warehouse.run(config)

    assert (first.outcome, first.watermark) == (outcome, "2026-11-01T01:00:00")
    assert (second.outcome, rows_taken(second)) == (PipelineOutcome.NOTHING, 0)


def _file(kind: str, name: str | None, content: bytes = b"") -> Callable[[Warehouse, str], Row]:
    def put(warehouse: Warehouse, pipeline: str) -> Row:
        folder = warehouse.folder / pipeline
        folder.mkdir()
        if name is not None:
            (folder / name).write_bytes(content)
        return {"type": kind, "path": str(folder / "*")}

    return put


def _parquet() -> bytes:
    schema = pa.schema([("id", pa.int64()), ("name", pa.string()), ("at", pa.timestamp("us"))])
    sink = pa.BufferOutputStream()
    parquet.write_table(schema.empty_table(), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _api(path: str, **paging: Any) -> Callable[[Warehouse, str], Row]:
    def put(warehouse: Warehouse, pipeline: str) -> Row:
        del pipeline
        warehouse.shop.orders = []
        return {"type": "http", "connection": "shop", "path": path, "paging": paging, "requests_per_second": 1_000}

    return put


def _bucket(warehouse: Warehouse, pipeline: str) -> Row:
    warehouse.put(f"{pipeline}/readme.txt", b"no rows")
    return {"type": "csv", "path": f"s3://shop/{pipeline}/*.csv", "connection": "lake"}


EMPTY: Mapping[str, Callable[[Warehouse, str], Row]] = {
    "no-file": _file("csv", None),
    "csv": _file("csv", "events.csv"),
    "csv-header": _file("csv", "events.csv", b"id,name,at\r\n"),
    "ndjson": _file("ndjson", "events.ndjson"),
    "ndjson-lines": _file("ndjson", "events.ndjson", b"\n \n"),
    "json": _file("json", "events.json"),
    "json-array": _file("json", "events.json", b" [ ] "),
    "parquet": _file("parquet", "events.parquet", _parquet()),
    "no-object": _bucket,
    "table": lambda warehouse, name: as_table(warehouse, name, []),
    "pages": _api("pages", style="page", items="data.items"),
    "cursors": _api("cursors", style="cursor", items="items"),
    "links": _api("links", style="link"),
    "list": _api("list"),
}


NOTHING_THERE: Mapping[str, str] = {
    **dict.fromkeys(("no-file", "no-object"), "pipeline.source_missing"),
    **dict.fromkeys(("csv", "ndjson", "ndjson-lines", "json"), "pipeline.source_invalid"),
}
"""What is no source without rows: no file at all, or one in which nothing stands. With the code that tells it."""


def _of_kind(warehouse: Warehouse, kind: str, *, declared: bool) -> PipelineConfig:
    name = f"empty-{kind}-{'declared' if declared else 'found'}"
    told: Row = {"cursor": {"field": "at", "lag": "PT1H"}} if declared else {"columns": (), "cursor": None}
    return events_pipeline(warehouse, name, EMPTY[kind](warehouse, name) | told)


@pytest.mark.parametrize("declared", [True, False], ids=["with-a-cursor", "undeclared"])
@pytest.mark.parametrize("kind", NOTHING_THERE)
async def test_nothing_to_read(warehouse: Warehouse, kind: str, declared: bool) -> None:
    """A path without a file, or with nothing in it, ends the run with the cause."""
    with pytest.raises(WorkflowFailureError) as failed:
        await warehouse.run(_of_kind(warehouse, kind, declared=declared))

    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == NOTHING_THERE[kind]


@pytest.mark.parametrize("declared", [True, False], ids=["with-a-cursor", "undeclared"])
@pytest.mark.parametrize("kind", [kind for kind in EMPTY if kind not in NOTHING_THERE])
async def test_empty_source(warehouse: Warehouse, kind: str, declared: bool) -> None:
    """A source without a row is nothing new, and no error."""
    result = await warehouse.run(_of_kind(warehouse, kind, declared=declared))

    assert result.outcome is PipelineOutcome.NOTHING
    assert result.watermark is None
