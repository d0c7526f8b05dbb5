"""Small tables as parts of a dataset: rows written down in a test, and read back from the store."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from towpath.contracts.pipeline.dataset import Column, ColumnType, Dataset, DatasetPart, QuarantinedRows
from towpath.contracts.pipeline.stages import DuplicatesTask, Transformed, TransformTask
from towpath.contracts.pipeline.transformation import Specification
from towpath.dataplane.core.columns import literal, quoted, sql_type, statement
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.specification.transform import find_duplicates, transform_part

Row = Sequence[object]


def columns(declared: str) -> tuple[Column, ...]:
    """`id:integer! name amount:decimal(12,2)`: text where no type stands, `!` for what must not be null."""
    return tuple(_column(word) for word in declared.split())


def _column(word: str) -> Column:
    name, _, kind = word.rstrip("!").partition(":")
    kind, _, sizes = kind.partition("(")
    precision, scale = (int(size) for size in sizes.rstrip(")").split(",")) if sizes else (18, 2)
    column_type = ColumnType(kind or "text")
    return Column(name=name, type=column_type, nullable=not word.endswith("!"), precision=precision, scale=scale)


def specification(*operations: dict[str, Any]) -> Specification:
    return Specification.model_validate({"source": "orders", "operations": operations})


@dataclass
class Table:
    """A store with parts in it, and the transformation of them."""

    root: Path
    source: tuple[Column, ...]
    target: tuple[Column, ...]
    operations: tuple[dict[str, Any], ...] = ()
    key: tuple[str, ...] = ()
    parts: list[DatasetPart] = field(default_factory=list[DatasetPart])
    others: dict[str, Dataset] = field(default_factory=dict[str, Dataset])
    memory_bytes: int = 350 * 1024**2

    def work(self) -> Workspace:
        folder = self.root / f"task-{len(list(self.root.glob('task-*')))}"
        folder.mkdir(parents=True)
        return Workspace(store=DatasetStore(str(self.root / "store")), folder=folder, memory_bytes=self.memory_bytes)

    def add(self, *rows: Row, of: tuple[Column, ...] | None = None) -> DatasetPart:
        """One more part; `_row` counts from 1."""
        part = self.write(of or self.source, rows, f"part-{len(self.parts)}")
        self.parts.append(part)
        return part

    def join(self, name: str, of: tuple[Column, ...], *rows: Row) -> None:
        self.others[name] = Dataset(name=name, parts=(self.write(of, rows, name),), columns=of)

    def write(self, of: tuple[Column, ...], rows: Sequence[Row], name: str) -> DatasetPart:
        work = self.work()
        file = work.folder / "rows.parquet"
        shown = ", ".join(f"{quoted(column.name)} {sql_type(column)}" for column in of)
        with duckdb.connect(":memory:") as connection:
            connection.execute(f"CREATE TABLE t ({shown}, _row BIGINT)")
            marks = ", ".join("?" for _ in range(len(of) + 1))
            for number, row in enumerate(rows, 1):
                connection.execute(statement("INSERT INTO t VALUES ({marks})", marks=marks), [*row, number])
            connection.execute(f"COPY t TO {literal(str(file))} (FORMAT parquet)")
        return work.keep(file, len(rows), of, name, f"{name}.csv")

    def task(self, **more: Any) -> TransformTask:
        fields: dict[str, Any] = {
            "specification": specification(*self.operations),
            "source": self.source,
            "target": self.target,
            "key": self.key,
            "others": {name: dataset.columns for name, dataset in self.others.items()},
            "related": self.others,
            "parts": tuple(self.parts),
        }
        return TransformTask(**{**fields, **more})

    def duplicates(self) -> DatasetPart | None:
        task = DuplicatesTask.model_validate(self.task().model_dump(include={*DuplicatesTask.model_fields}))
        return find_duplicates(task, self.work()).superseded

    def run(self, **more: Any) -> Transformed:
        return transform_part(self.task(**more), self.work())

    def run_parts(self, **more: Any) -> list[Transformed]:
        """As the workflow does: keys are looked at over all parts, then each part is transformed by itself."""
        superseded = self.duplicates()
        return [
            self.run(parts=(part,), first=number, superseded=superseded, **more)
            for number, part in enumerate(self.parts)
        ]

    def rows(self, part: DatasetPart | None) -> list[tuple[Any, ...]]:
        """The target's columns of a part."""
        if part is None:
            return []
        shown = ", ".join(quoted(column.name) for column in self.target)
        return self._read(part, shown)

    def quarantined(self, found: QuarantinedRows | None) -> list[tuple[str, str, dict[str, Any]]]:
        """Rule, position and row."""
        rows = self._read(found.part, "rule, position, row") if found else []
        return [(rule, position, json.loads(row)) for rule, position, row in rows]

    def _read(self, part: DatasetPart, shown: str) -> list[tuple[Any, ...]]:
        file = literal(str(self.root / "store" / part.uri))
        with duckdb.connect(":memory:") as connection:
            return connection.execute(statement("SELECT {shown} FROM {file}", shown=shown, file=file)).fetchall()
