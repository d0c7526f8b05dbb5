"""What people and systems do to a run while it goes on: decide, pause, resume, skip, set an output, send events."""

from temporalio import workflow

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.process import (
    AWAITED_EVENTS,
    DEFINITION_HASH,
    DEFINITION_ID,
    DEFINITION_VERSION,
    PROCESS,
    RUNNING,
    STATUS,
    TRIGGER,
)
from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask
from towpath.contracts.core.run import Cancellation, RunRecord
from towpath.contracts.declared.run import CloudEvent, DeclaredRequest, Edit, PauseRequest
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.run.actions import SETTLED, Cancelled, Completed
from towpath.engine.run.awaited import awaited_events
from towpath.temporal.attributes import search_key
from towpath.temporal.failures import to_application_error
from workflows.declared.driver import Driver
from workflows.kit.task import ReviewRefusedError

PAUSED = "paused"


class RefusedEditError(HouseError):
    """An operation on a run cannot be done."""


class Operations:
    """The handlers' side of one run."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def introduce(self, request: DeclaredRequest) -> None:
        """Search attributes that the starter left out, and the events that this run can wait for."""
        driver = self._driver
        header = driver.plan.definition.header
        driver.steps.introduce(
            {
                PROCESS: header.id,
                STATUS: RUNNING,
                TRIGGER: request.trigger,
                DEFINITION_ID: header.id,
                DEFINITION_VERSION: header.version,
                DEFINITION_HASH: request.digest[:16],
            }
        )
        awaited = awaited_events(driver.plan, driver.run.evaluation)
        if awaited and workflow.info().typed_search_attributes.get(search_key(AWAITED_EVENTS)) != awaited:
            driver.run.effects.set_attributes(search_key(AWAITED_EVENTS).value_set(awaited))

    def record(self) -> RunRecord:
        driver = self._driver
        header = driver.plan.definition.header
        return driver.steps.record().model_copy(
            update={
                "version": header.version,
                "digest": driver.request.digest,
                "paused": driver.paused,
                "edits": tuple(driver.edits),
            }
        )

    def tasks(self) -> list[ReviewTask]:
        return [task.task for task in self._driver.steering.waits.tasks.by_step.values()]

    def check_decision(self, decision: Decision) -> None:
        """Raises ApplicationError for a decision that does not count."""
        try:
            self._driver.steering.waits.tasks.named_by(decision).role_of(decision)
        except ReviewRefusedError as error:
            raise to_application_error(error) from None

    def decide(self, decision: Decision) -> DecidedReview:
        try:
            return self._driver.steering.waits.tasks.named_by(decision).take(decision)
        except ReviewRefusedError as error:
            raise to_application_error(error) from None

    def receive(self, event: CloudEvent) -> None:
        self._driver.run.inbox.put(event)

    def pause(self, request: PauseRequest) -> RunRecord:
        if not self._driver.paused:
            self._driver.pause()
            self._note("paused", request.by, request.reason)
        return self.record()

    def resume(self, request: PauseRequest) -> RunRecord:
        if self._driver.paused:
            self._note("resumed", request.by, request.reason)
            self._driver.resume()
        return self.record()

    def skip(self, edit: Edit) -> RunRecord:
        self.check_edit(edit)
        self._note(f"skipped {edit.step}", edit.by, edit.reason)
        why = Cancellation(by=edit.by, reason=edit.reason)
        self._driver.replace(edit.step, Cancelled(f"skipped {why.in_words}"), why)
        return self.record()

    def set_output(self, edit: Edit) -> RunRecord:
        self.check_edit(edit)
        self._note(f"set the output of {edit.step}", edit.by, edit.reason)
        why = Cancellation(by=edit.by, reason=edit.reason)
        self._driver.replace(edit.step, Completed(edit.value, attempts=0, note=f"output set {why.in_words}"), why)
        return self.record()

    def check_edit(self, edit: Edit) -> None:
        """Raises ApplicationError for a step that is not there or has ended, and for an edit without a reason."""
        try:
            self._check(edit)
        except RefusedEditError as error:
            raise to_application_error(error) from None

    def _check(self, edit: Edit) -> None:
        plan, progress = self._driver.plan, self._driver.progress
        if not edit.by.strip() or not edit.reason.strip():
            raise RefusedEditError(FailureCode.STEP_INPUT, "say who does it, and why")
        ids = [node.id for node in plan.steps() if node.kind == "step"]
        if edit.step not in ids:
            raise RefusedEditError(
                FailureCode.STEP_INPUT, f"there is no step {edit.step!r}{did_you_mean(edit.step, ids)}"
            )
        state = progress.run_of(edit.step).state
        if state in SETTLED:
            raise RefusedEditError(FailureCode.STEP_INPUT, f"the step {edit.step} is {state} already")
        if progress.stopping is not None:
            raise RefusedEditError(FailureCode.STEP_INPUT, "the run is being ended already")

    def _note(self, what: str, by: str, reason: str) -> None:
        moment = f"{workflow.now():%Y-%m-%d %H:%M:%S} UTC"
        self._driver.edits.append(f"{moment}: {what} by {by}" + (f": {reason}" if reason else ""))
