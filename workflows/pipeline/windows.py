"""Many partitions of one stage: side by side in this run, or in child runs of a few each when there are many."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, FailureError, is_cancelled_exception

from activities.pipeline import PipelineActivities
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.process import HELPER
from towpath.contracts.pipeline.loading import LoadPart, PartLoaded
from towpath.contracts.pipeline.stages import Extracted, ExtractTask, Transformed, TransformTask
from towpath.contracts.pipeline.windows import WINDOW, WindowRequest, WindowResult
from towpath.temporal.attributes import search_attributes
from towpath.temporal.failures import failure_of
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import DATA

MOST_INLINE = 32
"""Partitions that a run does itself: their steps are seen in one place."""
MOST_PER_WINDOW = 25
"""Few, since they follow each other: whatever comes after a straggler in its window waits for it."""
Result = Extracted | Transformed | PartLoaded
Done = Callable[[int, int], None]
"""Hears of each partition that is done: its rows and bytes."""
Ask = Callable[[str], Awaitable[Result]]
"""Does one task, as the activity of that id."""


def nobody(rows: int, size_bytes: int) -> None:
    """Stands where nobody listens."""
    del rows, size_bytes


async def perform_window(request: WindowRequest, done: Done = nobody) -> WindowResult:
    """All tasks of the window, so many at once. The first that fails ends the others."""
    turns = asyncio.Semaphore(request.concurrency)
    found: dict[int, Result] = {}

    async def one(index: int, ask: Ask) -> None:
        async with turns:
            result = await ask(f"{request.step}/{request.first + index}")
        found[index] = result
        _tell(result, done)

    failure = None
    try:
        failure = await _all_of(one(index, ask) for index, ask in enumerate(_asks(request)))
    except BaseException as error:
        if not (request.partial and is_cancelled_exception(error)):
            raise
    return _gathered(found, _count(request), failure)


async def perform_windows(request: WindowRequest, done: Done) -> WindowResult:
    """The same for any number of tasks. What was done before a failure is in the result.

    There are as many lanes as tasks may go on at once. A lane takes a window, whose tasks follow each other, then the
    next.
    """
    count = _count(request)
    if count <= MOST_INLINE:
        return await perform_window(request, done)
    found: dict[int, Result] = {}
    given = 0

    async def lane() -> None:
        nonlocal given
        while given < count:
            first, size = given, share(count - given, request.concurrency)
            given += size
            cut = _cut(request, first, size).model_copy(update={"concurrency": 1, "partial": True})
            result, cancelled = await _told(perform_window(cut, done) if size == 1 else _child(cut, done))
            found.update(_placed(result, first, size))
            if result.failure is not None:
                given = count
                raise CallFailedError(result.failure)
            if cancelled or result.missing:
                raise asyncio.CancelledError

    failure = await _all_of(lane() for _ in range(min(request.concurrency, count)))
    return _gathered(found, count, failure)


def share(left: int, lanes: int) -> int:
    """How many of the tasks that are left a lane takes: fewer towards the end, where all lanes should end together."""
    return max(1, min(MOST_PER_WINDOW, left // (2 * lanes)))


async def _told(work: Coroutine[Any, Any, WindowResult]) -> tuple[WindowResult, bool]:
    """What a window did, and whether this lane was cancelled meanwhile: awaiting a child run alone would not tell."""
    window = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(window), False
    except asyncio.CancelledError:
        window.cancel()
        return await window, True


async def _all_of(works: Iterable[Coroutine[Any, Any, None]]) -> Failure | None:
    """The first failure, when the others have ended too."""
    running = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*running)
    except CallFailedError as error:
        await _ended(running)
        return error.failure
    except (asyncio.CancelledError, FailureError):
        await _ended(running)
        raise
    return None


async def _ended(running: Sequence[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _gathered(found: Mapping[int, Result], count: int, failure: Failure | None) -> WindowResult:
    ordered = [found[index] for index in sorted(found)]
    return WindowResult(
        extracted=tuple(one for one in ordered if isinstance(one, Extracted)),
        transformed=tuple(one for one in ordered if isinstance(one, Transformed)),
        loaded=tuple(one for one in ordered if isinstance(one, PartLoaded)),
        missing=tuple(index for index in range(count) if index not in found),
        failure=failure,
    )


def _placed(result: WindowResult, first: int, size: int) -> Mapping[int, Result]:
    """The results by the positions of their tasks in the stage."""
    done = (index for index in range(size) if index not in result.missing)
    return {first + index: one for index, one in zip(done, _results(result), strict=True)}


def _results(result: WindowResult) -> Sequence[Result]:
    return (*result.extracted, *result.transformed, *result.loaded)


def _count(request: WindowRequest) -> int:
    return len(request.extract) + len(request.transform) + len(request.load)


def _cut(request: WindowRequest, first: int, size: int) -> WindowRequest:
    """A window has tasks of one stage; the slices of the others stay empty."""
    last = first + size
    return request.model_copy(
        update={
            "first": request.first + first,
            "extract": request.extract[first:last],
            "transform": request.transform[first:last],
            "load": request.load[first:last],
        }
    )


async def _child(request: WindowRequest, done: Done) -> WindowResult:
    count = _count(request)
    last = request.first + count - 1
    try:
        done_by_child: WindowResult = await workflow.execute_child_workflow(
            WINDOW,
            request.pack() if request.partial else request,
            id=f"{request.owner}/{request.step}/{request.first}-{last}",
            result_type=WindowResult,
            search_attributes=search_attributes(HELPER),
            static_summary=f"{request.step}: partitions {request.first} to {last}",
        )
    except ChildWorkflowError as error:
        if is_cancelled_exception(error):
            raise
        return WindowResult(missing=tuple(range(count)), failure=failure_of(error.cause or error))
    result = done_by_child.unpack()
    for one in _results(result):
        _tell(one, done)
    return result


def _asks(request: WindowRequest) -> Iterator[Ask]:
    yield from (_extraction(task) for task in request.extract)
    yield from (_transformation(task) for task in request.transform)
    yield from (_loading(task) for task in request.load)


def _extraction(task: ExtractTask) -> Ask:
    summary = f"Extract {task.source.name}: {task.partition.name}"
    return lambda name: call(PipelineActivities.extract_partition, task, DATA, activity_id=name, summary=summary)


def _transformation(task: TransformTask) -> Ask:
    summary = f"Transform {task.partition or task.parts[0].partition}"
    return lambda name: call(PipelineActivities.transform_part, task, DATA, activity_id=name, summary=summary)


def _loading(task: LoadPart) -> Ask:
    summary = f"Load part {task.number} of {task.total} into {task.destination.name}"
    return lambda name: call(PipelineActivities.load_part, task, DATA, activity_id=name, summary=summary)


def _tell(result: Result, done: Done) -> None:
    if isinstance(result, PartLoaded):
        done(result.rows, 0)
    else:
        done(result.metrics.rows_out, result.metrics.size_bytes)
