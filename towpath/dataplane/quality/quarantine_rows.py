"""Quarantined rows, shown or written to a file for whoever mends them."""

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from towpath import private
from towpath.contracts.core.wire import json_object
from towpath.contracts.pipeline.dataset import QuarantinedRows
from towpath.contracts.pipeline.inspection import QuarantinedRow, QuarantineRead, ReadQuarantine
from towpath.dataplane.core.arrow import parquet
from towpath.dataplane.core.errors import DatasetStoreError
from towpath.dataplane.core.shapes import masked
from towpath.dataplane.core.workspace import Workspace

_BATCH = 1_000
_FIELDS = ("stage", "rule", "reason", "position", "row")


def read_quarantine(task: ReadQuarantine, work: Workspace) -> QuarantineRead:
    """In the order of their partitions. Raises DatasetStoreError."""
    rows = _rows(task.quarantine, work)
    if not task.file:
        found = islice(rows, task.most)
        shown = tuple(row.model_copy(update={"row": masked(row.row, task.personal)}) for row in found)
        return QuarantineRead(rows=len(shown), shown=shown)
    try:
        return QuarantineRead(rows=_write(work.roots.files.resolve(task.file), rows))
    except OSError as error:
        raise DatasetStoreError(f"{task.file} cannot be written: {error.strerror}") from error


def _rows(quarantine: Iterable[QuarantinedRows], work: Workspace) -> Iterator[QuarantinedRow]:
    for one in quarantine:
        for batch in parquet.ParquetFile(work.local(one.part)).iter_batches(batch_size=_BATCH):
            for row in batch.to_pylist():
                yield QuarantinedRow.model_validate(
                    {**row, "row": json_object(row["row"] or "{}") or {}, "stage": one.stage}
                )


def _write(file: Path, rows: Iterable[QuarantinedRow]) -> int:
    count = 0
    with private.open_text(file, newline="") as opened:
        table = csv.writer(opened) if file.suffix == ".csv" else None
        if table is not None:
            table.writerow(_FIELDS)
        for row in rows:
            count += 1
            if table is None:
                opened.write(f"{row.model_dump_json()}\n")
            else:
                table.writerow(
                    (row.stage, row.rule, row.reason, row.position, row.model_dump_json(include={"row"})[7:-1])
                )
    return count
