"""Quarantined rows, read once more: after a mend of the source's configuration, its rules or its contract."""

import base64
import csv
import io
from collections.abc import Iterator

from pydantic import JsonValue

from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.pipeline.pipeline import FileSource
from towpath.contracts.pipeline.stages import Extracted, ExtractTask, Replayed
from towpath.dataplane.core.arrow import pa, parquet
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.quarantine import BYTES, LINE
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.json_rows import JsonRows, Located

_BATCH = 10_000


def extract_replayed(task: ExtractTask, share: Replayed, work: Workspace) -> Extracted:
    """Positions stay those of the first reading. What is bad again is in quarantine again."""
    file = parquet.ParquetFile(work.local(share.rows.part))
    intake = RowIntake(task, work, "")
    reading = _Reading(task, intake)
    size = 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=["position", "row"]):
        size += batch.nbytes
        for position, rows in _by_origin(batch.to_pylist()):
            intake.origin = position
            reading.add(rows, size)
    return intake.close(new_columns=reading.new_columns)


class _Reading:
    def __init__(self, task: ExtractTask, intake: RowIntake) -> None:
        self._source = task.source
        self._names = [column.name for column in task.wanted]
        self._intake = intake
        self._encoding = task.source.encoding if isinstance(task.source, FileSource) else "utf-8"
        self._json = JsonRows(task.wanted, intake, self._encoding)

    @property
    def new_columns(self) -> tuple[str, ...]:
        return self._json.new_columns

    def add(self, rows: list[tuple[int, JsonObject]], size_bytes: int) -> None:
        """Rows of one origin: texts of lines are taken apart again, the others are as they were."""
        taken: list[dict[str, str | int | None]] = []
        lines: list[Located] = []
        for line, row in rows:
            values = {name: self._text(value) for name, value in row.items()}
            text = values.get(LINE)
            if text is None:
                taken.append({**{name: values.get(name) for name in self._names}, ROW: line})
            elif not isinstance(self._source, FileSource) or self._source.type != "csv":
                lines.append(Located(line, text))
            elif (fields := self._fields(text)) is not None:
                taken.append({**dict(zip(self._names, fields, strict=True)), ROW: line})
            else:
                self._intake.reject(
                    rule="columns", reason="not a record of so many columns", line=line, row={LINE: text}
                )
        if lines:
            self._intake.add(self._json.table(lines), size_bytes)
        if taken:
            schema = pa.schema([*(pa.field(name, pa.string()) for name in self._names), pa.field(ROW, pa.int64())])
            self._intake.add(pa.Table.from_pylist(taken, schema=schema), size_bytes)

    def _fields(self, text: str) -> list[str | None] | None:
        """The values of a record of CSV; None when it is none, or has not as many as there are columns."""
        delimiter = self._source.delimiter if isinstance(self._source, FileSource) else ","
        try:
            records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        except csv.Error:
            return None
        if len(records) != 1 or len(records[0]) != len(self._names):
            return None
        return [value or None for value in records[0]]

    def _text(self, value: JsonValue) -> str | None:
        if isinstance(value, dict) and isinstance(read := value.get(BYTES), str):
            return base64.b64decode(read).decode(self._encoding, "backslashreplace")
        return value if value is None or isinstance(value, str) else str(value)


def _by_origin(rows: list[dict[str, str]]) -> Iterator[tuple[str, list[tuple[int, JsonObject]]]]:
    found: dict[str, list[tuple[int, JsonObject]]] = {}
    for row in rows:
        origin, _, line = row["position"].rpartition(":")
        found.setdefault(origin, []).append((int(line) if line.isdigit() else 0, json_object(row["row"]) or {}))
    yield from found.items()
