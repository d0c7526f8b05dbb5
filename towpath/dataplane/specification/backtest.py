"""A specification tried before it is used: on a sample, and on rows made to hurt it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.stages import BackTestTask, SpecificationCheck, SpecificationTask
from towpath.contracts.pipeline.transformation import BackTest, SampleRow, SpecificationProblem
from towpath.dataplane.core.columns import literal, packed, quoted, sql_type, statement
from towpath.dataplane.core.engine import copy_rows
from towpath.dataplane.core.errors import EngineError, SpecificationError
from towpath.dataplane.core.shapes import masked, personal_in, shape_of
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.specification.adversarial import adversarial_rows
from towpath.dataplane.specification.builder import FAILED, LEFT_OUT, PART, ROW
from towpath.dataplane.specification.compile import CompiledSpecification, compile_specification
from towpath.dataplane.specification.inputs import PartFile, rows_of
from towpath.dataplane.specification.lineage import DIRECT, lineage_of
from towpath.dataplane.specification.profile import sample_of
from towpath.dataplane.specification.running import (
    QUARANTINE,
    TransformationCounts,
    add_related,
    add_superseded,
    engine,
    run_stages,
)
from towpath.dataplane.specification.transform import rank
from towpath.dataplane.specification.unread import unread_formats

TOO_MANY = 0.2
"""Share of a sample that may fail an operation, or become null by it, before that is a problem."""
MAX_SHOWN, MAX_EXAMPLES = 20, 3
MAX_GROWTH = 100.0
MAX_SECONDS = 60.0
"""For a few thousand rows."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of some rows: results with their source row's number, failures with rule and row."""

    outcome: TransformationCounts
    results: tuple[tuple[int, str | None, str | None, JsonObject], ...]
    """Row, rule of its failure, operation that left it out, and what it became."""
    failures: tuple[tuple[str, str, str, JsonObject], ...]
    """Reason, rule, position, and the row as it was."""


def check_specification(task: SpecificationTask, work: Workspace) -> SpecificationCheck:
    """Every problem of a specification against both schemas, found without reading a row."""
    del work
    try:
        compile_specification(task)
    except SpecificationError as error:
        return SpecificationCheck(problems=error.problems)
    return SpecificationCheck()


def back_test(task: BackTestTask, work: Workspace) -> BackTest:
    """Problems are those of the check, and what went wrong on the sample or the adversarial rows.

    Adversarial rows may fail, but the engine may not: they end as rows of the target, in quarantine, or left out.
    """
    try:
        compiled = compile_specification(task)
    except SpecificationError as error:
        return BackTest(problems=error.problems)
    if task.dataset is not None:
        with engine(work) as connection:
            sample = sample_of(connection, work, task.dataset.parts, task.rows)
        task = task.model_copy(update={"sample": sample})
    try:
        trial = _try(task, compiled, task.sample, work, "sample")
    except EngineError as error:
        return BackTest(problems=(_engine_problem(error, "the sample"),), rows=len(task.sample))
    problems = [*_sample_problems(task, trial), *_hurt(task, compiled, work)]
    return BackTest(
        problems=tuple(problems),
        rows=len(task.sample),
        quarantined=trial.outcome.by_rule.total(),
        nulls_made=dict(trial.outcome.nulls_made),
        sample=_shown(task, trial),
    )


def _hurt(task: BackTestTask, compiled: CompiledSpecification, work: Workspace) -> list[SpecificationProblem]:
    rows = tuple(adversarial_rows(task.source, task.sample))
    try:
        trial = _try(task, compiled, rows, work, "adversarial")
    except EngineError as error:
        return [_engine_problem(error, "rows made to hurt it")]
    given = max((len(json.dumps(row)) for row in rows), default=0)
    longest = max((len(json.dumps(after)) for _, _, _, after in trial.results), default=0)
    if longest > MAX_GROWTH * max(given, 1_000):
        message = f"a row of {given} characters becomes one of {longest}"
        return [SpecificationProblem(place="operations", code="growth", message=message)]
    return []


def _engine_problem(error: EngineError, on: str) -> SpecificationProblem:
    message = f"the engine gives up on {on}: {error.evidence.get('kind')}"
    return SpecificationProblem(place="operations", code="run_time", message=message)


def _try(
    task: BackTestTask, compiled: CompiledSpecification, rows: tuple[JsonObject, ...], work: Workspace, name: str
) -> Trial:
    related: dict[str, list[Path]] = {}
    with engine(work, MAX_SECONDS) as connection:
        file = _write(connection, task.source, rows, work.folder / f"{name}.parquet")
        for source in compiled.joined:
            if source in task.joined:
                related[source] = [work.local(part) for part in task.joined[source].parts]
                continue
            target = work.folder / f"{name}-{source}.parquet"
            related[source] = [_write(connection, task.others[source], task.related.get(source, ()), target)]
    superseded = _superseded(task, file, related, work, name)
    with engine(work, MAX_SECONDS) as connection:
        add_related(connection, compiled, related, task.others)
        add_superseded(connection, superseded, 0, 1)
        outcome = run_stages(connection, compiled, rows_of(connection, [PartFile(file, name)], task.source))
        return Trial(outcome, _results(connection, task.target), _failures(connection))


def _superseded(
    task: BackTestTask, file: Path, related: Mapping[str, list[Path]], work: Workspace, name: str
) -> Path | None:
    keyed = compile_specification(task, until_key=True)
    if keyed.key is None:
        return None
    target = work.folder / f"{name}-superseded.parquet"
    with engine(work, MAX_SECONDS) as connection:
        add_related(connection, keyed, related, task.others)
        rows = rows_of(connection, [PartFile(file, name)], task.source)
        rank(connection, rows, keyed.stages[0].sql, keyed.key)
        copy_rows(connection, "SELECT part, row FROM losers", target)
    return target


def _write(
    connection: duckdb.DuckDBPyConnection, columns: tuple[Column, ...], rows: Iterable[JsonObject], file: Path
) -> Path:
    """Rows of JSON as a part: the values of each column as its type, null where they are not."""
    texts = [json.dumps({name: _as_text(value) for name, value in row.items()}, ensure_ascii=False) for row in rows]
    values = {column.name: f"json_extract_string(r, {literal(_path(column.name))})" for column in columns}
    shown = ", ".join(
        f"TRY_CAST({values[column.name]} AS {sql_type(column)}) AS {quoted(column.name)}" for column in columns
    )
    query = statement("SELECT {shown} FROM (SELECT unnest(CAST($rows AS VARCHAR[])) AS r)", shown=shown)
    copy_rows(connection, query, file, {"rows": texts})
    return file


def _path(name: str) -> str:
    return f'$."{name}"'


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _results(
    connection: duckdb.DuckDBPyConnection, target: tuple[Column, ...]
) -> tuple[tuple[int, str | None, str | None, JsonObject], ...]:
    rows = connection.execute(
        statement(
            "SELECT {row}, {failed}, {left_out}, CAST(to_json({packed}) AS VARCHAR) FROM input ORDER BY {part}, {row}",
            row=quoted(ROW),
            failed=quoted(FAILED),
            left_out=quoted(LEFT_OUT),
            packed=packed(column.name for column in target),
            part=quoted(PART),
        )
    ).fetchall()
    return tuple((int(row), failed, left_out, json_object(after) or {}) for row, failed, left_out, after in rows)


def _failures(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[str, str, str, JsonObject], ...]:
    rows = connection.execute(statement("SELECT * FROM {table}", table=QUARANTINE)).fetchall()
    return tuple((reason, rule, position, json_object(row or "{}") or {}) for reason, rule, position, row in rows)


def _sample_problems(task: BackTestTask, trial: Trial) -> list[SpecificationProblem]:
    """What fails or empties more of the sample than a few bad rows explain, with the shapes of some values."""
    rows = len(task.sample)
    if not rows:
        return []
    problems = [
        _too_many(task, rule, failed, [row for _, of, _, row in trial.failures if of == rule])
        for rule, failed in sorted(trial.outcome.by_rule.items())
        if failed > TOO_MANY * rows
    ]
    problems += [
        SpecificationProblem(
            place=f"target.{column}",
            code="many_nulls",
            message=f"{nulls} of {rows} rows of the sample get a null in {column} that was none before",
            mend="look at the formats in the profile, and clean the values before",
        )
        for column, nulls in sorted(trial.outcome.nulls_made.items())
        if nulls > TOO_MANY * rows
    ]
    known = {problem.place for problem in problems}
    problems += [one for one in unread_formats(task, trial.results) if one.place not in known]
    through = sum(1 for _, failed, left_out, _ in trial.results if failed is None and left_out is None)
    if not through and not problems:
        told = ", ".join(f"{operation} {count}" for operation, count in sorted(trial.outcome.left_out.items()))
        message = f"no row of the sample is left ({told or 'none came in'})"
        problems.append(SpecificationProblem(place="operations", code="nothing_left", message=message))
    return problems


def _too_many(task: BackTestTask, rule: str, failed: int, rows: list[JsonObject]) -> SpecificationProblem:
    column = rule.split(".")[1]
    if rule.startswith("operations."):
        operation = task.specification.operations[int(column)]
        column = str(getattr(operation, "column", ""))
    shapes = Counter(shape_of(str(row[column])) for row in rows if row.get(column) is not None)
    told = ", ".join(repr(shape) for shape, _ in shapes.most_common(MAX_EXAMPLES))
    message = f"{failed} of {len(task.sample)} rows of the sample fail here"
    return SpecificationProblem(
        place=".".join(rule.split(".")[:2]),
        code="many_quarantined",
        message=f"{message}, of shapes {told}" if told else message,
        mend="clean the values before, or name their formats",
    )


def _shown(task: BackTestTask, trial: Trial) -> tuple[SampleRow, ...]:
    """Rows before and after, those that did not get through first, at most half of them. Personal values are shapes."""
    reasons = {rule: reason for reason, rule, _, _ in trial.failures}
    personal = personal_in(task.source)
    made = personal_in(task.target) | {
        name
        for name, origins in lineage_of(task).items()
        if any(one.column in personal for one in origins if one.kind in DIRECT)
    }
    aggregated = task.specification.aggregates
    through: list[SampleRow] = []
    stopped: list[SampleRow] = []
    for row, failed, left_out, after in trial.results:
        before = {} if aggregated or row >= len(task.sample) else masked(task.sample[row], personal)
        if left_out is not None:
            stopped.append(SampleRow(before=before, after=None, why=f"left out by {left_out}"))
        elif failed is not None:
            stopped.append(SampleRow(before=before, after=None, why=f"quarantined: {reasons.get(failed, failed)}"))
        else:
            through.append(SampleRow(before=before, after=masked(after, made)))
    first = stopped[: max(MAX_SHOWN // 2, MAX_SHOWN - len(through))]
    return (*first, *through[: MAX_SHOWN - len(first)])
