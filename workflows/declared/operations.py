"""What people and systems do to a run while it goes on: decide, pause, resume, skip, set an output, send events."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError
from temporalio import workflow

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.moments import in_utc
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
from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask, Verdict
from towpath.contracts.core.run import Cancellation, RunRecord
from towpath.contracts.declared.run import CloudEvent, DeclaredRequest, Edit, PauseRequest
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.run.actions import SETTLED, Cancelled, Completed
from towpath.engine.run.awaited import awaited_events
from towpath.engine.scheduling.approvals import IN_ITEMS, asks_people, tasks_passed_by
from towpath.engine.scheduling.visits import step_of
from towpath.temporal.attributes import search_key
from towpath.temporal.failures import to_application_error
from workflows.declared.driver import Driver
from workflows.declared.waiting import Tasks
from workflows.kit.task import HumanTask, ReviewRefusedError

ResultT = TypeVar("ResultT")


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
        return [task.task for task in self._tasks.by_step.values()]

    def check_decision(self, decision: Decision) -> None:
        """Raises ApplicationError for a decision that does not count."""
        self._try(lambda: self._tasks.named_by(decision).role_of(decision))

    def decide(self, decision: Decision) -> DecidedReview:
        return self._try(lambda: self._driver.steering.waits.take(decision))

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

    def check_pause(self, request: PauseRequest) -> None:
        """Raises ApplicationError for one by nobody."""
        if not request.by.strip():
            raise to_application_error(RefusedEditError(FailureCode.STEP_INPUT, "say who does it: by is empty"))

    def skip(self, edit: Edit) -> RunRecord:
        edit = self._of_this_visit(edit)
        self._try(lambda: self._check(edit))
        self._note(f"skipped {edit.step}", edit.by, edit.reason)
        why = Cancellation(by=edit.by, reason=edit.reason)
        self._driver.replace(edit.step, Cancelled(f"skipped {why.in_words}"), why)
        return self.record()

    def set_output(self, edit: Edit) -> RunRecord:
        edit = self._of_this_visit(edit)
        self._try(lambda: self._check(edit))
        self._note(f"set the output of {edit.step}", edit.by, edit.reason)
        why = Cancellation(by=edit.by, reason=edit.reason)
        if self._kind(edit.step) == "human-task" and workflow.patched("set-output-decides-2026-11"):
            self.decide(self._decision(edit))
        else:
            output = Completed(edit.value, attempts=0, note=f"output set {why.in_words}")
            self._driver.replace(edit.step, output, why)
        return self.record()

    def check_skip(self, edit: Edit) -> None:
        """Raises ApplicationError for a step that is not there or has ended, for an edit without a reason, and for a
        person who may not decide what it would pass by.
        """
        self._try(lambda: self._check_skip(edit))

    def check_set_output(self, edit: Edit) -> None:
        """The same. The output of a human task is a decision, in the person's own name."""
        self._try(lambda: self._check_set_output(edit))

    def _try(self, what: Callable[[], ResultT]) -> ResultT:
        """What it gives; a refusal becomes an ApplicationError."""
        try:
            return what()
        except (RefusedEditError, ReviewRefusedError) as error:
            raise to_application_error(error) from None

    def _check_skip(self, edit: Edit) -> None:
        edit = self._of_this_visit(edit)
        self._check(edit)
        for task in self._passed_by(edit):
            if task.task.task.partition("/")[0] == self._place(edit.step):
                task.check_alone(Decision(verdict=Verdict.REJECT, reviewer=edit.by, reason=edit.reason))
            else:
                task.role_of_person(edit.by)

    def _check_set_output(self, edit: Edit) -> None:
        edit = self._of_this_visit(edit)
        self._check(edit)
        kind = self._kind(edit.step)
        if kind == "wait-any" and asks_people(self._driver.plan.node(edit.step)):
            message = f"{edit.step} asks people: decide its task, or skip it"
            raise RefusedEditError(FailureCode.REVIEW_ROLE_NOT_ALLOWED, message)
        for task in self._passed_by(edit):
            if task.task.task == self._place(edit.step):
                task.role_of(self._decision(edit))
            else:
                task.role_of_person(edit.by)

    def _passed_by(self, edit: Edit) -> list[HumanTask]:
        """The tasks whose people a change of the step passes by. Raises RefusedEditError when one is not open yet."""
        approvers = self._driver.run.approvers
        passed, unknown = tasks_passed_by(self._driver.progress, edit.step, self._tasks.by_step, approvers)
        if unknown is not None:
            message = f"{unknown} guards {edit.step}, and who may decide it is not known before it is open"
            if self._driver.plan.node(unknown).inner is not None:
                message = IN_ITEMS.format(unknown)
            raise RefusedEditError(FailureCode.REVIEW_NOT_OPEN, message)
        for place in passed:
            people = None if place in self._tasks.by_step else approvers[place]
            if people is not None and edit.by not in people:
                message = f"{edit.by!r} may not decide all that people were asked in the items of {place}"
                raise RefusedEditError(FailureCode.REVIEW_ROLE_NOT_ALLOWED, message)
        return [self._tasks.by_step[place] for place in passed if place in self._tasks.by_step]

    def _decision(self, edit: Edit) -> Decision:
        """What the output of a human task decides. Raises RefusedEditError."""
        value = edit.value if isinstance(edit.value, dict) else {}
        if value.get("by", edit.by) != edit.by:
            message = f"{edit.by} cannot decide {edit.step} in the name of {value['by']}: leave `by` out"
            raise RefusedEditError(FailureCode.REVIEW_ROLE_NOT_ALLOWED, message)
        fields = {"verdict": value.get("decision"), "data": value.get("data", {}), "task": self._place(edit.step)}
        try:
            return Decision.model_validate({**fields, "reviewer": edit.by, "reason": edit.reason})
        except ValidationError:
            message = f'the output of {edit.step} is a decision: {{"decision": "approve" or "reject", "data": {{…}}}}'
            raise RefusedEditError(FailureCode.STEP_INPUT, message) from None

    def _of_this_visit(self, edit: Edit) -> Edit:
        """A step in a cycle may be named with the visit that it is in."""
        step = step_of(edit.step)
        is_named = step in self._driver.plan.by_id and edit.step == self._place(step)
        return edit.model_copy(update={"step": step}) if is_named else edit

    def _place(self, step: str) -> str:
        return self._driver.progress.visits.place(step)

    def _kind(self, step: str) -> str:
        plan = self._driver.plan
        node = plan.node(step) if step in plan.by_id else None
        return "" if node is None or node.step is None else node.step.type

    @property
    def _tasks(self) -> Tasks:
        return self._driver.steering.waits.tasks

    def _check(self, edit: Edit) -> None:
        plan, progress = self._driver.plan, self._driver.progress
        if not edit.by.strip() or not edit.reason.strip():
            raise RefusedEditError(FailureCode.STEP_INPUT, "say who does it, and why")
        ids = [node.id for node in plan.steps() if node.kind == "step"]
        if step_of(edit.step) != edit.step and step_of(edit.step) in ids:
            message = f"{edit.step} is not under way: the step is in its visit {self._place(step_of(edit.step))}"
            raise RefusedEditError(FailureCode.STEP_INPUT, message)
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
        moment = f"{in_utc(workflow.now(), seconds=True)}"
        self._driver.edits.append(f"{moment}: {what} by {by}" + (f": {reason}" if reason else ""))
