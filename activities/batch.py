"""The activity that performs the short calls of one moment of a run side by side, each to its own outcome."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import activity
from temporalio.client import WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError

from towpath.contracts.core.batch import (
    CALLS_ENDED,
    PERFORM_CALLS,
    UNWANTED_CALLS,
    BatchedCall,
    CallBatch,
    CallOutcome,
    CallsReport,
)
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.temporal.current import CURRENT_CALL
from towpath.temporal.failures import failure_of

QUIET_SECONDS = 0.5
"""Most batches are over by then, and cost the server no heartbeat."""
LOOK_SECONDS = 1.0
TOGETHER_SECONDS = 0.25
"""Calls that end within so long are told to the run together."""
QUERY_LIMIT = timedelta(seconds=2)
KEPT_BYTES = 512 * 1024
"""Temporal refuses heartbeats of more than 2 MiB, and the activity with them. What is left out is asked for again."""
DEFINITION = "__temporal_activity_definition"
Method = Callable[[Any], Coroutine[Any, Any, ActivityResult]]


def definition_of(activity: Callable[..., Any]) -> Any:
    """What the SDK knows of an activity: `name`, `arg_types`, `ret_type`."""
    return getattr(activity, DEFINITION)


class BatchActivities:
    """`activities` are the methods that may be called in a batch: those of the worker it belongs to."""

    def __init__(self, activities: Iterable[Callable[..., Any]]) -> None:
        found = [(definition_of(method), method) for method in activities]
        self._methods = {known.name: (method, known.arg_types[-1]) for known, method in found if known.arg_types}

    @activity.defn(name=PERFORM_CALLS)
    async def perform_calls(self, batch: CallBatch) -> CallsReport:
        """The outcome of every call; raises nothing of what a call raises.

        After half a second the calls that have ended are told to the run, and kept in the heartbeat's details for an
        attempt that follows a crash. A cancellation asks the run which calls it means: the others go on.
        """
        running = _Running(self._methods, batch)
        work = asyncio.create_task(running.finish())
        try:
            while not work.done():
                try:
                    await asyncio.shield(work)
                except asyncio.CancelledError:
                    details = activity.cancellation_details()
                    if details is None or not details.cancel_requested:
                        running.keep()
                        raise
                    running.look()
        finally:
            work.cancel()
            running.stop()
        return work.result()


def with_batches(activities: Sequence[Callable[..., Any]]) -> list[Callable[..., Any]]:
    """What a worker registers that serves a queue of workflows."""
    return [*activities, BatchActivities(activities).perform_calls]


class _Running:
    """One attempt of one batch."""

    def __init__(self, methods: Mapping[str, tuple[Method, type[Wire]]], batch: CallBatch) -> None:
        self._methods = methods
        self._batch = batch
        self._attempt = activity.info().attempt
        self._outcomes = _earlier()
        self._told = set(self._outcomes)
        self._rung: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: dict[str, asyncio.Task[ActivityResult]] = {}
        for call in batch.calls:
            if call.id in self._outcomes:
                continue
            if call.once and self._attempt > 1:
                self._outcomes[call.id] = CallOutcome(id=call.id, failure=_unheard(self._attempt))
            else:
                self._tasks[call.id] = asyncio.create_task(self._perform(call))

    async def finish(self) -> CallsReport:
        """The outcome of every call, once all have one."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=QUIET_SECONDS)
        self._gather()
        while self._tasks:
            await self._tell()
            await self._drop_unwanted()
            await self._until_something_ended()
            self._gather()
        return CallsReport(
            number=self._batch.number, outcomes=tuple(self._outcomes[call.id] for call in self._batch.calls)
        )

    def look(self) -> None:
        """The run has cancelled a call of this batch."""
        if not self._rung.done():
            self._rung.set_result(None)

    def keep(self) -> None:
        """What has ended is not asked for again by a later attempt, as far as a heartbeat can hold it."""
        self._gather()
        kept: list[CallOutcome] = []
        left = KEPT_BYTES
        for outcome in self._outcomes.values():
            size = len(outcome.model_dump_json())
            if size <= left:
                left -= size
                kept.append(outcome)
        activity.heartbeat(CallsReport(number=self._batch.number, outcomes=tuple(kept)))

    def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    async def _until_something_ended(self) -> None:
        watched: list[asyncio.Future[Any]] = [*self._tasks.values()]
        if not self._rung.done():
            watched.append(self._rung)
        ended, _ = await asyncio.wait(watched, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        rest = [task for task in self._tasks.values() if not task.done()]
        if rest and ended and self._rung not in ended:
            await asyncio.wait(rest, timeout=TOGETHER_SECONDS)

    def _gather(self) -> None:
        for name, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[name]
                self._outcomes[name] = self._outcome(name, task)

    def _outcome(self, name: str, task: asyncio.Task[ActivityResult]) -> CallOutcome:
        if task.cancelled():
            return CallOutcome(id=name)
        error = task.exception()
        if error is None:
            result = task.result().model_copy(update={"attempt": self._attempt})
            return CallOutcome(id=name, value=result.model_dump(mode="json"))
        failure = _timed_out() if isinstance(error, TimeoutError) else failure_of(error)
        if failure.code is not FailureCode.QUOTA_TURN:
            activity.logger.warning("a call failed: %s: %s", failure.code, failure.message, extra={"step": name})
        unknown = failure.unknown or self._attempt > 1
        retryable = failure.retryable or failure.code is FailureCode.UNEXPECTED
        known = failure.model_copy(update={"attempts": self._attempt, "unknown": unknown, "retryable": retryable})
        return CallOutcome(id=name, failure=known)

    async def _perform(self, call: BatchedCall) -> ActivityResult:
        CURRENT_CALL.set(call.id)
        method, kind = self._methods[call.activity]
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(call.seconds):
                return await method(kind.model_validate(call.request))
        finally:
            meter = activity.metric_meter().with_additional_attributes({"call": call.activity})
            histogram = meter.create_histogram_float("towpath_batched_call", "time of a call within a batch", "s")
            histogram.record(time.perf_counter() - begun)

    async def _tell(self) -> None:
        """What has ended is heard of now: a slow call holds nobody else up."""
        self.keep()
        new = tuple(outcome for outcome in self._outcomes.values() if outcome.id not in self._told)
        if new and await self._signal(CallsReport(number=self._batch.number, outcomes=new)):
            self._told |= {outcome.id for outcome in new}

    async def _signal(self, report: CallsReport) -> bool:
        """Whether the run heard it. What it did not hear, it reads in the batch's result."""
        try:
            await _run().signal(CALLS_ENDED, report)
        except RPCError as error:
            activity.logger.warning("the run did not hear of ended calls: %s", error.status.name)
            return False
        return True

    async def _drop_unwanted(self) -> None:
        """A cancellation does not say which calls it means, and more may follow unheard: the run knows."""
        if not self._rung.done():
            return
        number = self._batch.number
        try:
            unwanted = await _run().query(UNWANTED_CALLS, number, result_type=list[str], rpc_timeout=QUERY_LIMIT)
        except (RPCError, WorkflowQueryFailedError) as error:
            activity.logger.warning("which calls are cancelled is asked again: %s", type(error).__name__)
            return
        for name in unwanted:
            if name in self._tasks:
                self._tasks[name].cancel()


def _run() -> WorkflowHandle[Any, Any]:
    info = activity.info()
    return activity.client().get_workflow_handle(str(info.workflow_id), run_id=info.workflow_run_id)


def _earlier() -> dict[str, CallOutcome]:
    """Outcomes that an attempt before this one had when its worker died."""
    details = activity.info().heartbeat_details
    if not details:
        return {}
    try:
        return {outcome.id: outcome for outcome in CallsReport.model_validate(details[0]).outcomes}
    except ValidationError:
        return {}


def _unheard(attempt: int) -> Failure:
    message = "its worker died before it answered"
    return Failure(code=FailureCode.STEP_TIMEOUT, message=message, attempts=attempt, retryable=True, unknown=True)


def _timed_out() -> Failure:
    return Failure(code=FailureCode.STEP_TIMEOUT, message="no answer in time", retryable=True, unknown=True)
