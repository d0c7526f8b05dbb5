"""Pipelines for tests: files of rows whose truth is known, and destinations that can be read."""

import csv
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from towpath.contracts.pipeline.pipeline import PipelineConfig

duckdb: Any = importlib.import_module("duckdb")

COLUMNS = ("id", "price", "updated_at")
TARGET = {
    "table": "items",
    "key": ["id"],
    "newest_by": "updated_at",
    "columns": [
        {"name": "id", "type": "integer", "nullable": False},
        {"name": "price", "type": "decimal", "precision": 18, "scale": 2},
        {"name": "updated_at", "type": "timestamp"},
    ],
}
OPERATIONS = [
    {"op": "cast", "column": "id", "to": {"name": "id", "type": "integer"}},
    {"op": "cast", "column": "updated_at", "to": {"name": "updated_at", "type": "timestamp"}},
    {"op": "deduplicate", "key": ["id"], "newest_by": "updated_at"},
    {"op": "cast", "column": "price", "to": {"name": "price", "type": "decimal", "precision": 18, "scale": 2}},
]


def write_items(folder: Path, files: int, rows: int) -> Mapping[int, str]:
    """Files of rows, every tenth of them twice, and one bad price a file; the truth: price by id."""
    folder.mkdir(parents=True, exist_ok=True)
    truth: dict[int, str] = {}
    for number in range(files):
        lines: list[tuple[str, str, str]] = []
        for row in range(rows):
            key = number * rows + row
            if row % 10 == 0:
                lines.append((str(key), "0.01", "2026-11-01 00:00:00"))
            price = f"{key % 1000}.{key % 100:02d}"
            lines.append((str(key), price, "2026-11-02 00:00:00"))
            truth[key] = price
        bad = number * rows + 5
        lines = [(key, "n/a" if int(key) == bad else price, at) for key, price, at in lines]
        del truth[bad]
        _write(folder / f"items-{number:04d}.csv", lines)
    return truth


def _write(path: Path, lines: Iterable[tuple[str, str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as opened:
        written = csv.writer(opened)
        written.writerow(COLUMNS)
        written.writerows(lines)


def items_pipeline(folder: Path, **fields: Any) -> PipelineConfig:
    """From the files of `folder` to a DuckDB file beside them; `fields` replace those of the configuration."""
    given: dict[str, Any] = {
        "id": "items",
        "version": "1.0.0",
        "sources": [{"name": "items", "type": "csv", "path": str(folder / "items-*.csv")}],
        "target": TARGET,
        "transformation": {"source": "items", "operations": OPERATIONS},
        "quality": {"threshold": 0.9, "rules": [{"rule": "unique", "columns": ["id"]}], "otherwise": "fail"},
        "destinations": [{"name": "lake", "type": "duckdb", "path": str(folder / "items.duckdb"), "table": "items"}],
    }
    return PipelineConfig.model_validate(given | fields)


def read_duckdb(folder: Path) -> Mapping[int, str]:
    """Price by id, as the destination has it. A key that is there twice fails the test."""
    with duckdb.connect(str(folder / "items.duckdb"), read_only=True) as opened:
        rows = opened.execute("SELECT id, CAST(price AS VARCHAR) FROM items").fetchall()
    found = dict(rows)
    assert len(found) == len(rows)
    return found
