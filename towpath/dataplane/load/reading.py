"""A part as batches of exactly the columns that a target has."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from towpath.contracts.pipeline.dataset import Column, DatasetPart
from towpath.dataplane.core.arrow import ArrowArray, arrow_type, pa, parquet
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.core.part_writer import tables_without
from towpath.dataplane.core.workspace import Workspace

BATCH_ROWS = 32_768


def target_schema(columns: Iterable[Column]) -> Any:
    """A pyarrow.Schema."""
    return pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])


class PartRows(NamedTuple):
    """A file that has the rows of a part, and the numbers of those that are not in it."""

    file: Path
    without: ArrowArray


def rows_of(part: DatasetPart, work: Workspace) -> PartRows:
    """Raises DatasetStoreError."""
    return PartRows(work.file(part), work.left_out(part))


def batches(rows: PartRows, columns: tuple[Column, ...]) -> Iterator[Any]:
    """Record batches, cast where their types differ. Raises LoadError for a column that is missing or does not fit."""
    schema = target_schema(columns)
    with parquet.ParquetFile(rows.file) as opened:
        check_columns(opened.schema_arrow.names, columns)
        for table in tables_without(opened, rows.without, BATCH_ROWS, schema.names):
            ordered = table.select(schema.names)
            try:
                cast = ordered if ordered.schema.equals(schema) else ordered.cast(schema)
            except pa.ArrowInvalid as error:
                raise LoadError("the part's values do not fit the target's types") from error
            yield from cast.combine_chunks().to_batches()


def check_columns(names: Iterable[str], columns: Iterable[Column]) -> None:
    """Raises LoadError when a part lacks a column of the target."""
    known = set(names)
    missing = [column.name for column in columns if column.name not in known]
    if missing:
        raise LoadError(f"the part lacks columns of the target: {', '.join(missing)}")
