"""The way of rows from a reader into a part: bounds of the cursor, the contract's columns, rules, and the file."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import duckdb

from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.dataset import Column, ColumnType, DatasetPart
from towpath.contracts.pipeline.pipeline import RowRule
from towpath.contracts.pipeline.schema import SchemaAction
from towpath.contracts.pipeline.stages import Extracted, ExtractTask, Partition
from towpath.dataplane.core import macros
from towpath.dataplane.core.arrow import (
    ArrowTable,
    arrow_schema,
    arrow_type,
    column_of,
    compute,
    shaped,
    with_columns,
    without_rows,
)
from towpath.dataplane.core.columns import ROW, literal, quoted, sql_type
from towpath.dataplane.core.engine import EngineLimits, open_engine
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.core.memory import StageMeter
from towpath.dataplane.core.part_writer import PartWriter
from towpath.dataplane.core.quarantine import Quarantine
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.fitting import fitted
from towpath.dataplane.extract.frontier import Frontier
from towpath.dataplane.specification.casting import exact_cast
from towpath.dataplane.specification.errors import RefusedExpressionError

_CLOCKS = timedelta(days=1)
"""How far a source's clock and zone may be ahead."""
_KEPT, _BEFORE, _AFTER, _DISCARDED, _LOADED, _FIRST_RULE = range(6)
_LEFT_OUT = {
    _BEFORE: "before the watermark",
    _AFTER: "after the plan",
    _DISCARDED: "columns not in the contract",
    _LOADED: "loaded before",
}


class _Check(NamedTuple):
    rule: str
    reason: str
    fails: str
    """SQL that is true for a row that fails."""


class RowIntake:
    """One for an attempt at one partition. A new one begins anew, and overwrites what the last one left."""

    def __init__(self, task: ExtractTask, work: Workspace, origin: str) -> None:
        self._task = task
        self._work = work
        self.origin = origin
        self._meter = StageMeter("extract")
        self._quarantine = Quarantine(work, "extract", task.partition.name)
        self._writer = PartWriter(work.folder / "part.parquet", arrow_schema(task.columns), work.store.compression)
        self._select = _selection(task)
        self._engine: duckdb.DuckDBPyConnection | None = None
        self._left_out: Counter[str] = Counter()
        self._rows = 0
        self._bytes = 0
        self.json_columns = frozenset(
            column.name for column in (*task.source.columns, *task.columns) if column.type is ColumnType.JSON
        )
        cursor = task.source.cursor
        self._frontier = None if cursor is None else Frontier(task, work, lambda: self.engine)

    @property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """Opened when it is first needed."""
        if self._engine is None:
            limits = EngineLimits(memory_bytes=self._work.memory_bytes, threads=self._work.threads)
            self._engine = open_engine(self._work.folder, limits)
            macros.define(self._engine)
        return self._engine

    def reject(self, *, rule: str, reason: str, line: int, row: JsonObject) -> None:
        """`line` is where the row lies in its origin."""
        self._quarantine.add(rule=rule, reason=reason, position=f"{self.origin}:{line}", row=row)

    def leave_out(self, why: str, rows: int) -> None:
        if rows:
            self._left_out[why] += rows

    def add(self, table: ArrowTable, size_bytes: int) -> None:
        """Rows with their columns and `_row`; `size_bytes` is what the reader has read so far."""
        self._bytes = size_bytes
        self._rows += table.num_rows
        table = fitted(table, self._writer.schema)
        if self._select is not None and table.num_rows:
            table = self._selected(table, self._select)
        self._writer.write(self._typed(table))
        self._work.progress(self._rows, self._bytes)

    def close(self, *, new_columns: tuple[str, ...] = (), following: Partition | None = None) -> Extracted:
        """Keeps part and quarantine. Raises DatasetStoreError."""
        path, rows = self._writer.close()
        frontier = self._frontier
        name = self._task.partition.name
        part: DatasetPart | None = None
        if rows:
            part = self._work.keep(path, rows, self._task.columns, partition=name, origin=self.origin)
        quarantined = self._quarantine.close()
        bad = 0 if quarantined is None else quarantined.part.rows
        metrics = self._meter.metrics(
            name,
            rows_in=rows + bad + self._left_out.total(),
            rows_out=rows,
            rows_quarantined=bad,
            size_bytes=self._bytes,
        )
        return Extracted(
            part=part,
            quarantined=quarantined,
            metrics=metrics,
            max_cursor=cursor_text(frontier.greatest) if frontier and frontier.greatest is not None else None,
            boundary=None if frontier is None else frontier.close(),
            left_out=dict(sorted(self._left_out.items())),
            new_columns=new_columns,
            next=following,
        )

    def _typed(self, table: ArrowTable) -> ArrowTable:
        """The part's columns in its types. A value that is of another type goes where the contract says."""
        schema = self._writer.schema
        kinds = {field.name: field.type for field in table.schema}
        wanted = [one for one in self._task.columns if one.name in kinds and kinds[one.name] != arrow_type(one)]
        if not wanted:
            return shaped(table, schema)
        action = self._task.source.contract.types
        values = {one.name: _exact(column_of(one.name, kinds[one.name]), one) for one in wanted}
        shown = [f"{values.get(name, quoted(name))} AS {quoted(name)}" for name in table.column_names]
        lost = (f"{quoted(name)} IS NOT NULL AND ({value}) IS NULL" for name, value in values.items())
        named = " ".join(f"WHEN {one} THEN {number}" for number, one in enumerate(lost))
        computed = f"{', '.join(shown)}, CASE {named} ELSE -1 END AS lost"
        cast = self.engine.from_arrow(table).project(computed).to_arrow_table()
        bad = compute.greater_equal(cast["lost"], 0)
        if compute.any(bad).as_py() and action is not SchemaAction.DISCARD_VALUE:
            self._reject_types(table.filter(bad), cast["lost"].filter(bad).to_pylist(), list(values), action)
            cast = cast.filter(compute.invert(bad))
        return shaped(cast, schema)

    def _reject_types(self, rows: ArrowTable, lost: list[int], names: list[str], action: SchemaAction) -> None:
        if action is SchemaAction.FREEZE:
            raise SourceFormatError(f"{self._task.source.name}: a value is not of its column's type (contract: freeze)")
        if action is SchemaAction.DISCARD_ROW:
            self.leave_out("values of another type", rows.num_rows)
            return
        for number, row in zip(lost, rows.to_pylist(), strict=True):
            reason = f"{names[number]}: not of its column's type"
            self.reject(rule="type", reason=reason, line=row.pop(ROW), row=_as_json(row))

    def _selected(self, table: ArrowTable, select: "_Selection") -> ArrowTable:
        """The rows that stay: the verdicts are computed by the engine, in one pass over the columns that matter."""
        table = with_columns(table, select.names)
        try:
            verdicts = self.engine.from_arrow(table.select(select.names)).project(select.projection).to_arrow_table()
        except duckdb.Error as error:
            message = f"{self._task.source.name}: its validation or cursor cannot be computed"
            raise SourceFormatError(f"{message} ({type(error).__name__})") from error
        verdict = verdicts["verdict"]
        if self._frontier is not None:
            self._frontier.see(table, verdicts["cursor"])
            loaded = self._frontier.loaded(table, verdicts["at_since"])
            verdict = verdict if loaded is None else compute.if_else(loaded, _LOADED, verdict)
        if compute.all(compute.equal(verdict, _KEPT)).as_py():
            return table
        for one in compute.value_counts(verdict).to_pylist():
            if one["values"] in _LEFT_OUT:
                self.leave_out(_LEFT_OUT[one["values"]], one["counts"])
        bad = compute.greater_equal(verdict, _FIRST_RULE)
        numbers: list[int] = verdict.filter(bad).to_pylist()
        for number, row in zip(numbers, table.filter(bad).to_pylist(), strict=True):
            check = select.checks[number - _FIRST_RULE]
            self.reject(rule=check.rule, reason=check.reason, line=row.pop(ROW), row=_as_json(row))
        return without_rows(table, compute.not_equal(verdict, _KEPT))


def _exact(given: Column, wanted: Column) -> str:
    """The value in the wanted type, null where it is none, and where no value of its type could be one."""
    try:
        return exact_cast(quoted(wanted.name), given, wanted)
    except RefusedExpressionError:
        return f"CAST(NULL AS {sql_type(wanted)})"


class _Selection(NamedTuple):
    """SQL that gives a row its verdict and its cursor; the checks that verdicts name; the columns that it reads."""

    projection: str
    checks: tuple[_Check, ...]
    names: list[str]


def _selection(task: ExtractTask) -> _Selection | None:
    """None when there is nothing to look at. Raises SourceFormatError for columns that are not in the source."""
    types = {column.name: column for column in (*task.columns, *task.source.columns)}
    cursor = task.source.cursor
    wanted = [rule.column for rule in task.source.validation] + ([] if cursor is None else [cursor.field])
    for name in wanted:
        if name not in types:
            raise SourceFormatError(f"{task.source.name}: there is no column {name} (cursor and validation name it)")
    checks: list[_Check] = []
    bounds = _NO_BOUNDS if cursor is None else _cursor(task, types[cursor.field])
    if cursor is not None and task.exact:
        reason = f"{cursor.field}: no {types[cursor.field].type}, or a day ahead: whether it is loaded cannot be told"
        checks.append(_Check("cursor", reason, f"({bounds.value}) IS NULL"))
    checks += [_check(rule, types[rule.column]) for rule in task.source.validation]
    checks += [
        _Check("contract", f"{name}: the contract lets no new column in", f"{quoted(name)} IS NOT NULL")
        for name in task.quarantine_where_set
    ]
    if not checks and not task.discard_where_set and cursor is None:
        return None
    cases = list(bounds.cases)
    if task.discard_where_set:
        known = " OR ".join(f"{quoted(name)} IS NOT NULL" for name in task.discard_where_set)
        cases.append(f"WHEN {known} THEN {_DISCARDED}")
    cases += [f"WHEN {check.fails} THEN {_FIRST_RULE + number}" for number, check in enumerate(checks)]
    verdict = f"CASE {' '.join(cases)} ELSE {_KEPT} END" if cases else str(_KEPT)
    projection = f"CAST({verdict} AS INTEGER) AS verdict, {bounds.value} AS cursor, {bounds.at_since} AS at_since"
    names = sorted({*wanted, *task.quarantine_where_set, *task.discard_where_set})
    return _Selection(projection, tuple(checks), names)


class _Bounds(NamedTuple):
    """SQL for the value that counts for the watermark, for whether it is the lower bound, and for rows outside."""

    value: str
    at_since: str
    cases: tuple[str, ...]


_NO_BOUNDS = _Bounds("NULL", "FALSE", ())


def _cursor(task: ExtractTask, column: Column) -> _Bounds:
    """A time in the future counts for nothing: one wrong year would hide all rows after it for good."""
    kind = sql_type(column)
    value = _kept(quoted(column.name), column)
    cases: list[str] = []
    counts: list[str] = []
    at_since = "FALSE"
    if task.since is not None:
        cases.append(f"WHEN {value} < CAST({literal(task.since)} AS {kind}) THEN {_BEFORE}")
        at_since = f"coalesce({value} = CAST({literal(task.since)} AS {kind}), FALSE)"
    if task.until is not None:
        cases.append(f"WHEN {value} > CAST({literal(task.until)} AS {kind}) THEN {_AFTER}")
        counts.append(f"{value} <= CAST({literal(task.until)} AS {kind})")
    if column.type in {ColumnType.DATE, ColumnType.TIMESTAMP}:
        latest = (datetime.now(UTC) + _CLOCKS).replace(tzinfo=None).isoformat(sep=" ")
        counts.append(f"{value} <= CAST({literal(latest)} AS TIMESTAMP)")
    counted = f"CASE WHEN {' AND '.join(counts)} THEN {value} END" if counts else value
    return _Bounds(counted, at_since, tuple(cases))


def _check(rule: RowRule, declared: Column) -> _Check:
    column = quoted(rule.column)
    if rule.rule == "not_null":
        return _Check("not_null", f"{rule.column}: no value", f"{column} IS NULL")
    if rule.rule == "pattern":
        fails = f"NOT regexp_full_match(CAST({column} AS VARCHAR), {literal(rule.value)})"
        return _Check("pattern", f"{rule.column}: does not match the pattern", fails)
    if rule.rule == "max_length":
        fails = f"length(CAST({column} AS VARCHAR)) > {int(rule.value)}"
        return _Check("max_length", f"{rule.column}: longer than {int(rule.value)} characters", fails)
    wanted = declared if not rule.value else Column(name=rule.column, type=ColumnType(rule.value))
    fails = f"{column} IS NOT NULL AND ({_kept(column, wanted)}) IS NULL"
    return _Check("type", f"{rule.column}: no {wanted.type}", fails)


def _kept(column: str, wanted: Column) -> str:
    """A later cast refuses what is null here. Files of texts have texts whatever is declared; only the engine knows."""
    text = exact_cast(f"CAST({column} AS VARCHAR)", Column(name=wanted.name, type=ColumnType.TEXT), wanted)
    typed = f"try_cast({column} AS {sql_type(wanted)})"
    if wanted.type is ColumnType.INTEGER:
        typed = f"CASE WHEN {typed} = {column} THEN {typed} END"
    return f"CASE WHEN typeof({column}) = 'VARCHAR' THEN {text} ELSE {typed} END"


def _as_json(row: dict[str, Any]) -> JsonObject:
    plain = (str, int, float, bool, type(None))
    return {name: value if isinstance(value, plain) else str(value) for name, value in row.items()}


def cursor_text(value: Any) -> str:
    """A cursor's value as watermarks are written: times in ISO 8601 and UTC without a zone, numbers as they are."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat() if isinstance(value, date) else str(value)
