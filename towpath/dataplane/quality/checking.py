"""Rules checked over a dataset: one pass for each part, rows that fail set aside, and the score."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from towpath.contracts.core.wire import JsonObject, clip
from towpath.contracts.pipeline.dataset import (
    Column,
    ColumnType,
    Dataset,
    DatasetPart,
    LeftOut,
    QuarantinedRows,
)
from towpath.contracts.pipeline.quality import ForeignKey, Freshness, Quality, Rule, RuleResult, Unique, Volume
from towpath.contracts.pipeline.stages import QualityChecked, RowQualityTask
from towpath.dataplane.core.arrow import parquet
from towpath.dataplane.core.columns import ROW, literal, packed, quoted, statement
from towpath.dataplane.core.engine import copy_rows
from towpath.dataplane.core.memory import StageMeter
from towpath.dataplane.core.part_writer import LEFT_OUT_ROW, leave_out
from towpath.dataplane.core.quarantine import COLUMNS
from towpath.dataplane.core.shapes import masked, personal_in
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.quality.rules import NUMBER, RowCheck, compile_rules, look_up_keys, look_up_repeated
from towpath.dataplane.specification.inputs import columns_in, scan_of
from towpath.dataplane.specification.profile import json_rows, sample_of
from towpath.dataplane.specification.running import engine
from towpath.policy.pipeline.rules import rule_names
from towpath.policy.pipeline.score import freshness_problem, score, volume_problem

MOST_SAMPLES = 5
REWRITTEN_ROWS = 50_000
"""A smaller part is written anew without its bad rows: that is quick, and easier to read for whoever comes next."""
REWRITTEN_SHARE = 4
"""So is one of which a fourth or more is bad."""
POSITION = "$position"
"""The key of a sample row that says where its source has it."""


def check_quality(task: RowQualityTask, work: Workspace) -> QualityChecked:
    """Raises SpecificationError for a rule that does not fit its columns, DatasetStoreError and EngineError.

    A part without a bad row is kept as it is, and so is its reference. The same parts give the same files.
    """
    meter = StageMeter("quality")
    with engine(work) as connection:
        checking = _Checking(task, work, connection)
        checking.prepare()
        for index in range(len(task.dataset.parts)):
            checking.part(index)
        whole = checking.whole()
        sample = sample_of(connection, work, checking.valid, task.sample, personal_in(task.dataset.columns))
    results = checking.results(whole)
    rows, valid = task.dataset.rows, sum(part.rows for part in checking.valid)
    quality = Quality(
        score=score(results),
        threshold=task.threshold,
        results=results,
        rows=rows,
        valid=valid,
        quarantined=rows - valid,
        at=task.began_at,
        round=task.round,
    )
    metrics = meter.metrics(
        str(task.round),
        rows_in=rows,
        rows_out=valid,
        rows_quarantined=rows - valid,
        size_bytes=sum(part.size_bytes for part in checking.valid),
    )
    return QualityChecked(
        quality=quality,
        valid=task.dataset.model_copy(update={"parts": tuple(checking.valid)}),
        quarantined=tuple(checking.quarantined),
        sample=sample,
        metrics=metrics,
    )


class _Checking:
    """One pass over a dataset. What failed is counted by rule; of each rule the first few rows are kept."""

    def __init__(self, task: RowQualityTask, work: Workspace, connection: duckdb.DuckDBPyConnection) -> None:
        self._task = task
        self._work = work
        self._connection = connection
        self._files = [work.local(part) for part in task.dataset.parts]
        self._columns = {column.name: column for column in task.dataset.columns}
        self._personal = personal_in(task.dataset.columns)
        if self._files:
            self._columns = columns_in(connection, scan_of(self._files))
        self._has_row = self._columns.pop(ROW, None) is not None
        self._checks = compile_rules(task.rules, self._columns)
        strict = [check.mask for check in self._checks if task.strict or check.rule.severity == "error"]
        self._bad = sum(strict)
        named = (f"WHEN mask & {check.mask} <> 0 THEN {check.bit}" for check in self._checks if check.mask & self._bad)
        self._first = f"CASE {' '.join(named)} ELSE 0 END"
        self._failed: Counter[str] = Counter()
        self._samples: dict[str, tuple[JsonObject, ...]] = {check.name: () for check in self._checks}
        self._valid = work.folder / "valid.parquet"
        self.valid: list[DatasetPart] = []
        self.quarantined: list[QuarantinedRows] = []

    def prepare(self) -> None:
        """What rules look up beyond a row: keys of other sources, and values that occur twice."""
        if not self._files:
            return
        for check in self._checks:
            if isinstance(check.rule, ForeignKey):
                self._keys(check, check.rule)
            elif isinstance(check.rule, Unique):
                look_up_repeated(self._connection, check, scan_of(self._files))

    def part(self, index: int) -> None:
        """Check one part, and leave its valid rows and its bad ones."""
        part, file = self._task.dataset.parts[index], self._files[index]
        if not self._checks:
            self.valid.append(part)
            return
        self._mark(index, file)
        for check in self._checks:
            found = self._one("SELECT count(*) FROM failing WHERE mask & {mask} <> 0", mask=str(check.mask))
            self._failed[check.name] += int(found)
            missing = MOST_SAMPLES - len(self._samples[check.name])
            if found and missing:
                self._samples[check.name] += self._examples(check, part, file, missing)
        bad = int(self._one("SELECT count(*) FROM failing WHERE mask & {bad} <> 0", bad=str(self._bad)))
        if bad:
            self._split(part, file)
        else:
            self.valid.append(part)
        self._work.progress(sum(one.rows for one in self._task.dataset.parts[: index + 1]), 0)

    def whole(self) -> dict[str, str]:
        """Problems of rules over the dataset, by name; those without one are empty."""
        return {
            name: self._problem(rule)
            for rule, name in zip(self._task.rules, rule_names(self._task.rules), strict=True)
            if isinstance(rule, Freshness | Volume)
        }

    def results(self, whole: dict[str, str]) -> tuple[RuleResult, ...]:
        """In the order of the rules; after them the operations that made nulls of failures."""
        rows = self._task.dataset.rows
        checked = tuple(
            RuleResult(
                rule=name,
                kind=rule.rule,
                severity=rule.severity,
                weight=rule.weight,
                rows=1 if name in whole else rows,
                failed=int(bool(whole[name])) if name in whole else self._failed[name],
                samples=self._samples.get(name, ()),
                note=clip(whole.get(name, "")),
            )
            for rule, name in zip(self._task.rules, rule_names(self._task.rules), strict=True)
        )
        return checked + tuple(_made_null(name, rows, failed) for name, failed in self._task.nulls_made.items())

    def _keys(self, check: RowCheck, rule: ForeignKey) -> None:
        related = self._task.related.get(rule.source, Dataset(name=rule.source))
        files = [self._work.local(part) for part in related.parts]
        scan = scan_of(files) if files else f"(SELECT NULL AS {quoted(rule.references)} WHERE FALSE)"
        look_up_keys(self._connection, check, self._columns[rule.column], scan)

    def _mark(self, index: int, file: Path) -> None:
        """The table `failing`: number and mask of the rows of this part that fail something."""
        for check in self._checks:
            if isinstance(check.rule, Unique):
                self._run(
                    "CREATE OR REPLACE TEMP TABLE {table} AS SELECT {number} FROM {table}_all WHERE part = {part}",
                    table=check.table,
                    part=str(index),
                    number=NUMBER,
                )
        self._run(
            "CREATE OR REPLACE TEMP TABLE failing AS SELECT {number}, mask FROM"
            " (SELECT {number}, {mask} AS mask FROM (SELECT file_row_number AS {number}, * FROM {scan}))"
            " WHERE mask <> 0",
            number=NUMBER,
            mask=" | ".join(f"CAST({check.fails} AS BIGINT) * {check.mask}" for check in self._checks),
            scan=scan_of([file]),
        )

    def _examples(self, check: RowCheck, part: DatasetPart, file: Path, most: int) -> tuple[JsonObject, ...]:
        query = statement(
            "SELECT {position} AS {told}, {columns} FROM (SELECT file_row_number AS {number}, * FROM {scan})"
            " WHERE {number} IN (SELECT {number} FROM failing WHERE mask & {mask} <> 0 ORDER BY {number} LIMIT {most})"
            " ORDER BY {number}",
            position=self._position(part),
            told=quoted(POSITION),
            columns=", ".join(map(quoted, self._columns)),
            number=NUMBER,
            scan=scan_of([file]),
            mask=str(check.mask),
            most=str(most),
        )
        return tuple(masked(row, self._personal) for row in json_rows(self._connection, query))

    def _split(self, part: DatasetPart, file: Path) -> None:
        rows = statement("(SELECT file_row_number AS {number}, * FROM {scan})", number=NUMBER, scan=scan_of([file]))
        kept = self._without_bad(part, file)
        if kept is not None:
            self.valid.append(kept)
        reasons, names = ([literal(getattr(check, told)) for check in self._checks] for told in ("reason", "name"))
        quarantine = self._work.folder / "quarantine.parquet"
        rejected = self._copy(
            "SELECT ([{reasons}])[first + 1] AS reason, ([{names}])[first + 1] AS rule, {position} AS position,"
            " CAST(to_json({packed}) AS VARCHAR) AS row FROM {rows} JOIN"
            " (SELECT {number}, {first} AS first FROM failing WHERE mask & {bits} <> 0) USING ({number})"
            " ORDER BY {number}",
            quarantine,
            rows=rows,
            reasons=", ".join(reasons),
            names=", ".join(names),
            position=self._position(part),
            packed=packed(self._columns),
            first=self._first,
            bits=str(self._bad),
        )
        kept_part = self._work.keep(quarantine, rejected, COLUMNS, part.partition)
        self.quarantined.append(QuarantinedRows(stage="quality", part=kept_part, by_rule=self._by_rule()))

    def _without_bad(self, part: DatasetPart, file: Path) -> DatasetPart | None:
        """The rows of a part that pass. A large file stays as it is, with a list of those that are not in the part."""
        failed = statement(
            "SELECT {number} AS {row} FROM failing WHERE mask & {bad} <> 0 ORDER BY {number}",
            number=NUMBER,
            row=LEFT_OUT_ROW,
            bad=str(self._bad),
        )
        bad = self._connection.sql(failed).to_arrow_table()
        left, columns = part.rows - bad.num_rows, tuple(self._columns.values())
        if not left:
            return None
        if part.without is not None or part.rows < REWRITTEN_ROWS or bad.num_rows * REWRITTEN_SHARE > part.rows:
            self._valid.unlink(missing_ok=True)
            leave_out(file, bad[LEFT_OUT_ROW], self._valid, self._work.store.compression)
            return self._work.keep(self._valid, left, columns, part.partition, part.origin)
        listed = self._work.folder / "left-out.parquet"
        parquet.write_table(bad, listed, compression="zstd")
        kept = self._work.keep(listed, bad.num_rows, (Column(name=LEFT_OUT_ROW, type=ColumnType.INTEGER),))
        without = LeftOut(uri=kept.uri, sha256=kept.sha256, rows=kept.rows)
        return part.model_copy(update={"rows": left, "without": without})

    def _by_rule(self) -> dict[str, int]:
        counted = self._connection.execute(
            statement(
                "SELECT {first} AS first, count(*) FROM failing WHERE mask & {bad} <> 0 GROUP BY first ORDER BY first",
                first=self._first,
                bad=str(self._bad),
            )
        ).fetchall()
        return {self._checks[int(number)].name: int(rows) for number, rows in counted}

    def _problem(self, rule: Rule) -> str:
        if isinstance(rule, Volume):
            return volume_problem(rule, self._task.dataset.rows, self._task.history)
        if not isinstance(rule, Freshness) or not self._files:
            return ""
        newest = self._one("SELECT max({column}) FROM {scan}", column=quoted(rule.column), scan=scan_of(self._files))
        return freshness_problem(rule, _moment(newest), self._task.began_at)

    def _position(self, part: DatasetPart) -> str:
        row = quoted(ROW) if self._has_row else NUMBER
        return f"{literal(f'{part.origin or part.partition}:')} || {row}"

    def _one(self, text: Any, **parts: str) -> Any:
        rows = self._connection.execute(statement(text, **parts)).fetchall()
        return rows[0][0] if rows else None

    def _run(self, text: Any, **parts: str) -> None:
        self._connection.execute(statement(text, **parts))

    def _copy(self, text: Any, file: Path, **parts: str) -> int:
        """Rows written."""
        file.unlink(missing_ok=True)
        return copy_rows(self._connection, statement(text, number=NUMBER, **parts), file)


def _made_null(operation: str, rows: int, failed: int) -> RuleResult:
    """Where an operation failed it is as if a rule had: `on_error` keeps the row, and hides nothing from the score."""
    return RuleResult(
        rule=operation,
        kind="on_error",
        severity="warning",
        weight=1.0,
        rows=rows,
        failed=min(failed, rows),
        note=f"{failed} rows: the operation failed and made a null",
    )


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None
