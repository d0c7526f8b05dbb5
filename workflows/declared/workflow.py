"""The workflow that runs any definition: the engine's decisions become commands, in a deterministic order."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask
from towpath.contracts.core.run import RunRecord
from towpath.contracts.declared.run import (
    DECLARED,
    CloudEvent,
    DeclaredOutcome,
    DeclaredRequest,
    DeclaredResult,
    Edit,
    PauseRequest,
)
from workflows.declared.driver import Driver, refused_request
from workflows.declared.operations import Operations
from workflows.declared.temporal_effects import TemporalEffects
from workflows.kit.compensation import shielded


@workflow.defn(name=DECLARED)
class DeclaredWorkflow:
    """One run of a definition. What it does is in its request; how, in the engine."""

    @workflow.init
    def __init__(self, request: DeclaredRequest) -> None:
        self._refused: ApplicationError | None = None
        try:
            self._driver = Driver(request, TemporalEffects())
        except ApplicationError as error:
            # Raised here it would end the run as well, and leave nobody to answer queries.
            self._refused = error
            self._driver = Driver(refused_request(request), TemporalEffects())
            self._driver.steps.mark("failed")
        self._operations = Operations(self._driver)

    @workflow.run
    async def run(self, request: DeclaredRequest) -> DeclaredResult:
        if self._refused is not None:
            raise self._refused
        driver = self._driver
        self._operations.introduce(request)
        if request.discard is not None:
            driver.steps.end("discarded")
            return DeclaredResult(outcome=DeclaredOutcome.DISCARDED, discarded=request.discard)
        running = asyncio.ensure_future(driver.drive())
        try:
            return await asyncio.shield(running)
        except ApplicationError:
            raise
        except BaseException as error:
            if is_cancelled_exception(error):
                with suppress(asyncio.CancelledError):
                    await shielded(driver.cancel(running))
                if driver.was_ending:
                    return running.result()
            raise

    @workflow.query(name="status")
    def status(self) -> RunRecord:
        """Every step with state, attempts, times and cost, and what the run waits for until when."""
        return self._operations.record()

    @workflow.query(name="review")
    def review(self) -> ReviewTask | None:
        """The human task that waits for a decision; else the latest one; null when there never was one."""
        tasks = self._operations.tasks()
        waiting = [task for task in tasks if task.is_open]
        return next(iter(waiting or tasks[::-1]), None)

    @workflow.query(name="reviews")
    def reviews(self) -> Sequence[ReviewTask]:
        """All human tasks of this run, in the order of their opening."""
        return self._operations.tasks()

    @workflow.update(name="decide")
    async def decide(self, decision: Decision) -> DecidedReview:
        """Decide a human task; with several open, `task` names it."""
        return self._operations.decide(decision)

    @decide.validator
    def _check_decide(self, decision: Decision) -> None:
        self._operations.check_decision(decision)

    @workflow.signal(name="event")
    def event(self, event: CloudEvent) -> None:
        """An event from outside. One that nothing waits for yet is kept."""
        self._operations.receive(event)

    @workflow.update(name="pause")
    async def pause(self, request: PauseRequest) -> RunRecord:
        """Start nothing more; what runs goes on."""
        return self._operations.pause(request)

    @pause.validator
    def _check_pause(self, request: PauseRequest) -> None:
        self._operations.check_pause(request)

    @workflow.update(name="resume")
    async def resume(self, request: PauseRequest) -> RunRecord:
        return self._operations.resume(request)

    @resume.validator
    def _check_resume(self, request: PauseRequest) -> None:
        self._operations.check_pause(request)

    @workflow.update(name="skip")
    async def skip(self, edit: Edit) -> RunRecord:
        """Skip a step that has not ended."""
        return self._operations.skip(edit)

    @skip.validator
    def _check_skip(self, edit: Edit) -> None:
        self._operations.check_skip(edit)

    @workflow.update(name="set_output")
    async def set_output(self, edit: Edit) -> RunRecord:
        """Supply the output of a step that has not ended."""
        return self._operations.set_output(edit)

    @set_output.validator
    def _check_set_output(self, edit: Edit) -> None:
        self._operations.check_set_output(edit)
