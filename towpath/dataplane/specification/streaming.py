"""A specification of one stage run as a stream: valid rows go into their part as they come, none is kept in the engine.

Only marks are kept of rows that fail. They are looked up in their parts afterwards, as they came in.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from towpath.contracts.dataset import Column
from towpath.dataplane.arrow import ArrowTable, arrow_schema, compute, pa, shaped
from towpath.dataplane.columns import ROW as SOURCE_ROW
from towpath.dataplane.columns import quoted
from towpath.dataplane.errors import EngineError
from towpath.dataplane.part_writer import GROUP_ROWS, PartWriter
from towpath.dataplane.specification.builder import FAILED, LEFT_OUT, LINE, POSITION, ROW, SOURCE
from towpath.dataplane.specification.compile import Compiled
from towpath.dataplane.specification.inputs import Rows
from towpath.dataplane.specification.running import QUARANTINE, Outcome, create_quarantine, reason_of
from towpath.dataplane.sql import statement

_OUT_OF_MEMORY = "Out of Memory Error"


class _DisorderedError(Exception):
    """A join gave the rows back in another order."""


def run_stream(
    connection: duckdb.DuckDBPyConnection,
    compiled: Compiled,
    rows: Rows,
    target: tuple[Column, ...],
    file: Path,
) -> tuple[int, Outcome]:
    """Writes the valid rows of one part, after the only stage, to `file` in the order of their source; their number.

    QUARANTINE has the rows that failed, as after `run_stages`. Raises EngineError.
    """
    connection.execute(f"CREATE TEMP VIEW input AS {rows.sql}")
    passing = _Pass(compiled, target, file)
    try:
        passing.run(connection, sort=False)
    except _DisorderedError:
        passing = _Pass(compiled, target, file)
        passing.run(connection, sort=True)
    create_quarantine(connection)
    if passing.failed:
        _quarantine(connection, pa.concat_tables(passing.failed), {**rows.rules, **compiled.rules})
    _, written = passing.writer.close()
    return written, passing.outcome


class _Pass:
    def __init__(self, compiled: Compiled, target: tuple[Column, ...], file: Path) -> None:
        self._stage = compiled.stages[0]
        self._schema = arrow_schema(target)
        self.writer = PartWriter(file, self._schema)
        self.outcome = Outcome()
        self.failed: list[ArrowTable] = []
        """Row and rule of rows that failed."""
        self._last = -1

    def run(self, connection: duckdb.DuckDBPyConnection, *, sort: bool) -> None:
        marks = (ROW, FAILED, LEFT_OUT, *self._stage.counters)
        shown = [quoted(name) for name in (*self._schema.names[:-1], *marks)]
        query = statement(
            "SELECT {shown}, CAST({line} AS BIGINT) AS {row} FROM ({sql}) {ordered}",
            shown=", ".join(shown),
            line=quoted(LINE),
            row=quoted(SOURCE_ROW),
            sql=self._stage.sql,
            ordered=f"ORDER BY {quoted(ROW)}" if sort else "",
        )
        for batch in _batches(connection, query):
            table = pa.Table.from_batches([batch])
            if not sort:
                self._check_order(table[ROW])
            self._take(table)

    def _check_order(self, rows: Any) -> None:
        count = len(rows)
        if not count:
            return
        back = compute.any(compute.less(rows.slice(1), rows.slice(0, count - 1))).as_py()
        if back or rows[0].as_py() < self._last:
            raise _DisorderedError
        self._last = rows[count - 1].as_py()

    def _take(self, table: ArrowTable) -> None:
        failed, left_out = table[FAILED], table[LEFT_OUT]
        if failed.null_count < table.num_rows or left_out.null_count < table.num_rows:
            self._count(left_out, self.outcome.left_out)
            bad = compute.and_(failed.is_valid(), left_out.is_null())
            rejected = table.filter(bad).select([ROW, FAILED])
            self._count(rejected[FAILED], self.outcome.by_rule)
            if rejected.num_rows:
                self.failed.append(rejected)
            table = table.filter(compute.and_(failed.is_null(), left_out.is_null()))
        for counter, column in self._stage.counters.items():
            nulls = compute.sum(table[counter]).as_py()
            if nulls:
                self.outcome.nulls_made[column] += nulls
        self.writer.write(shaped(table.select(self._schema.names), self._schema))

    @staticmethod
    def _count(values: Any, counts: Any) -> None:
        for one in compute.value_counts(values.drop_null()).to_pylist():
            counts[one["values"]] += one["counts"]


def _batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[Any]:
    try:
        yield from connection.sql(query).to_arrow_reader(GROUP_ROWS)
    except OSError as error:
        # What the engine says in the middle of a stream comes as this. Its message may hold values.
        kind = str(error).partition(":")[0]
        raise EngineError(kind, out_of_memory=kind == _OUT_OF_MEMORY) from error


def _quarantine(connection: duckdb.DuckDBPyConnection, marked: ArrowTable, reasons: dict[str, str]) -> None:
    connection.from_arrow(marked).create("marked")
    connection.execute(
        statement(
            "INSERT INTO {quarantine} SELECT {told}, m.{failed}, i.{position}, CAST(to_json(i.{source}) AS VARCHAR)"
            " FROM input i JOIN marked m USING ({row}) ORDER BY {row}",
            quarantine=QUARANTINE,
            told=reason_of(f"m.{quoted(FAILED)}", reasons),
            failed=quoted(FAILED),
            position=quoted(POSITION),
            source=quoted(SOURCE),
            row=quoted(ROW),
        )
    )
