"""A part on its way into a Parquet file: row groups that an engine likes, from batches of any size."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from towpath.contracts.pipeline.plane import Compression
from towpath.dataplane.core.arrow import ArrowArray, ArrowSchema, ArrowTable, compute, pa, parquet

GROUP_ROWS = 122_880
GROUP_BYTES = 32 * 1024**2
SAMPLE_ROWS = 8_192
REPEATED = 8
"""A column whose values occur so often on average gets a dictionary: for others, making one saves nothing."""


LEFT_OUT_ROW = "row"
"""The column of a file of rows that a part is without."""


class PartWriter:
    """The same batches give the same file."""

    def __init__(self, path: Path, schema: ArrowSchema, compression: Compression) -> None:
        self.schema = schema
        self._compression: Compression = compression
        self._path = path
        self._writer: Any = None
        self._waiting: list[ArrowTable] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._rows = 0

    def write(self, table: ArrowTable) -> None:
        """Rows of the schema."""
        done = 0
        while done < table.num_rows:
            piece = table.slice(done, GROUP_ROWS - self._waiting_rows)
            done += piece.num_rows
            self._waiting.append(piece)
            self._waiting_rows += piece.num_rows
            self._waiting_bytes += piece.nbytes
            if self._waiting_rows >= GROUP_ROWS or self._waiting_bytes >= GROUP_BYTES:
                self._flush()

    def close(self) -> tuple[Path, int]:
        """The file and its rows; without any there is no file."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
        return self._path, self._rows

    def _flush(self) -> None:
        if not self._waiting_rows:
            return
        group = pa.concat_tables(self._waiting)
        if self._writer is None:
            self._writer = _writer(self._path, group, self._compression)
        self._writer.write_table(group, row_group_size=self._waiting_rows)
        self._rows += self._waiting_rows
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0


def leave_out(file: Path, rows: ArrowArray, target: Path, compression: Compression) -> Path:
    """Writes the rows of a file without those of these numbers."""
    with parquet.ParquetFile(file) as opened:
        writer = PartWriter(target, opened.schema_arrow, compression)
        for table in tables_without(opened, rows, GROUP_ROWS):
            writer.write(table)
    return writer.close()[0]


def tables_without(file: Any, rows: ArrowArray, size: int, columns: list[str] | None = None) -> Iterator[ArrowTable]:
    """Of a pyarrow.ParquetFile, at most `size` rows at a time, without those of these numbers."""
    done = 0
    for batch in file.iter_batches(size, columns=columns):
        table = pa.Table.from_batches([batch])
        yield (
            table
            if not len(rows)
            else table.filter(compute.invert(compute.is_in(pa.arange(done, done + batch.num_rows), rows)))
        )
        done += batch.num_rows


def _writer(path: Path, first: ArrowTable, compression: Compression) -> Any:
    """Without statistics: every reader of a part reads all of it."""
    return parquet.ParquetWriter(
        path,
        first.schema,
        compression=compression,
        compression_level=1 if compression == "zstd" else None,
        use_dictionary=_repeated(first.slice(0, SAMPLE_ROWS)) or False,
        write_statistics=False,
        store_decimal_as_integer=True,
    )


def _repeated(sample: ArrowTable) -> list[str]:
    return [
        name
        for name in sample.column_names
        if compute.count_distinct(sample[name]).as_py() * REPEATED <= sample.num_rows
    ]
