"""A part on its way into a Parquet file: row groups that an engine likes, from batches of any size."""

from pathlib import Path
from typing import Any

from towpath.dataplane.arrow import ArrowSchema, ArrowTable, compute, pa, parquet

GROUP_ROWS = 122_880
GROUP_BYTES = 32 * 1024**2
SAMPLE_ROWS = 8_192
REPEATED = 8
"""A column whose values occur so often on average gets a dictionary: for others, making one saves nothing."""


class PartWriter:
    """The same batches give the same file."""

    def __init__(self, path: Path, schema: ArrowSchema) -> None:
        self.schema = schema
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
            self._writer = _writer(self._path, self.schema, group)
        self._writer.write_table(group, row_group_size=self._waiting_rows)
        self._rows += self._waiting_rows
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0


def _writer(path: Path, schema: ArrowSchema, first: ArrowTable) -> Any:
    """Without statistics: every reader of a part reads all of it."""
    return parquet.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
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
