"""One step from its start to its outcome: cache, check of an unknown outcome, items, and the call itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.declared.run import CacheRead, CacheWrite
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.steps import EACH_GROUP, OutcomeCheck
from towpath.engine.run.actions import Completed, Failed, Outcome, Start
from towpath.engine.run.again import DoneAgain
from towpath.engine.run.evaluation import StepError
from towpath.engine.run.trying import is_long_lived
from towpath.temporal.failures import failure_of
from workflows.declared.effects import EffectPlace
from workflows.declared.performing import call_apart, perform_call
from workflows.declared.performing_channels import perform_channels
from workflows.declared.performing_claude import perform_claude
from workflows.declared.performing_groups import perform_members
from workflows.declared.run import DeclaredRun, StepJob
from workflows.declared.waiting import Waits
from workflows.kit.calling import CallFailedError
from workflows.kit.options import CHECK, EFFECT, LOOKUP

Performer = Callable[[StepJob], Awaitable[Outcome]]


class Steering:
    """Performs steps of one run."""

    def __init__(self, run: DeclaredRun) -> None:
        self.run = run
        self.waits = Waits(run)
        self._performers: Mapping[str, Performer] = {
            "claude": perform_claude,
            "multi-channel": perform_channels,
            "wait": self.waits.wait,
            "wait-any": self.waits.wait_any,
            "human-task": self.waits.human_task,
            EACH_GROUP: perform_members,
        }

    async def perform(self, node: PlanNode, start: Start) -> Outcome:
        """The outcome of one step that is done once."""
        job = StepJob(self.run, node, start.config, visit=start.visit)
        try:
            if start.cache_key is None:
                return await self.attempt(job)
            return await self._cached(job, start.cache_key)
        except StepError as error:
            return Failed(error.failure, unknown=job.in_doubt)

    async def attempt(self, job: StepJob) -> Outcome:
        """Do it, within the time that the step has. Raises StepError."""
        limit = job.step.timeout
        if limit is None or not is_long_lived(job.step, job.config):
            return await self._attempts(job)
        whole = self.run.evaluation.duration(limit, "timeout", **job.names)
        trying = asyncio.ensure_future(self._attempts(job))
        try:
            await workflow.wait_condition(trying.done, timeout=whole, timeout_summary=f"{job.name}: timeout")
        except TimeoutError:
            message = f"it was not done within {limit}"
            failure = Failure(code=FailureCode.STEP_TIMEOUT, message=message, unknown=job.in_doubt)
            return Failed(failure, unknown=job.in_doubt)
        finally:
            if not trying.done():
                trying.cancel()
                await workflow.wait([trying])
        return trying.result()

    async def _attempts(self, job: StepJob) -> Outcome:
        """Where it has a check, that is asked before it is done again, and when it is not: from the first attempt on
        whose outcome is unknown, since its effect may also come late.
        """
        check = job.step.check
        perform = self._performers.get(job.step.type, perform_call)
        if check is None:
            return await perform(job)
        retry = job.step.retry or self.run.plan.definition.header.error_handling.retry
        wait = self.run.evaluation.duration(retry.initial, "retry.initial")
        longest = max(wait, self.run.evaluation.duration(retry.max, "retry.max"))
        for attempt in range(1, retry.max_attempts + 1):
            outcome = _counted(await perform(job), attempt)
            if not isinstance(outcome, Failed):
                return outcome
            if outcome.unknown:
                try:
                    found = await self.happened(job, check, f"{job.name}/check/{attempt}")
                except StepError as error:
                    return Failed(error.failure, unknown=True)
                if found is not None:
                    return Completed(found, attempt, note="found by its check")
            if not outcome.failure.retryable or attempt == retry.max_attempts or self._is_final(job, outcome.failure):
                self.run.doubts.clear(job.at, job.name)
                return replace(outcome, unknown=job.in_doubt)
            asked = timedelta(seconds=outcome.failure.retry_after_seconds or 0)
            await workflow.sleep(max(wait, asked), summary=f"{job.name}: wait before attempt {attempt + 1}")
            wait = min(wait * 2, longest) if retry.backoff == "exponential" else wait
        raise AssertionError("a retry has at least one attempt")

    def _is_final(self, job: StepJob, failure: Failure) -> bool:
        """Whether the definition says not to try again after it."""
        final = self.run.work(job.step, EFFECT).retry.non_retryable_error_types or ()
        return failure.code in final

    async def happened(self, job: StepJob, check: OutcomeCheck, name: str) -> object | None:
        """What the check found when the effect happened, None when it did not. Raises StepError."""
        evaluation = self.run.evaluation
        config = evaluation.part(check, "check.config", **job.names)
        try:
            found = await call_apart(self.run, job.node, check, config, name, CHECK)
        except CallFailedError as error:
            raise StepError(error.failure) from error
        return found if evaluation.is_true(check.done, "check.done", output=found) else None

    async def _cached(self, job: StepJob, key: str) -> Outcome:
        cache = job.step.cache
        ttl = self.run.evaluation.duration("1h" if cache is None else cache.ttl, "cache.ttl")
        place = f"{self.run.plan.definition.header.id}/{job.node.id}"
        try:
            looked = EffectPlace(f"{job.name}/cache", f"{job.title}: is it cached?", LOOKUP)
            found = await self.run.effects.read_cache(CacheRead(place=place, key=key), looked)
        except CallFailedError:
            return await self.attempt(job)
        if found.hit:
            return Completed(found.value, 0, note="from the cache")
        outcome = await self.attempt(job)
        if isinstance(outcome, Completed):
            entry = CacheWrite(place=place, key=key, value=outcome.output, ttl_seconds=ttl.total_seconds())
            kept = EffectPlace(f"{job.name}/cache", f"{job.title}: keep it", LOOKUP)
            try:
                await self.run.effects.write_cache(entry, kept)
            except CallFailedError:
                return replace(outcome, note="could not be cached")
        return outcome


def _counted(outcome: Outcome, attempt: int) -> Outcome:
    if isinstance(outcome, Completed):
        return replace(outcome, attempts=attempt)
    if isinstance(outcome, Failed):
        return replace(outcome, failure=outcome.failure.model_copy(update={"attempts": attempt}))
    return outcome


async def guarded(work: Awaitable[Outcome], step: str) -> Outcome:
    """A mistake in our own code fails the step instead of the workflow task, which would be retried for ever."""
    try:
        return await work
    except asyncio.CancelledError:
        raise
    except FailureError as error:
        if is_cancelled_exception(error):
            raise
        return Failed(failure_of(error), unknown=True)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        workflow.logger.exception("step raised %s", type(error).__name__, extra={"step": step})
        message = f"unexpected {type(error).__name__}"
        return Failed(Failure(code=FailureCode.UNEXPECTED, message=message), unknown=True)


async def perform_again(steering: Steering, node: PlanNode, start: Start, is_ending: Callable[[], bool]) -> Outcome:
    """The outcome of the last time. In a run that is ending, nothing is done again."""
    again = DoneAgain(node)
    outcome = await steering.perform(node, start)
    while not is_ending():
        wait = again.wait_after(outcome, steering.run.evaluation)
        if wait is None:
            break
        await workflow.sleep(wait, summary=f"{start.place}: wait until it is done again")
        outcome = await steering.perform(node, start)
    return again.counted(outcome)
