"""Quality rules over the parts of a dataset: counted, sampled, and rows that fail an error set aside."""

import resource
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from towpath.contracts.dataset import Column, ColumnType, DatasetPart, QuarantinedRows, StageMetrics
from towpath.contracts.quality import (
    Custom,
    ForeignKey,
    Freshness,
    InRange,
    InSet,
    Matches,
    NotNull,
    Quality,
    Rule,
    RuleResult,
    Unique,
    Volume,
)
from towpath.contracts.stages import QualityChecked, QualityTask
from towpath.contracts.wire import JsonObject, json_object
from towpath.dataplane.columns import ROW, literal, quoted
from towpath.dataplane.specification.guard import guard
from towpath.dataplane.specification.running import engine
from towpath.dataplane.sql import statement
from towpath.dataplane.workspace import Workspace
from towpath.policy.pipeline.score import deviates, score

RowRule = NotNull | Unique | InRange | Matches | InSet | ForeignKey | Custom
QUARANTINE = tuple(Column(name=name, type=ColumnType.TEXT) for name in ("reason", "rule", "position", "row"))
FORMAT = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
MOST_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Test:
    """A rule as SQL that is true for a failing row."""

    rule: RowRule
    name: str
    sql: str
    blocks: bool
    """Whether failing rows are quarantined."""


@dataclass(slots=True)
class Part:
    part: DatasetPart
    file: Path


def check_quality(task: QualityTask, work: Workspace) -> QualityChecked:
    """All rules over all parts. Parts without a failing row stay as they are. Raises EngineError, ExpressionError."""
    began, cpu = time.perf_counter(), time.process_time()
    parts = [Part(part, work.local(part)) for part in task.dataset.parts]
    with engine(work) as connection:
        checks = Checks(connection, task, work, parts)
        results, valid, quarantined = checks.run()
    found = [*results, *_whole(task, checks.newest)]
    rows, kept = task.dataset.rows, sum(part.rows for part in valid)
    quality = Quality(
        score=score(found),
        threshold=task.threshold,
        results=tuple(found),
        rows=rows,
        valid=kept,
        quarantined=rows - kept,
        at=task.began_at,
        round=task.round,
    )
    metrics = StageMetrics(
        stage="quality",
        partition="all",
        rows_in=rows,
        rows_out=kept,
        rows_quarantined=rows - kept,
        size_bytes=task.dataset.size_bytes,
        seconds=round(time.perf_counter() - began, 3),
        cpu_seconds=round(time.process_time() - cpu, 3),
        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    dataset = task.dataset.model_copy(update={"parts": tuple(valid)})
    return QualityChecked(quality=quality, valid=dataset, quarantined=tuple(quarantined), metrics=metrics)


class Checks:
    def __init__(
        self, connection: duckdb.DuckDBPyConnection, task: QualityTask, work: Workspace, parts: list[Part]
    ) -> None:
        self._connection = connection
        self._task = task
        self._work = work
        self._parts = parts
        self._failed: Counter[str] = Counter()
        self._samples: dict[str, list[JsonObject]] = {}
        self.newest: dict[str, Any] = {}

    def run(self) -> tuple[list[RuleResult], list[DatasetPart], list[QuarantinedRows]]:
        tests = [self._test(number, rule) for number, rule in enumerate(self._task.rules) if isinstance(rule, RowRule)]
        valid: list[DatasetPart] = []
        quarantined: list[QuarantinedRows] = []
        done = 0
        for index, part in enumerate(self._parts):
            self._view(part, index)
            bad, by_rule = self._count(tests)
            kept = part.part if not bad else self._split(part, tests, by_rule, quarantined)
            if kept is not None:
                valid.append(kept)
            done += part.part.rows
            self._work.progress(done, 0)
        self._find_newest()
        return [self._result(test) for test in tests], valid, quarantined

    def _view(self, part: Part, index: int) -> None:
        """The rows of one part, with their index as the table of duplicates counts it."""
        self._connection.execute(
            statement(
                "CREATE OR REPLACE TEMP VIEW part AS SELECT *, {index} AS part_index FROM"
                " read_parquet({file}, file_row_number = true)",
                index=str(index),
                file=literal(str(part.file)),
            )
        )

    def _count(self, tests: Sequence[Test]) -> tuple[int, Counter[str]]:
        """Rows of the part that are set aside, and failing rows by rule."""
        if not tests:
            return 0, Counter()
        sums = ", ".join(f"count(*) FILTER (WHERE {test.sql})" for test in tests)
        found = self._connection.execute(
            statement("SELECT count(*) FILTER (WHERE {bad}), {sums} FROM part", bad=_any(tests), sums=sums)
        ).fetchone()
        counts = [int(value) for value in found or ()]
        by_rule = Counter({test.name: count for test, count in zip(tests, counts[1:], strict=True) if count})
        self._failed.update(by_rule)
        for test in tests:
            if by_rule[test.name]:
                self._sample(test)
        return counts[0], by_rule

    def _sample(self, test: Test) -> None:
        kept = self._samples.setdefault(test.name, [])
        if len(kept) < MOST_SAMPLES:
            rows = self._connection.execute(
                statement(
                    "SELECT CAST(to_json(row) AS VARCHAR) FROM (SELECT {columns} FROM part WHERE {failing}) AS row"
                    " LIMIT {limit}",
                    columns=self._columns(),
                    failing=test.sql,
                    limit=str(MOST_SAMPLES - len(kept)),
                )
            ).fetchall()
            kept.extend(found for (text,) in rows if (found := json_object(text)) is not None)

    def _split(
        self, part: Part, tests: Sequence[Test], by_rule: Counter[str], quarantined: list[QuarantinedRows]
    ) -> DatasetPart | None:
        blocking = [test for test in tests if test.blocks]
        names = " ".join(f"WHEN {test.sql} THEN {literal(test.name)}" for test in blocking)
        position = quoted(ROW) if part.part.origin else "file_row_number"
        query = statement(
            "SELECT concat({name}, ' failed') AS reason, {name} AS rule, concat({origin}, ':', {position}) AS position,"
            " CAST(to_json(struct_pack({fields})) AS VARCHAR) AS row FROM part WHERE {bad}",
            name=f"CASE {names} END",
            origin=literal(part.part.origin or part.part.partition),
            position=position,
            fields=", ".join(f"{quoted(c.name)} := {quoted(c.name)}" for c in self._task.dataset.columns),
            bad=_any(tests),
        )
        bad = self._keep(query, QUARANTINE, part.part.partition)
        if bad is not None:
            rules = {test.name: by_rule[test.name] for test in blocking if by_rule[test.name]}
            quarantined.append(QuarantinedRows(stage="quality", part=bad, by_rule=rules))
        columns = self._columns() + (f", {quoted(ROW)}" if part.part.origin else "")
        good = statement("SELECT {columns} FROM part WHERE NOT {bad}", columns=columns, bad=_any(tests))
        kept = self._keep(good, self._task.dataset.columns, part.part.partition)
        return None if kept is None else kept.model_copy(update={"origin": part.part.origin})

    def _keep(self, query: str, columns: Sequence[Column], partition: str) -> DatasetPart | None:
        file = self._work.folder / "quality.parquet"
        written = self._connection.execute(f"COPY ({query}) TO {literal(str(file.resolve()))} {FORMAT}").fetchone()
        rows = int(written[0]) if written else 0
        if not rows:
            file.unlink(missing_ok=True)
            return None
        return self._work.keep(file, rows, columns, partition)

    def _test(self, number: int, rule: RowRule) -> Test:
        name = rule.name or f"{rule.rule}:{_about(rule)}"
        blocks = rule.severity == "error" or self._task.strict
        return Test(rule, name, f"coalesce({self._failing(number, rule)}, false)", blocks)

    def _failing(self, number: int, rule: RowRule) -> str:
        """A value that is null fails `not_null` alone."""
        if isinstance(rule, Unique):
            return self._duplicates(number, rule)
        if isinstance(rule, ForeignKey):
            return self._strangers(number, rule)
        if isinstance(rule, Custom):
            names = [column.name for column in self._task.dataset.columns]
            return f"NOT coalesce(({guard(rule.expression, names).sql}), false)"
        return _failing_value(rule)

    def _strangers(self, number: int, rule: ForeignKey) -> str:
        table = quoted(f"known_{number}")
        files = self._files([self._work.local(part) for part in self._task.related[rule.source].parts])
        self._connection.execute(
            statement(
                "CREATE TEMP TABLE {table} AS SELECT DISTINCT {column} AS value FROM read_parquet({files})"
                " WHERE {column} IS NOT NULL",
                table=table,
                column=quoted(rule.references),
                files=files,
            )
        )
        return statement(
            "({column} IS NOT NULL AND {column} NOT IN (SELECT value FROM {table}))",
            column=quoted(rule.column),
            table=table,
        )

    def _duplicates(self, number: int, rule: Unique) -> str:
        """Rows after the first of their key. Only keys whose hash occurs twice are looked at by themselves."""
        key, table = ", ".join(quoted(name) for name in rule.columns), quoted(f"twice_{number}")
        hashes = quoted(f"hashes_{number}")
        files = self._files([part.file for part in self._parts])
        self._connection.execute(
            statement(
                "CREATE TEMP TABLE {hashes} AS SELECT hash({key}) AS h FROM read_parquet({files})"
                " GROUP BY h HAVING count(*) > 1",
                hashes=hashes,
                key=key,
                files=files,
            )
        )
        rows = statement(
            "SELECT {key}, part_index, file_row_number FROM part WHERE hash({key}) IN (SELECT h FROM {hashes})",
            key=key,
            hashes=hashes,
        )
        seen = quoted(f"seen_{number}")
        for index, part in enumerate(self._parts):
            self._view(part, index)
            make = "INSERT INTO {seen} {rows}" if index else "CREATE TEMP TABLE {seen} AS {rows}"
            self._connection.execute(make.format(seen=seen, rows=rows))
        self._connection.execute(
            statement(
                "CREATE TEMP TABLE {table} AS SELECT part_index, file_row_number FROM (SELECT *, row_number() OVER"
                " (PARTITION BY {key} ORDER BY part_index, file_row_number) AS place FROM {seen}) WHERE place > 1",
                table=table,
                key=key,
                seen=seen,
            )
        )
        return statement(
            "((part_index, file_row_number) IN (SELECT (part_index, file_row_number) FROM {table}))", table=table
        )

    def _find_newest(self) -> None:
        for rule in self._task.rules:
            if isinstance(rule, Freshness) and self._parts:
                found = self._connection.execute(
                    statement(
                        "SELECT max(CAST({column} AS TIMESTAMP)) FROM read_parquet({files})",
                        column=quoted(rule.column),
                        files=self._files([part.file for part in self._parts]),
                    )
                ).fetchone()
                self.newest[rule.column] = found[0] if found else None

    def _result(self, test: Test) -> RuleResult:
        rule = test.rule
        return RuleResult(
            rule=test.name,
            kind=rule.rule,
            severity=rule.severity,
            weight=rule.weight,
            rows=self._task.dataset.rows,
            failed=self._failed[test.name],
            samples=tuple(self._samples.get(test.name, ())),
        )

    def _columns(self) -> str:
        return ", ".join(quoted(column.name) for column in self._task.dataset.columns)

    def _files(self, files: Sequence[Path]) -> str:
        return "[" + ", ".join(literal(str(file)) for file in files) + "]"


def _failing_value(rule: NotNull | InRange | Matches | InSet) -> str:
    column = quoted(rule.column)
    if isinstance(rule, NotNull):
        return f"{column} IS NULL"
    if isinstance(rule, InRange):
        bounds = [("<", rule.minimum), (">", rule.maximum)]
        return " OR ".join(f"{column} {sign} {bound!r}" for sign, bound in bounds if bound is not None) or "false"
    if isinstance(rule, Matches):
        return f"NOT regexp_full_match(CAST({column} AS VARCHAR), {literal(rule.pattern)})"
    return f"CAST({column} AS VARCHAR) NOT IN ({', '.join(literal(value) for value in rule.values)})"


def _any(tests: Sequence[Test]) -> str:
    return "(" + (" OR ".join(test.sql for test in tests if test.blocks) or "false") + ")"


def _about(rule: Rule) -> str:
    if isinstance(rule, Unique):
        return ",".join(rule.columns)
    return "rows" if isinstance(rule, Volume) else rule.expression if isinstance(rule, Custom) else rule.column


def _whole(task: QualityTask, newest: dict[str, Any]) -> list[RuleResult]:
    """Rules over the dataset as a whole."""
    found: list[RuleResult] = []
    for rule in task.rules:
        if isinstance(rule, Freshness):
            at = newest.get(rule.column)
            old = at is None or task.began_at - at.replace(tzinfo=UTC) > rule.at_most
            found.append(_dataset_rule(rule, old, "" if at is None else f"the newest is of {at:%Y-%m-%d %H:%M} UTC"))
        elif isinstance(rule, Volume):
            known = len(task.history) >= rule.runs
            odd = known and deviates(task.dataset.rows, task.history, rule.deviations)
            note = f"{task.dataset.rows:,} rows" if known else f"only {len(task.history)} runs to compare with"
            found.append(_dataset_rule(rule, odd, note))
    return found


def _dataset_rule(rule: Freshness | Volume, failed: bool, note: str) -> RuleResult:
    name = rule.name or f"{rule.rule}:{_about(rule)}"
    return RuleResult(
        rule=name,
        kind=rule.rule,
        severity=rule.severity,
        weight=rule.weight,
        rows=1,
        failed=int(failed),
        note=note,
    )
