"""One call of an activity: the first attempt local where its class of work allows it, the rest ordinary."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception
from temporalio.types import MethodAsyncSingleParam
from temporalio.workflow import ActivityCancellationType

from towpath.contracts.failure import Failure
from towpath.contracts.wire import ActivityResult, Wire
from towpath.temporal.failures import failure_of
from workflows.options import Work

SelfT = TypeVar("SelfT")
ArgT = TypeVar("ArgT", bound=Wire)
ResultT = TypeVar("ResultT", bound=ActivityResult)
ONCE = RetryPolicy(maximum_attempts=1)


class CallFailedError(Exception):
    """An activity failed for good: permanently, or in all its attempts."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


async def call(
    activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, work: Work, *, activity_id: str, summary: str
) -> ResultT:
    """Run an activity by its class of work; `attempt` of the result counts local and ordinary attempts together.

    A first attempt as a local activity costs one history event instead of three, and no round trip. One that fails for
    a passing reason goes on as an ordinary activity, so the Temporal UI shows its retries, and they can be paused.

    Raises CallFailedError; a cancellation passes as it came.
    """
    if work.first_try is None:
        return await _ordinary(activity, arg, work, activity_id, summary)
    try:
        return await workflow.execute_local_activity_method(
            activity,
            arg,
            activity_id=activity_id,
            summary=summary,
            start_to_close_timeout=work.first_try,
            retry_policy=ONCE,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
    except FailureError as error:
        # Not ActivityError alone: a local activity's failure has that wrapper or not, and a time-out has it in the live
        # run but not in its replay.
        first = _failure(error, spent=0)
    if not first.retryable or work.retry.maximum_attempts == 1 or first.code in _final(work):
        raise CallFailedError(first)
    await workflow.sleep(_wait_after(first, work), summary=f"{summary}: wait before attempt 2")
    rest = replace(work, retry=replace(work.retry, maximum_attempts=max(1, work.retry.maximum_attempts - 1)))
    result = await _ordinary(activity, arg, rest, activity_id, summary, spent=1)
    return result.model_copy(update={"attempt": result.attempt + 1})


async def _ordinary(
    activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT],
    arg: ArgT,
    work: Work,
    activity_id: str,
    summary: str,
    spent: int = 0,
) -> ResultT:
    retry = work.retry if spent == 0 else replace(work.retry, initial_interval=_second_wait(work.retry))
    try:
        return await workflow.execute_activity_method(
            activity,
            arg,
            activity_id=activity_id,
            summary=summary,
            task_queue=work.queue,
            start_to_close_timeout=work.start_to_close,
            schedule_to_close_timeout=work.schedule_to_close,
            heartbeat_timeout=work.heartbeat,
            retry_policy=retry,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
    except FailureError as error:
        raise CallFailedError(_failure(error, spent)) from error


def _second_wait(retry: RetryPolicy) -> timedelta:
    """The wait that follows the first one. Temporal refuses one that is longer than the longest."""
    wait = retry.initial_interval * retry.backoff_coefficient
    return wait if retry.maximum_interval is None else min(wait, retry.maximum_interval)


def _final(work: Work) -> Sequence[str]:
    return work.retry.non_retryable_error_types or ()


def _failure(error: FailureError, spent: int) -> Failure:
    if is_cancelled_exception(error):
        raise error
    failure = failure_of(error)
    return failure.model_copy(update={"attempts": failure.attempts + spent})


def _wait_after(failure: Failure, work: Work) -> timedelta:
    initial = work.retry.initial_interval
    return max(initial, timedelta(seconds=failure.retry_after_seconds or 0))
