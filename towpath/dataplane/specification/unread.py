"""Dates that a specification does not read: a shape that recurs in the sample and never becomes a date."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.dataset import ColumnType
from towpath.contracts.pipeline.stages import BackTestTask
from towpath.contracts.pipeline.transformation import (
    Cast,
    Derive,
    Join,
    Operation,
    Rename,
    SpecificationProblem,
    Split,
    Unnest,
)
from towpath.dataplane.core.shapes import shape_of

LEAST_ROWS = 2
"""One row may be a mistake; what comes twice in one shape is a format."""
LEAST_DIGITS = 4
_TIMES = (ColumnType.DATE, ColumnType.TIMESTAMP)
Result = tuple[int, str | None, str | None, JsonObject]
"""Row, rule of its failure, operation that left it out, and what it became."""


def unread_formats(task: BackTestTask, results: Iterable[Result]) -> Iterator[SpecificationProblem]:
    """However few the rows are: a second format of dates is a mistake of the specification and not of the rows."""
    operations = task.specification.operations
    if task.specification.aggregates:
        return
    told = list(results)
    for number, operation in enumerate(operations):
        if not isinstance(operation, Cast) or operation.to.type not in _TIMES:
            continue
        column = source_column(operations[:number], operation.column)
        if column is None:
            continue
        for shape, rows in _unread(task, told, number, operation, column):
            yield SpecificationProblem(
                place=f"operations.{number}",
                code="unread_format",
                message=f"{rows} rows of the sample have {column} in the shape {shape!r}, and none of them is read",
                mend="name its format; what stands for no date becomes null by map_values before",
            )


def source_column(operations: Sequence[Operation], name: str) -> str | None:
    """The source's column whose values stand under a name after these operations; None where they are made anew."""
    for operation in reversed(operations):
        if isinstance(operation, Rename):
            name = {new: old for old, new in operation.columns.items()}.get(name, name)
        elif name in _made(operation):
            return None
    return name


def _made(operation: Operation) -> frozenset[str]:
    match operation:
        case Derive():
            return frozenset({operation.column.name})
        case Cast():
            return frozenset({operation.to.name})
        case Split():
            return frozenset(operation.into)
        case Join():
            return frozenset(operation.columns.values())
        case Unnest():
            return frozenset({operation.into})
        case _:
            return frozenset()


def _unread(
    task: BackTestTask, results: list[Result], number: int, operation: Cast, column: str
) -> Iterator[tuple[str, int]]:
    """Shapes with digits of a date that only occur in rows that the cast cannot read."""
    read: set[str] = set()
    unread: Counter[str] = Counter()
    for row, failed, left_out, after in results:
        value = task.sample[row].get(column) if row < len(task.sample) else None
        if not isinstance(value, str) or left_out is not None:
            continue
        shape = shape_of(value.strip())
        if failed == f"operations.{number}.cast" or (failed is None and after.get(operation.to.name, "") is None):
            unread[shape] += 1
        elif failed is None or _place(failed) > number:
            read.add(shape)
    for shape, rows in sorted(unread.items()):
        if rows >= LEAST_ROWS and shape.count("9") >= LEAST_DIGITS and shape not in read:
            yield shape, rows


def _place(rule: str) -> int:
    """Number of the operation that a rule stands for; what comes after all of them is the target."""
    kind, _, rest = rule.partition(".")
    return int(rest.partition(".")[0]) if kind == "operations" else 1 << 30 if kind == "target" else -1
