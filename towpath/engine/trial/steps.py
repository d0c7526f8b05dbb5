"""One step in memory from its start to its outcome: its time-out, the check of an unknown outcome, its items."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.engine.expression.values import Value
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.steps import EACH_GROUP, ForEach, OutcomeCheck
from towpath.engine.run.actions import Completed, Failed, Outcome, Start
from towpath.engine.run.each import Gathered, ItemWindow, allowed
from towpath.engine.run.evaluation import StepError
from towpath.engine.run.trying import CHECK, UNDO, Trying, is_long_lived, told_trying
from towpath.engine.trial.arriving import TrialArrivals
from towpath.engine.trial.calls import output_of, perform_call, perform_channels, perform_claude
from towpath.engine.trial.groups import perform_members
from towpath.engine.trial.run import TrialJob, TrialRun
from towpath.engine.trial.script import failure_by
from towpath.engine.trial.virtual import Strand
from towpath.engine.trial.waits import perform_task, perform_wait, perform_wait_any

PERFORMERS: Mapping[str, Callable[[TrialJob], Awaitable[Outcome]]] = {
    "claude": perform_claude,
    "multi-channel": perform_channels,
    "wait": perform_wait,
    "wait-any": perform_wait_any,
    "human-task": perform_task,
    EACH_GROUP: perform_members,
}
"""By step type; any other one is a call."""


class TrialSteps:
    """Performs the steps of one run."""

    def __init__(self, run: TrialRun) -> None:
        self._run = run
        self.partial: dict[str, list[Value]] = {}
        """Results so far, of the for_each steps that were begun."""

    async def perform(self, node: PlanNode, start: Start) -> Outcome:
        if start.items is not None and node.step is not None and node.step.for_each is not None:
            return await self._each(node, node.step.for_each, start.items, start.place)
        job = TrialJob(self._run, node, start.config, visit=start.visit)
        try:
            if start.cache_key is not None:
                return await self._cached(job, start.cache_key)
            return await self._attempt(job)
        except StepError as error:
            return Failed(error.failure, unknown=job.in_doubt)

    async def _cached(self, job: TrialJob, key: str) -> Outcome:
        """Raises StepError."""
        cache, run, name = job.step.cache, self._run, job.node.id
        ttl = run.evaluation.duration("1h" if cache is None else cache.ttl, "cache.ttl")
        await run.time.turn()
        found = run.kept.find(name, key)
        if not found and run.script.is_cached(name):
            found = (output_of(job, run.script.next(name)),)
        if found:
            return Completed(found[0], 0, note="from the cache")
        outcome = await self._attempt(job)
        if isinstance(outcome, Completed):
            run.kept.keep(name, key, outcome.output, ttl)
        return outcome

    async def _attempt(self, job: TrialJob) -> Outcome:
        """Do it, within the time that the step has. Raises StepError."""
        limit, time = job.step.timeout, self._run.time
        if limit is None or not is_long_lived(job.step, job.config):
            return await self._attempts(job)
        whole = self._run.evaluation.duration(limit, "timeout", **job.names)
        trying = time.start(self._attempts(job))
        unknown = True
        try:
            if await time.until(lambda: trying.done, whole):
                return trying.result()
            unknown = job.in_doubt
        finally:
            trying.close()
        failure = Failure(code=FailureCode.STEP_TIMEOUT, message=f"it was not done within {limit}", unknown=unknown)
        return Failed(failure, unknown=unknown)

    async def _attempts(self, job: TrialJob) -> Outcome:
        """Where it has a check, that is asked before it is done again, and when it is not. Raises StepError."""
        check = job.step.check
        perform = PERFORMERS.get(job.step.type, perform_call)
        if check is None:
            return await perform(job)
        retry = job.step.retry or self._run.plan.definition.header.error_handling.retry
        trying = told_trying(CHECK, retry, self._run.evaluation)
        for attempt in range(1, trying.attempts + 1):
            outcome = await perform(job)
            if not isinstance(outcome, Failed):
                return outcome if not isinstance(outcome, Completed) else replace(outcome, attempts=attempt)
            failure = outcome.failure.model_copy(update={"attempts": attempt})
            if outcome.unknown:
                try:
                    found = await self.happened(job, check, f"{job.name}/check")
                except StepError as error:
                    return Failed(error.failure, unknown=True)
                if found is not None:
                    return Completed(found.output, attempt, note="found by its check")
            if not trying.goes_on(failure, attempt):
                self._run.doubts.clear(job.at, job.name)
                return Failed(failure, unknown=job.in_doubt)
            await self._run.time.wait_for(trying.wait_after(failure, attempt))
        raise AssertionError("a retry has at least one attempt")

    async def happened(self, job: TrialJob, check: OutcomeCheck, name: str) -> Completed | None:
        """What the check found when the effect happened, None when it did not. Without an answer of the test it cannot
        tell. Raises StepError.
        """
        evaluation = self._run.evaluation
        evaluation.value(check.config, "check.config", **job.names)
        given = self._run.script.of_call(job.node.id, "check")
        fail = FailureCode.SERVICE_REFUSED if given is None else given.fail
        await self._call_apart(name, CHECK, fail, "its check cannot tell in the test")
        output = None if given is None else given.output
        return Completed(output) if self._run.evaluation.is_true(check.done, "check.done", output=output) else None

    async def undo(self, node: PlanNode, place: str) -> None:
        """Raises StepError."""
        given = self._run.script.of_call(node.id, "undo")
        await self._call_apart(f"{place}/undo", UNDO, None if given is None else given.fail, "not undone in the test")

    async def _call_apart(self, name: str, trying: Trying, fail: str | None, message: str) -> None:
        self._run.send(name, again=name.endswith("/check"))
        await self._run.time.turn()
        if fail is None:
            return
        failure, attempt = failure_by(fail, message), 1
        while trying.goes_on(failure, attempt):
            await self._run.time.wait_for(trying.wait_after(failure, attempt))
            attempt += 1
        raise StepError(failure.model_copy(update={"attempts": attempt}))

    async def _each(self, node: PlanNode, loop: ForEach, items: list[Value], place: str) -> Outcome:
        """Results in the order of the items. Fails by the policy of the step."""
        if loop.on_event is not None:
            gathered = Gathered([])
            self.partial[place] = gathered.results
            return await TrialArrivals(self._run, node, loop, gathered).perform(self._item)
        if node.inner is not None and self._run.items is not None:
            self._run.items.asked[place] = []
        window = ItemWindow(len(items), loop.concurrency, allowed(loop, len(items)))
        gathered = Gathered([None] * len(items))
        self.partial[place] = gathered.results
        running: dict[int, Strand[Outcome]] = {}

        def begin(indexes: list[int]) -> None:
            for index in indexes:
                running[index] = self._run.time.start(self._item(node, loop, items[index], index))

        begin(window.begin())
        try:
            while not window.done:
                await self._run.time.until(lambda: any(strand.done for strand in running.values()))
                for index in [index for index, strand in running.items() if strand.done]:
                    ok = gathered.keep(index, running.pop(index).result())
                    begin(window.finish(index, ok=ok))
        finally:
            for strand in running.values():
                strand.close()
            # The run of an item undoes what it did before it is over.
            await self._run.time.until(lambda: all(strand.done for strand in running.values()))
        return gathered.outcome(loop, unknown=self._run.doubts.is_open(place))

    async def _item(self, node: PlanNode, loop: ForEach, item: Value, index: int) -> Outcome:
        evaluation = self._run.evaluation
        at = evaluation.place(node.id)
        names: dict[str, Value] = {loop.as_: item, "index": index}
        try:
            config = evaluation.config(node, **names)
            if evaluation.is_pure(node):
                return evaluation.perform(node, config)
            return await self._attempt(TrialJob(self._run, node, config, index, names, at))
        except StepError as error:
            return Failed(error.failure, self._run.doubts.is_open(at, f"{at}/{index}"))
