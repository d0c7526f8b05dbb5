"""From a specification to SQL: each operation checked against the columns it gets, the result against the target."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.stages import SpecificationTask
from towpath.contracts.pipeline.transformation import (
    Aggregate,
    Deduplicate,
    Join,
    Operation,
    Specification,
    SpecificationProblem,
    Unnest,
)
from towpath.dataplane.core.columns import quoted
from towpath.dataplane.core.errors import SpecificationError
from towpath.dataplane.specification.builder import RESERVED, Builder, SqlStage
from towpath.dataplane.specification.casting import exact_cast
from towpath.dataplane.specification.errors import RefusedExpressionError
from towpath.dataplane.specification.operations import build, type_name

MAX_OPERATIONS = 200
TARGET = "target"


@dataclass(frozen=True, slots=True)
class CompiledSpecification:
    """`stages` run one after the other; each is a table of rows with their marks. `rules` are reasons of failures.

    `joined` are the sources behind the tables `other_0`, `other_1`, … The last stage has the target's columns.
    `unique`: were a key twice in one of them, a row would come out twice.
    """

    stages: tuple[SqlStage, ...]
    rules: dict[str, str]
    joined: tuple[str, ...]
    key: Deduplicate | None
    unique: bool = False


def compile_specification(
    task: SpecificationTask, *, until_key: bool = False, unique: bool = False
) -> CompiledSpecification:
    """Raises SpecificationError with every problem that can be told without reading a row.

    `until_key` compiles the operations before the deduplication only. `unique` joins without counting keys, which is
    quick, and right only when no row comes out twice; not done where a row may become several.
    """
    problems = list(_order(task.specification))
    problems += _names(task.source, "source")
    kinds = {type(operation) for operation in task.specification.operations}
    unique = unique and Join in kinds and Unnest not in kinds
    builder = Builder(task.source, task.others, unique=unique)
    wanted = None
    for number, operation in enumerate(task.specification.operations):
        builder.rule = f"operations.{number}.{operation.op}"
        if isinstance(operation, Deduplicate):
            wanted = operation
            if until_key:
                break
        problem = _built(operation, builder, f"operations.{number}")
        if problem is not None:
            problems.append(problem)
    if not until_key and not problems:
        problems += _into_target(builder, task.target, task.key)
    if problems:
        raise SpecificationError(tuple(problems))
    builder.end_stage()
    return CompiledSpecification(tuple(builder.stages), builder.rules, tuple(builder.joined), wanted, unique)


def _built(operation: Operation, builder: Builder, place: str) -> SpecificationProblem | None:
    """Builds one operation. After a problem the others are still looked at, with the columns as they were."""
    try:
        build(operation, builder)
        _reserved(builder.columns)
    except RefusedExpressionError as error:
        return error.at(f"{place}.{_field(operation, error)}")
    return None


def _field(operation: Operation, error: RefusedExpressionError) -> str:
    if hasattr(operation, "expression") and error.code not in {"source", "join"}:
        return "expression"
    return {"source": "source", "join": "on", "cast": "to", "type": "column"}.get(error.code, operation.op)


def _reserved(columns: Mapping[str, Column]) -> None:
    for name in columns:
        if name.startswith(RESERVED) or name == "_row":
            raise RefusedExpressionError("column", f"the name {name!r} is taken", "choose another name")


def _names(columns: tuple[Column, ...], place: str) -> Iterator[SpecificationProblem]:
    folded = [column.name.lower() for column in columns]
    for column in columns:
        if folded.count(column.name.lower()) > 1:
            message = f"{column.name!r} stands twice, but for its case"
            yield SpecificationProblem(place=f"{place}.{column.name}", code="column", message=message)
        if column.name.startswith(RESERVED) or column.name == "_row":
            message = f"the name {column.name!r} is taken"
            yield SpecificationProblem(place=f"{place}.{column.name}", code="column", message=message)


def _order(specification: Specification) -> Iterator[SpecificationProblem]:
    """Rows are known by part and row until they are unnested or aggregated: one deduplication, before both."""
    if len(specification.operations) > MAX_OPERATIONS:
        message = f"at most {MAX_OPERATIONS} operations"
        yield SpecificationProblem(place="operations", code="size", message=message)
    before: set[type] = set()
    for number, operation in enumerate(specification.operations):
        after = before & {Deduplicate, Unnest, Aggregate}
        if isinstance(operation, Deduplicate) and after:
            yield SpecificationProblem(
                place=f"operations.{number}",
                code="order",
                message="one deduplication is possible, before rows are unnested or aggregated",
                mend="move it up, and put all columns of the key into one",
            )
        before.add(type(operation))


def _into_target(builder: Builder, target: tuple[Column, ...], key: tuple[str, ...]) -> Iterator[SpecificationProblem]:
    """The target's columns of what is left; a null where none may be fails its row."""
    values: dict[str, str] = {}
    failures: list[tuple[str, str, str]] = []
    for wanted in target:
        place = f"{TARGET}.{wanted.name}"
        given = builder.columns.get(wanted.name)
        if given is None:
            mend = f"derive or rename it; columns left are: {', '.join(sorted(builder.columns)[:20])}"
            message = f"no operation gives the column {wanted.name!r}"
            yield SpecificationProblem(place=place, code="missing_column", message=message, mend=mend)
            continue
        if given.type is ColumnType.TEXT and wanted.type is not ColumnType.TEXT:
            to = wanted.model_dump_json(include={"name", "type", "precision", "scale"}, exclude_defaults=True)
            mend = f'cast it: {{"op": "cast", "column": "{wanted.name}", "to": {to}}}'
            message = f"{wanted.name} is text, {type_name(wanted)} is wanted"
            yield SpecificationProblem(place=place, code="type", message=message, mend=mend)
            continue
        try:
            values[wanted.name] = exact_cast(quoted(wanted.name), given, wanted)
        except RefusedExpressionError as error:
            yield error.at(place)
            continue
        if values[wanted.name] != quoted(wanted.name):
            name, value = quoted(wanted.name), values[wanted.name]
            failures.append(
                (
                    f"{place}.type",
                    f"{name} IS NOT NULL AND ({value}) IS NULL",
                    f"{wanted.name}: {type_name(wanted)} is wanted",
                )
            )
        if not wanted.nullable or wanted.name in key:
            failures.append((f"{place}.null", f"{quoted(wanted.name)} IS NULL", f"{wanted.name}: must not be null"))
    if values.keys() == {column.name for column in target}:
        _finish(builder, target, values, failures)


def _finish(
    builder: Builder, target: tuple[Column, ...], values: dict[str, str], failures: list[tuple[str, str, str]]
) -> None:
    builder.rules.update({rule: reason for rule, _, reason in failures})
    builder.settle(*((condition, rule) for rule, condition, _ in failures))
    builder.rule = TARGET
    builder.leave({column.name: column for column in target}, values)
