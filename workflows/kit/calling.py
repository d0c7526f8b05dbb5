"""One call of an activity. First attempts of short ones share an activity; the rest are activities by themselves.

A call to a place with limits is refused at first, since only the worker knows of them: then it is made on the queue of
its place, whose rate Temporal keeps, and where turns are limited, it waits in line before.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError, FailureError, RetryState, TimeoutType, is_cancelled_exception
from temporalio.exceptions import TimeoutError as TemporalTimeoutError
from temporalio.types import MethodAsyncSingleParam
from temporalio.workflow import ActivityCancellationType

from activities.batch import definition_of
from activities.quota import QuotaActivities
from towpath.contracts.core.batch import BatchedCall, CallOutcome
from towpath.contracts.core.failure import CallFailedError, Failure, FailureCode
from towpath.contracts.core.quota import QUOTA, JoinLine, LinePlace
from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.temporal.failures import failure_of
from workflows.kit.batching import batches
from workflows.kit.options import LOOKUP, Work
from workflows.kit.turns import LimitedPlace, known_place, late, turns, waiting

SelfT = TypeVar("SelfT")
ArgT = TypeVar("ArgT", bound=Wire)
ResultT = TypeVar("ResultT", bound=ActivityResult)


async def call(
    activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, work: Work, *, activity_id: str, summary: str
) -> ResultT:
    """Run an activity by its class of work; `attempt` of the result counts all attempts.

    The first attempts of short calls that a run makes at one moment are one activity: that costs the server three
    events instead of three for each. One that fails for a passing reason goes on by itself, so that Temporal's UI shows
    its retries, and they can be paused.

    Raises CallFailedError; its failure is `unknown` when any attempt may have had the effect. A cancellation passes
    once the call has ended. A call that was done all the same returns its result, and the cancellation meets the caller
    where it waits next.
    """
    with later_cancellation(), batches().distinct(activity_id) as name:
        place = known_place(name)
        if place is None:
            try:
                return await _attempts(activity, arg, work, name, summary)
            except CallFailedError as error:
                if error.failure.code is not FailureCode.QUOTA_TURN:
                    raise
                place = LimitedPlace.of(error.failure)
        return await _in_turn(activity, arg, work, name, summary, place)


@contextmanager
def later_cancellation() -> Generator[None]:
    """A cancellation that what is awaited here outlived is not lost: it comes at the next wait of the same task."""
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    try:
        yield
    except BaseException as error:
        if is_cancelled_exception(error):
            raise
        _cancel_again(task, before)
        raise
    _cancel_again(task, before)


def _cancel_again(task: "asyncio.Task[object] | None", before: int) -> None:
    if task is not None and task.cancelling() > before:
        task.cancel()


async def _attempts(
    activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, work: Work, activity_id: str, summary: str
) -> ResultT:
    if not work.short:
        return await _alone(activity, arg, work, activity_id, summary)
    asked = BatchedCall.model_construct(
        id=activity_id,
        activity=definition_of(activity).name,
        request=arg.model_dump(mode="json"),
        seconds=work.start_to_close.total_seconds(),
        once=work.once,
    )
    outcome = await batches().attempt(asked, summary)
    if outcome is None:
        return await _alone(activity, arg, work, activity_id, summary)
    if outcome.failure is None:
        return _result(activity, outcome)
    return await _go_on(activity, arg, work, activity_id, summary, outcome.failure)


def _result(activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], outcome: CallOutcome) -> ResultT:
    if outcome.value is None:
        raise asyncio.CancelledError
    return definition_of(activity).ret_type.model_validate(outcome.value)


async def _go_on(
    activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT],
    arg: ArgT,
    work: Work,
    activity_id: str,
    summary: str,
    first: Failure,
) -> ResultT:
    """The attempts that are left after those in a batch."""
    left = work.retry.maximum_attempts - first.attempts
    if not first.retryable or left <= 0 or first.code in (work.retry.non_retryable_error_types or ()):
        raise CallFailedError(first)
    await workflow.sleep(_wait_after(first, work), summary=f"{summary}: wait before attempt {first.attempts + 1}")
    initial = _wait(work.retry, first.attempts)
    rest = replace(work, retry=replace(work.retry, maximum_attempts=left, initial_interval=initial))
    try:
        result = await _alone(activity, arg, rest, activity_id, summary)
    except CallFailedError as error:
        last = error.failure
        known = {"attempts": last.attempts + first.attempts, "unknown": last.unknown or first.unknown}
        raise CallFailedError(last.model_copy(update=known)) from error
    return result.model_copy(update={"attempt": result.attempt + first.attempts})


async def _in_turn(
    activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT],
    arg: ArgT,
    work: Work,
    activity_id: str,
    summary: str,
    place: LimitedPlace,
) -> ResultT:
    """On the queue of its place, when it is its turn. An attempt that comes out of turn is refused, and counts not."""
    until = None if work.terms.whole is None else workflow.now() + work.terms.whole
    before, unknown = 0, False
    while True:
        turns().learn(activity_id, place)
        if place.has_line:
            await turns().wait(place, activity_id, work, until, lambda wanted: _join(wanted, summary))
        try:
            told = work.terms.waits(activity_id, waiting(place, " or its answer")) if place.is_paced else nullcontext()
            with told:
                result = await _alone(activity, arg, _at(place, work, until, before), activity_id, summary)
        except CallFailedError as error:
            failure = error.failure
            if failure.code is FailureCode.QUOTA_TURN:
                before, unknown = before + failure.attempts - 1, unknown or failure.unknown
                place = LimitedPlace.of(failure)
                continue
            known = {"attempts": failure.attempts + before, "unknown": failure.unknown or unknown}
            raise CallFailedError(failure.model_copy(update=known)) from error
        return result.model_copy(update={"attempt": result.attempt + before}) if before else result


def _at(place: LimitedPlace, work: Work, until: datetime | None, before: int) -> Work:
    """Its options there, after so many attempts. Raises CallFailedError when its time is over."""
    left = work.schedule_to_close if until is None else until - workflow.now()
    if left is not None and left <= timedelta():
        raise CallFailedError(late(place.name))
    retry = replace(work.retry, maximum_attempts=max(1, work.retry.maximum_attempts - before))
    return replace(work, short=False, queue=place.queue, schedule_to_close=left, retry=retry)


async def _join(wanted: JoinLine, summary: str) -> LinePlace:
    return await _attempts(QuotaActivities.join_line, wanted, LOOKUP, f"{wanted.call}/quota", f"{summary}: its turn")


async def _alone(
    activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, work: Work, activity_id: str, summary: str
) -> ResultT:
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
            retry_policy=work.retry,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            priority=_priority(work),
        )
    except FailureError as error:
        if is_cancelled_exception(error):
            raise
        raise CallFailedError(_counted(error, work)) from error


def _priority(work: Work) -> Priority:
    """Groups take turns on queues with a limit, which ordinary ones have not."""
    fair = work.terms.group and work.queue is not None
    return Priority(fairness_key=work.terms.group) if fair else Priority.default


def _counted(error: FailureError, work: Work) -> Failure:
    """The failure with its attempts: a time-out, or an error that nobody foresaw, does not count them itself."""
    failure = failure_of(error)
    if isinstance(error, ActivityError) and isinstance(error.cause, TemporalTimeoutError):
        failure = failure.model_copy(update={"message": _over(error.cause.type, work)})
        if error.cause.type is TimeoutType.SCHEDULE_TO_START and work.queue is not None:
            place = work.queue.removeprefix(f"{QUOTA}/")
            failure = late(place) if error.cause.cause is None else failure
    if isinstance(error, ActivityError) and error.retry_state is RetryState.MAXIMUM_ATTEMPTS_REACHED:
        return failure.model_copy(update={"attempts": max(failure.attempts, work.retry.maximum_attempts)})
    return failure


def _over(limit: TimeoutType | None, work: Work) -> str:
    """Which limit ended it. Temporal's own words name none."""
    if limit is TimeoutType.HEARTBEAT:
        return f"its worker was not heard of for {work.heartbeat.total_seconds():g} s"
    whole = work.schedule_to_close
    if whole is not None and (limit is not TimeoutType.START_TO_CLOSE or whole <= work.start_to_close):
        return f"it was not done within {whole.total_seconds():g} s"
    return f"an attempt was not done within {work.start_to_close.total_seconds():g} s"


def _wait(retry: RetryPolicy, attempt: int) -> timedelta:
    """The wait after the attempt. Temporal refuses one that is longer than the longest."""
    wait = retry.initial_interval * retry.backoff_coefficient**attempt
    return wait if retry.maximum_interval is None else min(wait, retry.maximum_interval)


def _wait_after(failure: Failure, work: Work) -> timedelta:
    asked = timedelta(seconds=failure.retry_after_seconds or 0)
    return max(_wait(work.retry, failure.attempts - 1), asked)
