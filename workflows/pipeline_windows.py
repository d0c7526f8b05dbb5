"""Many partitions of one stage: side by side in this run, or in child runs of a hundred each when there are many."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, is_cancelled_exception
from temporalio.types import MethodAsyncSingleParam

from activities.pipeline import PipelineActivities
from towpath.contracts.dataset import StageMetrics
from towpath.contracts.failure import failure_of
from towpath.contracts.loading import LoadPart
from towpath.contracts.stages import ExtractTask, TransformTask
from towpath.contracts.windows import WindowRequest, WindowResult
from towpath.contracts.wire import ActivityResult, Wire
from workflows.calling import CallFailedError, SelfT, call
from workflows.options import DATA

WINDOW = "etl-window"
MOST_INLINE = 32
"""Partitions that a run does itself: their steps are seen in one place."""
PER_WINDOW = 100
TaskT = TypeVar("TaskT", bound=Wire)
ResultT = TypeVar("ResultT", bound=ActivityResult)
Done = Callable[[int, int], None]
"""Hears of each partition that is done: its rows and bytes."""


def nobody(rows: int, size_bytes: int) -> None:
    """Stands where nobody listens."""
    del rows, size_bytes


async def perform_window(request: WindowRequest, done: Done = nobody) -> WindowResult:
    """All tasks of the window, so many at once. The first that fails ends the others. Raises CallFailedError."""
    return WindowResult(
        extracted=await _side_by_side(
            request,
            request.extract,
            PipelineActivities.extract_partition,
            _extraction,
            lambda r: _tell(r.metrics, done),
        ),
        transformed=await _side_by_side(
            request,
            request.transform,
            PipelineActivities.transform_part,
            _transformation,
            lambda r: _tell(r.metrics, done),
        ),
        loaded=await _side_by_side(
            request, request.load, PipelineActivities.load_part, _loading, lambda r: done(r.rows, 0)
        ),
    )


async def perform_windows(request: WindowRequest, done: Done) -> WindowResult:
    """The same for any number of tasks. Windows follow each other; inside each, tasks go side by side."""
    count = _count(request)
    if count <= MOST_INLINE:
        return await perform_window(request, done)
    results = [await _child(_cut(request, first), done) for first in range(0, count, PER_WINDOW)]
    return WindowResult(
        extracted=tuple(one for result in results for one in result.extracted),
        transformed=tuple(one for result in results for one in result.transformed),
        loaded=tuple(one for result in results for one in result.loaded),
    )


def _count(request: WindowRequest) -> int:
    return len(request.extract) + len(request.transform) + len(request.load)


def _cut(request: WindowRequest, first: int) -> WindowRequest:
    """A window has tasks of one stage; the slices of the others stay empty."""
    last = first + PER_WINDOW
    return request.model_copy(
        update={
            "first": request.first + first,
            "extract": request.extract[first:last],
            "transform": request.transform[first:last],
            "load": request.load[first:last],
        }
    )


async def _child(request: WindowRequest, done: Done) -> WindowResult:
    last = request.first + _count(request) - 1
    try:
        result: WindowResult = await workflow.execute_child_workflow(
            WINDOW,
            request,
            id=f"{request.owner}/{request.step}/{request.first}-{last}",
            result_type=WindowResult,
            static_summary=f"{request.step}: partitions {request.first} to {last}",
        )
    except ChildWorkflowError as error:
        if is_cancelled_exception(error):
            raise
        raise CallFailedError(failure_of(error.cause or error)) from error
    for one in (*result.extracted, *result.transformed):
        _tell(one.metrics, done)
    for loaded in result.loaded:
        done(loaded.rows, 0)
    return result


async def _side_by_side(
    request: WindowRequest,
    tasks: Sequence[TaskT],
    activity: MethodAsyncSingleParam[SelfT, TaskT, ResultT],
    title: Callable[[TaskT], str],
    done: Callable[[ResultT], None],
) -> tuple[ResultT, ...]:
    turns = asyncio.Semaphore(request.concurrency)

    async def one(index: int, task: TaskT) -> ResultT:
        async with turns:
            number = request.first + index
            result = await call(activity, task, DATA, activity_id=f"{request.step}/{number}", summary=title(task))
        done(result)
        return result

    running = [asyncio.ensure_future(one(index, task)) for index, task in enumerate(tasks)]
    try:
        return tuple(await asyncio.gather(*running))
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _tell(metrics: StageMetrics, done: Done) -> None:
    done(metrics.rows_out, metrics.size_bytes)


def _extraction(task: ExtractTask) -> str:
    return f"Extract {task.source.name}: {task.partition.name}"


def _transformation(task: TransformTask) -> str:
    return f"Transform {task.partition or task.parts[0].partition}"


def _loading(task: LoadPart) -> str:
    return f"Load part {task.number} of {task.total} into {task.destination.name}"
