"""Arrow, the form in which rows pass from one library to another. The package has no types of its own."""

import importlib
from collections.abc import Iterable
from typing import Any

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.dataplane.core.columns import ROW

pa: Any = importlib.import_module("pyarrow")
csv: Any = importlib.import_module("pyarrow.csv")
compute: Any = importlib.import_module("pyarrow.compute")
parquet: Any = importlib.import_module("pyarrow.parquet")

ArrowTable = Any
"""A pyarrow.Table."""

ArrowArray = Any
"""A pyarrow.Array, or a ChunkedArray."""

ArrowSchema = Any

MOST_PIECES = 32

_SIMPLE = {
    ColumnType.TEXT: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.FLOAT: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: pa.timestamp("us"),
    ColumnType.JSON: pa.string(),
}


def arrow_type(column: Column) -> Any:
    if column.type is ColumnType.DECIMAL:
        return pa.decimal128(column.precision, column.scale)
    return _SIMPLE[column.type]


def arrow_schema(columns: Iterable[Column]) -> ArrowSchema:
    """Of an extracted part: the columns, and where the row lies in its origin."""
    fields = [pa.field(column.name, arrow_type(column)) for column in columns]
    return pa.schema([*fields, pa.field(ROW, pa.int64())])


def text_columns(names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=ColumnType.TEXT) for name in names)


def with_columns(table: ArrowTable, names: Iterable[str]) -> ArrowTable:
    """The table, and columns without a value for names that it has not."""
    for name in names:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    return table


def is_utf8(text: bytes) -> bool:
    """Whether all of it is, to the end of its last character: eight times as quick as decoding it."""
    ends = pa.array([0, len(text)], pa.int32()).buffers()[1]
    try:
        pa.StringArray.from_buffers(1, ends, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def without_rows(table: ArrowTable, left_out: ArrowArray) -> ArrowTable:
    """The rows for which `left_out` is not true. Where it seldom is, the rows between are not copied."""
    numbers = compute.indices_nonzero(left_out).to_pylist()
    if len(numbers) > MOST_PIECES:
        return table.filter(compute.invert(left_out))
    starts, ends = [0, *(number + 1 for number in numbers)], [*numbers, table.num_rows]
    return pa.concat_tables(table.slice(start, end - start) for start, end in zip(starts, ends, strict=True))


def shaped(table: ArrowTable, schema: ArrowSchema) -> ArrowTable:
    """The columns of the schema in its types; those that are missing have no value.

    Raises ArrowInvalid or ArrowNotImplementedError for a value that has no place in its type.
    """
    present = set(table.column_names)
    columns = [
        table[field.name].cast(field.type) if field.name in present else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def column_of(name: str, kind: Any, description: str = "") -> Column:
    """The column for an Arrow type. What has no type of ours is kept as text; lists and structures as JSON."""
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_decimal(kind):
        return Column(
            name=name,
            type=ColumnType.DECIMAL,
            precision=min(kind.precision, 38),
            scale=max(kind.scale, 0),
            description=description,
        )
    for fits, column_type in (
        (types.is_integer, ColumnType.INTEGER),
        (types.is_floating, ColumnType.FLOAT),
        (types.is_boolean, ColumnType.BOOLEAN),
        (types.is_date, ColumnType.DATE),
        (types.is_timestamp, ColumnType.TIMESTAMP),
        (types.is_nested, ColumnType.JSON),
    ):
        if fits(kind):
            return Column(name=name, type=column_type, description=description)
    return Column(name=name, type=ColumnType.TEXT, description=description)
