"""The schema contract in whole runs: {tables, columns, types} × {evolve, freeze, discard, quarantine}, and drift."""

import importlib
import json
from datetime import datetime
from typing import Any

import pytest

from tests.timeskip.pipeline import Pipelines
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult

pa: Any = importlib.import_module("pyarrow")
parquet: Any = importlib.import_module("pyarrow.parquet")

COLUMNS = "id price updated_at"
AT = "2026-11-01 00:00:00"
TEXTS = [{"name": name, "type": "text"} for name in COLUMNS.split()]
TYPED = [
    {"name": "id", "type": "integer", "nullable": False},
    {"name": "price", "type": "integer"},
    {"name": "updated_at", "type": "timestamp"},
]
SHOWN = "id, CAST(price AS VARCHAR)"


def declared(pipelines: Pipelines, contract: dict[str, str], *, kind: str = "csv", **fields: Any) -> PipelineConfig:
    """The pipeline of items with declared columns and a contract."""
    source: dict[str, Any] = {
        "name": "items",
        "type": kind,
        "path": str(pipelines.folder / "items-*"),
        "columns": TYPED if kind == "parquet" else TEXTS,
        "contract": contract,
    }
    return pipelines.config(**{"sources": [source], **fields})


def told(result: PipelineResult, word: str) -> list[str]:
    return [note for note in result.notes if word in note]


@pytest.mark.parametrize(
    ("action", "loaded", "quarantined"),
    [
        ("evolve", [1, 2], []),
        ("discard_value", [1, 2], []),
        ("discard_row", [2], []),
        ("quarantine_row", [2], [("contract", "colour: the contract lets no new column in")]),
    ],
)
async def test_new_column(pipelines: Pipelines, action: str, loaded: list[int], quarantined: list[Any]) -> None:
    """A column that nobody declared: read or not, and what becomes of the rows that have a value in it."""
    pipelines.write(f"{COLUMNS} colour", ("1", "1.50", AT, "red"), ("2", "2.50", AT, ""))
    result = await pipelines.ended(declared(pipelines, {"columns": action}))

    assert pipelines.loaded("id") == [(key,) for key in loaded]
    found = pipelines.rows(result)
    assert [(row["rule"], row["reason"]) for row in found] == quarantined
    assert [row["position"].rpartition(":")[2] for row in found] == ["2"] * len(quarantined)
    assert told(result, "colour (text) is new") == [f"items: column colour (text) is new ({action})"]
    assert told(result, "downstream") == ["items.colour is new: nothing downstream reads it"]
    extracted = pipelines.world.done("transform_part")[0].source
    assert ("colour" in [column.name for column in extracted]) is (action == "evolve")


async def test_frozen_columns(pipelines: Pipelines) -> None:
    """A new column ends the run before anything is read, and so does a renamed one; what hangs on it is told."""
    pipelines.write("id prices updated_at", ("1", "1.50", AT))
    letter, _ = await pipelines.failed(declared(pipelines, {"columns": "freeze"}))

    assert (letter.step, letter.failure.code) == ("plan", FailureCode.PIPELINE_SCHEMA_CHANGED)
    message = letter.failure.message
    assert "column price is declared and not there" in message
    assert "column prices (text) is new" in message
    assert "items.price is gone: target columns price come from it" in message
    assert pipelines.world.done("extract_partition") == []


async def test_column_that_disappears(pipelines: Pipelines) -> None:
    """It is null; what comes from it is told, and a likely new name is proposed and not taken."""
    pipelines.write("id prices updated_at", ("1", "1.50", AT))
    result = await pipelines.ended(declared(pipelines, {"columns": "discard_value"}))

    assert pipelines.loaded(SHOWN) == [(1, None)]
    assert told(result, "price is gone") == ["items.price is gone: target columns price come from it"]
    assert told(result, "prices is new") == ["items.prices is new: nothing downstream reads it"]
    (rename,) = told(result, "may have been renamed")
    assert "{op: rename, columns: {prices: price}}" in rename
    assert "may have been renamed" in pipelines.page(result)


@pytest.mark.parametrize(
    ("action", "loaded", "quarantined"),
    [
        ("evolve", [(1, "1.50"), (2, "2.00")], []),
        ("discard_value", [(1, None), (2, "2.00")], []),
        ("discard_row", [(2, "2.00")], []),
        ("quarantine_row", [(2, "2.00")], [("type", "price: not of its column's type")]),
    ],
)
async def test_other_type(
    pipelines: Pipelines, action: str, loaded: list[tuple[int, str | None]], quarantined: list[Any]
) -> None:
    """A column of whole numbers that has become one of fractions: nothing is rounded on its way."""
    write_parquet(pipelines)
    result = await pipelines.ended(declared(pipelines, {"types": action}, kind="parquet"))

    assert pipelines.loaded(SHOWN) == loaded
    assert [(row["rule"], row["reason"]) for row in pipelines.rows(result)] == quarantined
    assert told(result, "price is float") == [f"items: column price is float, integer is declared ({action})"]
    assert told(result, "another type") == ["items.price has another type: target columns price come from it"]


async def test_frozen_types(pipelines: Pipelines) -> None:
    """A column of another type ends the run before anything is read; in files of texts, a value that is none does."""
    write_parquet(pipelines)
    letter, _ = await pipelines.failed(declared(pipelines, {"types": "freeze"}, kind="parquet"))
    assert (letter.step, letter.failure.code) == ("plan", FailureCode.PIPELINE_SCHEMA_CHANGED)

    (pipelines.folder / "items-0.parquet").unlink()
    pipelines.write(COLUMNS, ("1", "1.50", AT))
    source = {"name": "items", "type": "csv", "path": str(pipelines.folder / "items-*"), "columns": TYPED}
    frozen = pipelines.config(sources=[{**source, "contract": {"types": "freeze"}}])
    letter, _ = await pipelines.failed(frozen)

    assert (letter.step, letter.failure.code) == ("extract/items", FailureCode.PIPELINE_SOURCE_INVALID)
    assert pipelines.loaded() == []


async def test_frozen_tables(pipelines: Pipelines) -> None:
    """A destination without its table ends the run; one that has it is loaded."""
    pipelines.write(COLUMNS, ("1", "1.50", AT))
    letter, _ = await pipelines.failed(declared(pipelines, {"tables": "freeze"}))
    assert (letter.step, letter.failure.code) == ("plan", FailureCode.PIPELINE_SCHEMA_CHANGED)
    assert "lake has no table items yet" in letter.failure.message

    await pipelines.ended(declared(pipelines, {"tables": "evolve"}))
    pipelines.write(COLUMNS, ("2", "2.50", AT))
    result = await pipelines.ended(declared(pipelines, {"tables": "freeze"}))

    assert result.outcome is PipelineOutcome.LOADED
    assert pipelines.loaded("id") == [(1,), (2,)]


@pytest.mark.parametrize("action", ["discard_row", "discard_value"])
async def test_tables_left_out(pipelines: Pipelines, action: str) -> None:
    """The data of a new table is left out, as dlt has it, and others are loaded; without any, nothing is read."""
    pipelines.write(COLUMNS, ("1", "1.50", AT))
    nothing = await pipelines.ended(declared(pipelines, {"tables": action}))
    assert nothing.outcome is PipelineOutcome.NOTHING
    assert told(nothing, "left out")
    assert pipelines.world.done("extract_partition") == []

    await pipelines.ended(declared(pipelines, {}))
    pipelines.write(COLUMNS, ("2", "2.50", AT))
    lake = {"name": "lake", "type": "duckdb", "path": str(pipelines.folder / "items.duckdb"), "table": "items"}
    place = pipelines.folder / "place"
    both = [lake, {"name": "files", "type": "parquet", "path": str(place)}]
    result = await pipelines.ended(declared(pipelines, {"tables": action}, destinations=both))

    assert [(load.destination, load.state) for load in result.loads] == [("files", "skipped"), ("lake", "loaded")]
    assert told(result, "left out") == ["files has no table yet, and the contract makes none: it was left out"]
    assert pipelines.loaded("id") == [(1,), (2,)]
    assert list(place.rglob("*.parquet")) == []


@pytest.mark.parametrize("action", ["evolve", "quarantine_row", "freeze"])
async def test_field_that_comes_late(pipelines: Pipelines, action: str) -> None:
    """A field that only the thousandth object has: the contract holds for it all the same."""
    pipelines.folder.mkdir()
    rows: list[dict[str, str]] = [{"id": str(key), "price": "1.50", "updated_at": AT} for key in range(1_001)]
    rows[-1]["colour"] = "red"
    path = pipelines.folder / "items-0.ndjson"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    config = declared(pipelines, {"columns": action}, kind="ndjson")
    if action == "freeze":
        letter, _ = await pipelines.failed(config)
        assert (letter.step, letter.failure.code) == ("extract/items", FailureCode.PIPELINE_SCHEMA_CHANGED)
        assert pipelines.loaded() == []
        return
    result = await pipelines.ended(config)

    assert len(pipelines.loaded()) == (1_001 if action == "evolve" else 1_000)
    assert [row["position"].rpartition(":")[2] for row in pipelines.rows(result)] == (
        [] if action == "evolve" else ["1001"]
    )
    assert told(result, "was not seen at planning")


def write_parquet(pipelines: Pipelines) -> None:
    pipelines.folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.fromisoformat(AT)
    table = pa.table({"id": [1, 2], "price": [1.5, 2.0], "updated_at": [moment, moment]})
    parquet.write_table(table, pipelines.folder / "items-0.parquet")
