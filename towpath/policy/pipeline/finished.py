"""Which partitions of a stage that failed need not be done again, and how they are known again."""

import hashlib
from collections.abc import Mapping, Sequence

from towpath.contracts.pipeline.pipeline import FinishedPartition
from towpath.contracts.pipeline.stages import (
    ByteRange,
    Extracted,
    ExtractTask,
    Replayed,
    RowGroups,
    Transformed,
    TransformTask,
    ValueRange,
)
from towpath.contracts.pipeline.windows import WindowRequest, WindowResult

Known = Mapping[str, FinishedPartition]
"""Partitions that an earlier run did, by the digest of their task."""
Kept = Mapping[int, Extracted | Transformed]
"""Their results, by the position of the task in a window."""


def kept_results(request: WindowRequest, known: Known) -> Kept:
    """Loads are never among them: their ledger knows better."""
    if not known:
        return {}
    found = ((position, task, known.get(_digest(task))) for position, task in enumerate(_tasks(request)))
    return {position: _restored(task, one) for position, task, one in found if one is not None}


def without(request: WindowRequest, kept: Kept) -> WindowRequest:
    """The window with the tasks that are left."""
    return request.model_copy(
        update={
            "extract": tuple(task for position, task in enumerate(request.extract) if position not in kept),
            "transform": tuple(task for position, task in enumerate(request.transform) if position not in kept),
        }
    )


def completed(result: WindowResult, kept: Kept) -> WindowResult:
    """The results of a whole window, in the order of its tasks."""
    fresh = iter((*result.extracted, *result.transformed))
    count = len(kept) + len(result.extracted) + len(result.transformed)
    ordered = [kept[position] if position in kept else next(fresh) for position in range(count)]
    return result.model_copy(
        update={
            "extracted": tuple(one for one in ordered if isinstance(one, Extracted)),
            "transformed": tuple(one for one in ordered if isinstance(one, Transformed)),
        }
    )


def finished(request: WindowRequest, result: WindowResult) -> dict[str, FinishedPartition]:
    """What the next run may take over of a stage that failed."""
    missing = frozenset(result.missing)
    done = (task for position, task in enumerate(_tasks(request)) if position not in missing)
    results = (*result.extracted, *result.transformed)
    return {_digest(task): _outlined(one) for task, one in zip(done, results, strict=True) if _is_repeatable(task)}


def _tasks(request: WindowRequest) -> Sequence[ExtractTask | TransformTask]:
    return (*request.extract, *request.transform)


def _is_repeatable(task: ExtractTask | TransformTask) -> bool:
    """Whether its result would be the same, had it been done later.

    A part has its content for ever, a file its version, and a table its rows up to a known cursor. Pages of an API move
    when rows come or go, and a table without a cursor has no state to come back to.
    """
    if isinstance(task, TransformTask):
        return True
    match task.partition.slice:
        case ByteRange() | RowGroups() | Replayed():
            return True
        case ValueRange():
            return task.until is not None
        case _:
            return False


def _outlined(result: Extracted | Transformed) -> FinishedPartition:
    if isinstance(result, Transformed):
        return FinishedPartition(
            part=result.valid,
            quarantined=result.quarantined,
            metrics=result.metrics,
            left_out=result.left_out,
            errors=result.errors,
        )
    return FinishedPartition(
        part=result.part,
        quarantined=result.quarantined,
        metrics=result.metrics,
        max_cursor=result.max_cursor,
        boundary=result.boundary,
        left_out=result.left_out,
    )


def _restored(task: ExtractTask | TransformTask, known: FinishedPartition) -> Extracted | Transformed:
    if isinstance(task, TransformTask):
        return Transformed(
            valid=known.part,
            quarantined=known.quarantined,
            rows=known.metrics.rows_in,
            left_out=known.left_out,
            errors=known.errors,
            metrics=known.metrics,
        )
    return Extracted(
        part=known.part,
        quarantined=known.quarantined,
        metrics=known.metrics,
        max_cursor=known.max_cursor,
        boundary=known.boundary,
        left_out=known.left_out,
    )


def _digest(task: ExtractTask | TransformTask) -> str:
    """The same for the same work only: a task names files by version, parts by content, and what to do with them."""
    return hashlib.sha256(task.model_dump_json().encode()).hexdigest()
