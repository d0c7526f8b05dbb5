"""A specification of one stage run as a stream: valid rows and those that fail go into their parts as they come."""

from collections.abc import Iterator
from typing import Any

import duckdb

from towpath.contracts.pipeline.dataset import QuarantinedRows
from towpath.contracts.pipeline.stages import TransformTask
from towpath.dataplane.core.arrow import ArrowTable, arrow_schema, compute, pa, shaped
from towpath.dataplane.core.columns import ROW as SOURCE_ROW
from towpath.dataplane.core.columns import quoted, statement
from towpath.dataplane.core.errors import EngineError
from towpath.dataplane.core.part_writer import GROUP_ROWS, PartWriter
from towpath.dataplane.core.quarantine import Quarantine
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.specification.builder import FAILED, LEFT_OUT, LINE, POSITION, ROW, SOURCE
from towpath.dataplane.specification.compile import CompiledSpecification, compile_specification
from towpath.dataplane.specification.inputs import Rows
from towpath.dataplane.specification.running import TransformationCounts

VALID = "valid.parquet"
_OUT_OF_MEMORY = "Out of Memory Error"


class _DisorderedError(Exception):
    """A join gave the rows back in another order."""


class _RepeatedError(Exception):
    """A join made several rows of one: its key is not unique."""


def partition_of(task: TransformTask) -> str:
    return task.partition or task.parts[0].partition


def run_stream(
    connection: duckdb.DuckDBPyConnection,
    compiled: CompiledSpecification,
    task: TransformTask,
    rows: Rows,
    work: Workspace,
) -> tuple[int, QuarantinedRows | None, TransformationCounts]:
    """Writes the valid rows of one part, after the only stage, to VALID in the order of their source; their number.

    Those that fail are kept beside them. Raises EngineError, DatasetStoreError.
    """
    connection.execute(f"CREATE TEMP VIEW input AS {rows.sql}")
    ordered = False
    while True:
        passing = _Pass(compiled, task, rows, work)
        try:
            passing.run(connection, ordered=ordered)
        except _RepeatedError:
            compiled = compile_specification(task)
        except _DisorderedError:
            ordered = True
        else:
            return *passing.close(), passing.outcome


class _Pass:
    def __init__(self, compiled: CompiledSpecification, task: TransformTask, rows: Rows, work: Workspace) -> None:
        self._stage = compiled.stages[0]
        self._unique = compiled.unique
        reasons = {**rows.rules, **compiled.rules}
        self._rules = pa.array(reasons.keys(), pa.string())
        self._reasons = pa.array(reasons.values(), pa.string())
        self._schema = arrow_schema(task.target)
        self._valid = PartWriter(work.folder / VALID, self._schema, work.store.compression)
        self._quarantine = Quarantine(work, task.stage, partition_of(task))
        self.outcome = TransformationCounts()
        self._last = -1

    def run(self, connection: duckdb.DuckDBPyConnection, *, ordered: bool) -> None:
        failed = quoted(FAILED)
        shown = [
            *(
                quoted(name)
                for name in (
                    *self._schema.names[:-1],
                    ROW,
                    FAILED,
                    LEFT_OUT,
                    *self._stage.counters,
                    *self._stage.errors,
                )
            ),
            f"CAST({quoted(LINE)} AS BIGINT) AS {quoted(SOURCE_ROW)}",
            f"CASE WHEN {failed} IS NOT NULL THEN {quoted(POSITION)} END AS {quoted(POSITION)}",
            f"CASE WHEN {failed} IS NOT NULL THEN CAST(to_json({quoted(SOURCE)}) AS VARCHAR) END AS {quoted(SOURCE)}",
        ]
        query = statement(
            "SELECT {shown} FROM ({sql}) {ordered}",
            shown=", ".join(shown),
            sql=self._stage.sql,
            ordered=f"ORDER BY {quoted(ROW)}" if ordered else "",
        )
        for batch in _batches(connection, query):
            table = pa.Table.from_batches([batch])
            self._check_order(table[ROW])
            self._take(table)

    def close(self) -> tuple[int, QuarantinedRows | None]:
        """The number of valid rows, and those that failed."""
        return self._valid.close()[1], self._quarantine.close()

    def _check_order(self, rows: Any) -> None:
        count = len(rows)
        if not count:
            return
        before, after = rows.slice(0, count - 1), rows.slice(1)
        first = rows[0].as_py()
        if first < self._last or compute.any(compute.less(after, before)).as_py():
            raise _DisorderedError
        if self._unique and (first == self._last or compute.any(compute.equal(after, before)).as_py()):
            raise _RepeatedError
        self._last = rows[count - 1].as_py()

    def _take(self, table: ArrowTable) -> None:
        failed, left_out = table[FAILED], table[LEFT_OUT]
        for counter, rule in self._stage.errors.items():
            errors = compute.sum(compute.and_(table[counter], failed.is_null())).as_py()
            if errors:
                self.outcome.errors[rule] += errors
        if failed.null_count < table.num_rows or left_out.null_count < table.num_rows:
            self._count(left_out, self.outcome.left_out)
            self._reject(table.filter(compute.and_(failed.is_valid(), left_out.is_null())))
            table = table.filter(compute.and_(failed.is_null(), left_out.is_null()))
        for counter, column in self._stage.counters.items():
            nulls = compute.sum(table[counter]).as_py()
            if nulls:
                self.outcome.nulls_made[column] += nulls
        self._valid.write(shaped(table.select(self._schema.names), self._schema))

    def _reject(self, rows: ArrowTable) -> None:
        if not rows.num_rows:
            return
        rules = rows[FAILED]
        told = self._reasons.take(compute.index_in(rules, value_set=self._rules))
        reasons = compute.coalesce(told, rules)
        self._quarantine.add_columns(rules=rules, reasons=reasons, positions=rows[POSITION], rows=rows[SOURCE])

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
