"""Parquet files: cut into partitions at row groups, and read in batches with the types that they have."""

import json
from typing import Any, NamedTuple

from towpath.contracts.pipeline.stages import Extracted, ExtractTask, RowGroups
from towpath.dataplane.core.arrow import ArrowTable, pa, parquet
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.places import FilePlace, RangeReader, SourceFile
from towpath.policy.pipeline.naming import column_names, placed

_BATCH = 65_536


class GroupCut(NamedTuple):
    """Row groups from `first` to `last`, the latter not included; `row` is the number of their first row, from 1."""

    first: int
    last: int
    row: int
    size_bytes: int


def parquet_types(place: FilePlace, file: SourceFile) -> list[tuple[str, Any]]:
    """What its columns are called there, and their types as pyarrow has them."""
    schema = _open(place, file).schema_arrow
    return list(zip(placed(schema.names), schema.types, strict=True))


def parquet_cuts(place: FilePlace, file: SourceFile, size_bytes: int) -> list[GroupCut]:
    """Of about `size_bytes` in the file. A row group is never cut."""
    metadata = _open(place, file).metadata
    cuts: list[GroupCut] = []
    first = size = rows = 0
    row = 1
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        size += sum(group.column(place).total_compressed_size for place in range(group.num_columns))
        rows += group.num_rows
        if size >= size_bytes or number == metadata.num_row_groups - 1:
            if rows:
                cuts.append(GroupCut(first, number + 1, row, size))
            first, row, size, rows = number + 1, row + rows, 0, 0
    return cuts


def extract_parquet(task: ExtractTask, cut: RowGroups, place: FilePlace, work: Workspace) -> Extracted:
    file = place.file(cut.file)
    intake = RowIntake(task, work, cut.file)
    opened = _open(place, file)
    names = column_names(opened.schema_arrow.names, task.wanted)
    row = cut.first_row
    size = 0
    known = {column.name for column in task.wanted}
    try:
        for batch in opened.iter_batches(batch_size=_BATCH, row_groups=list(range(cut.first, cut.last))):
            table = _flat(pa.Table.from_batches([batch]).rename_columns(list(names)))
            table = table.append_column(ROW, pa.arange(row, row + table.num_rows))
            row += table.num_rows
            size += table.nbytes
            intake.add(table, size)
    except pa.ArrowInvalid as error:
        raise SourceFormatError(f"{cut.file}: damaged Parquet at row {row} or after it") from error
    return intake.close(new_columns=tuple(name for name in names if name not in known))


def _open(place: FilePlace, file: SourceFile) -> Any:
    try:
        return parquet.ParquetFile(pa.PythonFile(RangeReader(place, file), mode="r"))
    except pa.ArrowInvalid as error:
        raise SourceFormatError(f"{file.name}: not a Parquet file") from error


def _flat(table: ArrowTable) -> ArrowTable:
    """Lists and structures as JSON texts."""
    for number, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = [None if value is None else json.dumps(value, default=str) for value in table[number].to_pylist()]
            table = table.set_column(number, field.name, pa.array(texts, pa.string()))
        elif pa.types.is_dictionary(field.type):
            table = table.set_column(number, field.name, table[number].cast(field.type.value_type))
    return table
