"""Parquet files: cut into partitions at row groups, and read in batches with the types that they have."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from towpath.contracts.pipeline.stages import Extracted, ExtractTask, RowGroups
from towpath.dataplane.core.arrow import ArrowTable, pa, parquet
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.parquet_values import flat, whole_times, without_bad_texts
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
    for batch in _batches(place, file, opened, cut):
        table = flat(batch.rename_columns(list(names)))
        table = table.append_column(ROW, pa.arange(row, row + table.num_rows))
        row += table.num_rows
        size += table.nbytes
        intake.add(without_bad_texts(table, intake), size)
    return intake.close(new_columns=tuple(name for name in names if name not in known))


def _batches(place: FilePlace, file: SourceFile, opened: Any, cut: RowGroups) -> Iterator[ArrowTable]:
    """Times of 96 bits in microseconds; where one has more, its column as texts with all digits."""
    row = cut.first_row
    old = [number for number, name in enumerate(opened.schema_arrow.names) if name in _of_96_bits(opened)]
    groups = list(range(cut.first, cut.last))
    options: dict[str, Any] = {"batch_size": _BATCH, "row_groups": groups}
    try:
        exact = iter(())
        if old:
            columns = [opened.schema_arrow.names[number] for number in old]
            exact = _open(place, file, unit=None).iter_batches(columns=columns, **options)
        for batch in opened.iter_batches(**options):
            table = pa.Table.from_batches([batch])
            nanoseconds = next(exact, None)
            for number, values in zip(old, () if nanoseconds is None else nanoseconds.columns, strict=True):
                table = table.set_column(number, table.schema[number].name, whole_times(table[number], values))
            row += table.num_rows
            yield table
    except pa.ArrowInvalid as error:
        raise SourceFormatError(f"{cut.file}: damaged Parquet at row {row} or after it") from error


def _of_96_bits(opened: Any) -> set[str]:
    schema = opened.metadata.schema
    columns = (schema.column(number) for number in range(len(schema)))
    return {column.path for column in columns if column.physical_type == "INT96"}


def _open(place: FilePlace, file: SourceFile, unit: str | None = "us") -> Any:
    try:
        return parquet.ParquetFile(pa.PythonFile(RangeReader(place, file), mode="r"), coerce_int96_timestamp_unit=unit)
    except pa.ArrowInvalid as error:
        raise SourceFormatError(f"{file.name}: not a Parquet file") from error
