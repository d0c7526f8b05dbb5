"""A part as batches of exactly the columns that a target has."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from towpath.contracts.dataset import Column
from towpath.dataplane.arrow import arrow_type, pa, parquet
from towpath.dataplane.errors import LoadError

BATCH_ROWS = 32_768


def target_schema(columns: Iterable[Column]) -> Any:
    """A pyarrow.Schema."""
    return pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])


def batches(file: Path, columns: tuple[Column, ...]) -> Iterator[Any]:
    """Record batches, cast where their types differ. Raises LoadError for a column that is missing or does not fit."""
    schema = target_schema(columns)
    with parquet.ParquetFile(file) as opened:
        check_columns(opened.schema_arrow.names, columns)
        for batch in opened.iter_batches(BATCH_ROWS, columns=schema.names):
            ordered = batch.select(schema.names)
            try:
                yield ordered if ordered.schema.equals(schema) else ordered.cast(schema)
            except pa.ArrowInvalid as error:
                raise LoadError("the part's values do not fit the target's types") from error


def check_columns(names: Iterable[str], columns: Iterable[Column]) -> None:
    """Raises LoadError when a part lacks a column of the target."""
    known = set(names)
    missing = [column.name for column in columns if column.name not in known]
    if missing:
        raise LoadError(f"the part lacks columns of the target: {', '.join(missing)}")
