"""What is in a dataset: counts, extremes, frequent values and shapes of each column, and a sample of its rows."""

import math
from collections.abc import Collection, Sequence
from typing import Any

import duckdb

from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.pipeline.dataset import Column, ColumnProfile, ColumnType, Dataset, DatasetPart, Profile
from towpath.contracts.pipeline.stages import Profiled, ProfileTask
from towpath.dataplane.core.arrow import ArrowTable, compute, pa, parquet, with_columns
from towpath.dataplane.core.columns import ROW, quoted, statement
from towpath.dataplane.core.shapes import masked, personal_in
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.specification.inputs import columns_in, scan_of
from towpath.dataplane.specification.running import engine

MOST_ROWS = 200_000
"""Looked at in a profile: enough for every value that one row in ten thousand has."""
MOST_GROUPS = 8
"""Row groups that they are taken from, evenly spread: to read all of a large dataset would cost as much as a load."""
STEPS = 20
"""Of a histogram."""
MOST_LISTED = 10
LONGEST = 80
LONGEST_IN_SAMPLE = 500
_NUMBERS = (ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.FLOAT)
_TIMES = (ColumnType.DATE, ColumnType.TIMESTAMP)
_TEXTS = (ColumnType.TEXT, ColumnType.JSON)
_SHAPE = r"regexp_replace(regexp_replace({column}, '[0-9]', '9', 'g'), '\pL', 'A', 'g')"


def profile_dataset(task: ProfileTask, work: Workspace) -> Profiled:
    """Raises DatasetStoreError and EngineError."""
    with engine(work) as connection:
        profile = profile_of(connection, work, task.dataset, task.key)
        personal = personal_in(task.dataset.columns)
        sample = sample_of(connection, work, task.dataset.parts, task.sample, personal)
    return Profiled(profile=profile, sample=sample)


def profile_of(
    connection: duckdb.DuckDBPyConnection,
    work: Workspace,
    dataset: Dataset,
    key: tuple[str, ...] = (),
    *,
    most: int = MOST_ROWS,
) -> Profile:
    """Duplicates of the key are counted over all rows, everything else over at most `most`."""
    if not dataset.parts:
        nothing = tuple(
            ColumnProfile(name=column.name, type=column.type, rows=0, nulls=0, distinct=0) for column in dataset.columns
        )
        return Profile(dataset=dataset.name, rows=0, columns=nothing)
    columns = columns_in(connection, scan_of(work.file(part) for part in dataset.parts))
    columns.pop(ROW, None)
    connection.from_arrow(_looked_at(work, dataset.parts, list(columns), most)).create("looked_at")
    rows = int(_row(connection, "SELECT count(*) FROM looked_at")[0])
    personal = personal_in(dataset.columns)
    profiled = (_column(connection, column, rows) for column in columns.values())
    shown = tuple(_without_values(one) if one.name in personal else one for one in profiled)
    duplicates = _duplicates(connection, scan_of(map(work.local, dataset.parts)), key) if key else None
    connection.execute("DROP TABLE looked_at")
    return Profile(dataset=dataset.name, rows=rows, total=dataset.rows, columns=shown, duplicates=duplicates)


def _looked_at(work: Workspace, parts: Sequence[DatasetPart], names: list[str], most: int) -> ArrowTable:
    """At most so many rows, from row groups that are evenly spread over the parts."""
    groups: list[tuple[DatasetPart, int, int]] = []
    for part in parts:
        told, first = parquet.read_metadata(work.file(part)), 0
        for number in range(told.num_row_groups):
            groups.append((part, number, first))
            first += told.row_group(number).num_rows
    count = len(groups) if sum(part.rows for part in parts) <= most else min(len(groups), MOST_GROUPS)
    read = [_group(work, *groups[index * len(groups) // count]) for index in range(count)]
    step = max(1, -(-sum(table.num_rows for table in read) // most))
    kept = [table.take(pa.arange(0, table.num_rows, step)) for table in read]
    return pa.concat_tables((with_columns(table, names).select(names) for table in kept), promote_options="permissive")


def _group(work: Workspace, part: DatasetPart, number: int, first: int) -> ArrowTable:
    """The rows of a group that are in the part; `first` is where the group begins in the file."""
    table = parquet.ParquetFile(work.file(part)).read_row_group(number, use_threads=False)
    gone = compute.is_in(pa.arange(first, first + table.num_rows), work.left_out(part))
    return table.filter(compute.invert(gone))


def sample_of(
    connection: duckdb.DuckDBPyConnection,
    work: Workspace,
    parts: Sequence[DatasetPart],
    size: int,
    personal: Collection[str] = (),
    *,
    places: bool = False,
) -> tuple[JsonObject, ...]:
    """Rows as JSON, evenly spread over the parts; long texts are cut, and personal columns have shapes for values.

    With `places`, a row has the number of its place in its origin as well. The same parts give the same rows.
    """
    total = sum(part.rows for part in parts)
    size = min(size, total)
    wanted = [index * total // size for index in range(size)]
    found: list[JsonObject] = []
    before = 0
    for part in parts:
        numbers = [number - before for number in wanted if before <= number < before + part.rows]
        before += part.rows
        if part.without is not None:
            left_out = set(work.left_out(part).to_pylist())
            # One that is left out is not replaced: of a large part, nobody misses a row in a sample.
            numbers = [number for number in numbers if number not in left_out]
        if numbers:
            query = statement(
                "SELECT * FROM {scan} WHERE file_row_number IN ({numbers}) ORDER BY file_row_number",
                scan=scan_of([work.file(part)]),
                numbers=", ".join(map(str, numbers)),
            )
            found.extend(json_rows(connection, query))
    kept = ({name: value for name, value in row.items() if places or name != ROW} for row in found)
    return tuple(masked(row, personal) for row in kept)


def json_rows(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[JsonObject, ...]:
    """The rows of a query as JSON objects, with long texts cut."""
    told = statement("SELECT CAST(to_json(told) AS VARCHAR) FROM ({query}) AS told", query=query)
    rows = (json_object(str(row[0])) or {} for row in connection.execute(told).fetchall())
    return tuple(
        {name: value[:LONGEST_IN_SAMPLE] if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    )


def _column(connection: duckdb.DuckDBPyConnection, column: Column, rows: int) -> ColumnProfile:
    name = quoted(column.name)
    counts = _row(
        connection,
        "SELECT count({name}), count(DISTINCT {name}), left(CAST(min({name}) AS VARCHAR), {longest}),"
        " left(CAST(max({name}) AS VARCHAR), {longest}), {mean} FROM looked_at",
        name=name,
        longest=str(LONGEST),
        mean=f"avg(CAST({name} AS DOUBLE))" if column.type in _NUMBERS else "NULL",
    )
    text = f"left(CAST({name} AS VARCHAR), {LONGEST})"
    shape = f"left({_SHAPE.format(column=name)}, {LONGEST})"
    return ColumnProfile(
        name=column.name,
        type=column.type,
        rows=rows,
        nulls=rows - int(counts[0]),
        distinct=int(counts[1]),
        minimum=counts[2],
        maximum=counts[3],
        mean=_finite(counts[4]),
        top=_frequent(connection, name, text),
        histogram=_histogram(connection, column),
        formats=_frequent(connection, name, shape) if column.type in _TEXTS else (),
    )


def _without_values(column: ColumnProfile) -> ColumnProfile:
    hidden = {"minimum": None, "maximum": None, "mean": None, "top": (), "histogram": ()}
    return column.model_copy(update=hidden)


def _frequent(connection: duckdb.DuckDBPyConnection, name: str, told: str) -> tuple[tuple[str, int], ...]:
    """Most frequent first; of equals, in their order."""
    found = connection.execute(
        statement(
            "SELECT {told} AS value, count(*) AS times FROM looked_at WHERE {name} IS NOT NULL"
            " GROUP BY value ORDER BY times DESC, value LIMIT {most}",
            told=told,
            name=name,
            most=str(MOST_LISTED),
        )
    ).fetchall()
    return tuple((str(value), int(times)) for value, times in found)


def _histogram(connection: duckdb.DuckDBPyConnection, column: Column) -> tuple[int, ...]:
    """Counts in equal steps, the greatest value in the last one. Infinite values are in none."""
    name = quoted(column.name)
    if column.type in _NUMBERS:
        value = f"CAST({name} AS DOUBLE)"
    elif column.type in _TIMES:
        value = f"epoch(CAST({name} AS TIMESTAMP))"
    else:
        return ()
    found = connection.execute(
        statement(
            "WITH numbers AS (SELECT {value} AS v FROM looked_at WHERE isfinite({value})),"
            " bounds AS (SELECT min(v) AS least, max(v) AS most FROM numbers)"
            " SELECT CASE WHEN most > least THEN least(CAST(floor((v - least) / (most - least) * {steps}) AS BIGINT),"
            " {last}) ELSE 0 END AS step, count(*) FROM numbers, bounds GROUP BY step",
            value=value,
            steps=str(STEPS),
            last=str(STEPS - 1),
        )
    ).fetchall()
    counts = {int(step): int(rows) for step, rows in found}
    return tuple(counts.get(step, 0) for step in range(STEPS)) if counts else ()


def _duplicates(connection: duckdb.DuckDBPyConnection, scan: str, key: tuple[str, ...]) -> int:
    """Rows whose key occurred before; by its hash of eight bytes. A key that is not whole equals no other."""
    found = _row(
        connection,
        "SELECT count(*) - count(DISTINCT hash({key})) FROM {scan} WHERE {whole}",
        key=", ".join(map(quoted, key)),
        scan=scan,
        whole=" AND ".join(f"{quoted(name)} IS NOT NULL" for name in key),
    )
    return int(found[0])


def _row(connection: duckdb.DuckDBPyConnection, text: Any, **parts: str) -> tuple[Any, ...]:
    return connection.execute(statement(text, **parts)).fetchone() or ()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
