"""Quarantine: bad rows with reason, rule, source position and the row itself, in one file for a partition and stage."""

from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import JsonValue, TypeAdapter

from towpath.contracts.core.wire import JsonObject, clip
from towpath.contracts.pipeline.dataset import QuarantinedRows
from towpath.dataplane.core.arrow import ArrowArray, compute, pa, parquet, text_columns
from towpath.dataplane.core.workspace import Workspace

COLUMNS = text_columns(("reason", "rule", "position", "row"))
LINE = "$line"
"""The key of a row that could not be taken apart: its text."""
BYTES = "$bytes"
"""`{"$bytes": …}`, in base64, stands for a value that is no text in the source's encoding."""

_SCHEMA = pa.schema([pa.field(column.name, pa.string()) for column in COLUMNS])
_BATCH = 10_000
_JSON = TypeAdapter(JsonValue)


class Quarantine:
    """Collects the bad rows of one task, from any thread. They are written in batches: none of it stays in memory."""

    def __init__(self, work: Workspace, stage: str, partition: str) -> None:
        self._work = work
        self._stage = stage
        self._partition = partition
        self._lock = Lock()
        self._rows: list[dict[str, str]] = []
        self._writer: Any = None
        self._path: Path = work.folder / f"quarantine-{stage}.parquet"
        self.by_rule: Counter[str] = Counter()

    def add(self, *, rule: str, reason: str, position: str, row: JsonObject) -> None:
        """`reason` names column and rule and never the value; the row is only in the store."""
        text = _JSON.dump_json(row).decode()
        with self._lock:
            self._rows.append({"reason": clip(reason), "rule": rule, "position": position, "row": text})
            self.by_rule[rule] += 1
            if len(self._rows) >= _BATCH:
                self._flush()

    def add_columns(self, *, rules: ArrowArray, reasons: ArrowArray, positions: ArrowArray, rows: ArrowArray) -> None:
        """Many at once, as `add` takes one; `rows` are JSON."""
        with self._lock:
            self._flush()
            self._writer.write_table(pa.table([reasons, rules, positions, rows], schema=_SCHEMA))
            for one in compute.value_counts(rules).to_pylist():
                self.by_rule[one["values"]] += one["counts"]

    def close(self) -> QuarantinedRows | None:
        """Keeps the file; None when no row is bad. Raises DatasetStoreError."""
        if not self.by_rule:
            return None
        self._flush()
        self._writer.close()
        part = self._work.keep(self._path, self.by_rule.total(), COLUMNS, partition=self._partition)
        return QuarantinedRows(stage=self._stage, part=part, by_rule=dict(sorted(self.by_rule.items())))

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, _SCHEMA, compression="zstd", compression_level=1)
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=_SCHEMA))
            self._rows = []
