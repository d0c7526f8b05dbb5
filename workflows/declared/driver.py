"""Drives the scheduler of one run: starts what it says, tells it what happened, and ends the run as it decides."""

import asyncio
from collections.abc import Coroutine

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.process import DEAD_LETTER_QUEUE
from towpath.contracts.core.run import Cancellation
from towpath.contracts.core.wire import JsonObject, clip
from towpath.contracts.declared.run import DeclaredFailure, DeclaredOutcome, DeclaredRequest, DeclaredResult
from towpath.contracts.declared.within import Sending, Within
from towpath.engine.checks.inputs import accept_inputs
from towpath.engine.checks.loading import InvalidDefinitionError, digest, load_plan
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.steps import CancelOn
from towpath.engine.run.actions import (
    Action,
    Cancel,
    Cancelled,
    Completed,
    End,
    Failed,
    FallBack,
    Outcome,
    Start,
    UndoStep,
)
from towpath.engine.run.evaluation import Evaluation, RunFacts, StepError
from towpath.engine.run.sending import bounded, bounded_left
from towpath.engine.run.within import facts_within, plan_within
from towpath.engine.scheduling.leaving import leavings
from towpath.engine.scheduling.progress import Progress
from towpath.functions.library import PURE
from towpath.temporal.attributes import search_key
from towpath.temporal.failures import to_application_error
from workflows.declared.continuing import (
    Pacing,
    began,
    begin_from,
    first_actions,
    hand_over,
    is_whole,
    progress_in,
    seed_of,
    take_over,
    waits_beside,
)
from workflows.declared.effects import Effects
from workflows.declared.performing_groups import approvers_of, for_parent, owner_of
from workflows.declared.record import Alerts, Mirror, Outbox, count_run, titles
from workflows.declared.repeating import Repeating
from workflows.declared.run import DeclaredRun
from workflows.declared.steering import Steering, guarded, perform_again
from workflows.declared.unwinding import Unwinding
from workflows.kit.children import asked_for
from workflows.kit.failing import run_failed
from workflows.kit.schemas import breaches
from workflows.kit.steps import Steps
from workflows.kit.task import NOT_PENDING


class RefusedRunError(HouseError):
    """A run cannot be started as it was asked for."""


class Driver:
    """One run. Everything that its methods change is deterministic."""

    def __init__(self, request: DeclaredRequest, effects: Effects) -> None:
        # A run that continues this one does not evaluate templates among the inputs again.
        self.request = request.model_copy(update={"inputs": _given(request), "input_templates": {}})
        self.plan, inputs = _accept(self.request)
        header = self.plan.definition.header
        facts = _facts(request)
        if request.resume is None:
            self.progress = Progress(self.plan, facts, inputs, PURE, _new_uuid, seed_of(self.plan, request))
        else:
            self.progress = Progress.load(self.plan, facts, inputs, PURE, _new_uuid, progress_in(request.resume))
        self.steps = Steps(header.id, titles(self.plan), request.redrive_of)
        variants = self.progress.sent.variants
        evaluation = self.progress.evaluation
        self.run = DeclaredRun(self.request, self.plan, evaluation, self.steps, effects, owner_of(request), variants)
        begin_from(self)
        self.outbox = Outbox(effects, request.sinks, header.id, header.version)
        self.alerts = Alerts(self.run, self.progress, self.outbox)
        self.steering = Steering(self.run)
        self.progress.listen(self.steering.waits.tasks)
        self.mirror = Mirror(self.progress, self.steps, self.outbox, self.alerts.step_started)
        self._repeating = Repeating(self.run, self.steering)
        self._work: dict[str, asyncio.Task[None]] = {}
        """By place: a step that is done again may begin while its end by hand is still under way."""
        self._latest: dict[str, str] = {}
        self._begun: set[str] = set()
        self._background: list[asyncio.Task[None]] = []
        self._unwinding = Unwinding(self.run, self.progress, self.steering, self._repeating)
        self._ended: End | None = None
        self.paused = False
        self.edits: list[str] = []
        """What people changed by hand: when, what, who and why."""
        self.was_ending = False
        """A failure or a rejection was ending the run when it was cancelled: that is how it ends."""
        self._pacing = Pacing(self.progress, self.apply)
        if request.resume is not None:
            take_over(self, request.resume)

    async def drive(self) -> DeclaredResult:
        """From the first step to the last. Raises ApplicationError for a run that failed, CancelledError for one that
        an event cancelled.
        """
        if not is_whole(self.request.resume):
            self.outbox.add("workflow.started", {"trigger": self.request.trigger})
        self.alerts.begin()
        self._watch_cancellation(self.plan.definition.header.cancel_on)
        if self.request.resume is None:
            self.apply(first_actions(self))
        elif not self.paused:
            self.apply(self.progress.resume(workflow.now()))
        while self._ended is None:
            await workflow.wait_condition(lambda: self._ended is not None or self._is_due_to_continue())
            await self._finish_messages()
            if self._ended is None and self._is_due_to_continue():
                self._continue_as_new()
        return await self._finish(self._ended)

    async def _finish_messages(self) -> None:
        """Notices on their way are lost with the history that they are in."""
        if self._ended is None and (self.outbox.sending or self.alerts.telling):
            await self.outbox.flush()
            await workflow.wait_condition(lambda: not self.alerts.telling)

    async def cancel(self, driving: asyncio.Task[DeclaredResult]) -> None:
        """Cancel what runs, undo what was done, and wait until that is over."""
        self.was_ending = self.progress.stopping is not None
        self._cancel_run(asked_for())
        await workflow.wait([driving])
        if not driving.cancelled():
            driving.exception()

    def _cancel_run(self, why: Cancellation) -> None:
        if self.progress.stopping is None:
            self.steps.cancelled = why
        self.apply(self.progress.cancel(workflow.now(), why))

    def pause(self) -> None:
        self.paused = True
        self.progress.pause()

    def resume(self) -> None:
        self.paused = False
        self.apply(self.progress.resume(workflow.now()))

    def replace(self, step: str, outcome: Completed | Cancelled, why: Cancellation) -> None:
        """Settle a step by hand. Raises ValueError when it has ended."""
        self.apply(self.progress.replace(step, outcome, workflow.now(), why))

    def apply(self, actions: list[Action]) -> None:
        """Do what the scheduler says, in its order."""
        self.mirror.update(self.progress)
        for action in actions:
            match action:
                case Start(step=step, place=place):
                    self._latest[step] = place
                    self._work[place] = asyncio.ensure_future(self._perform(self.plan.node(step), action))
                case Cancel(step=step, why=why):
                    self._cancel_step(self._latest.get(step, step), why)
                case UndoStep():
                    self._in_background(self._undo(action))
                case FallBack():
                    self._in_background(self._fall_back(action))
                case End():
                    self._ended = action

    def _cancel_step(self, place: str, why: Cancellation) -> None:
        task = self._work.get(place)
        if task is not None and not task.done():
            self.run.cancelled.setdefault(place, why)
            if place in self._begun or not workflow.patched("cancelled-before-begun-2026-11"):
                task.cancel()

    def _in_background(self, work: Coroutine[object, object, None]) -> None:
        self._background.append(asyncio.ensure_future(work))

    async def _perform(self, node: PlanNode, start: Start) -> None:
        place = start.place
        self._begun.add(place)
        watch = self._watch_step(node, place)
        try:
            # One that is cancelled before it begins, as a race can be over at once, ends here.
            over = place in self.run.cancelled
            outcome = self._cancelled(place) if over else await guarded(self._outcome(node, start), node.id)
        except BaseException as error:
            if not is_cancelled_exception(error):
                raise
            outcome = self._cancelled(place)
        if watch is not None:
            watch.cancel()
        if isinstance(outcome, Failed) and place in self.run.cancelled:
            # What an attempt says that was cut off is no reason why the step ended.
            outcome = self._cancelled(place)
        if self._is_long() and not waits_beside(self.progress, node.id):
            self.progress.pause()
        self.apply(self.progress.finish(node.id, outcome, workflow.now(), place))

    def _cancelled(self, place: str) -> Cancelled:
        """What it sent is told, and what it may have done is undone: its answer is lost, its effect may not be."""
        why, sent = self.run.why_cancelled(place), self.run.doubts.told(place)
        unknown, partial = self.run.doubts.is_open(place), self._repeating.partial(place)
        return Cancelled(f"{why.in_words} ({sent})" if sent else why.in_words, unknown, partial, why)

    async def _outcome(self, node: PlanNode, start: Start) -> Outcome:
        if self.progress.sent.stood(start.place):
            self.run.doubts.recall(start.place)
        if start.items is not None:
            made_of = self.progress.sent.made_of.get(start.place, "")
            return await self._repeating.perform(node, start.items, made_of, start.place)
        return await perform_again(self.steering, node, start, lambda: self.progress.stopping is not None)

    def _watch_step(self, node: PlanNode, place: str) -> asyncio.Task[None] | None:
        cancel_on = None if node.step is None else node.step.cancel_on
        if cancel_on is None:
            return None

        async def watch() -> None:
            self._cancel_step(place, await self._until(cancel_on, place))

        return asyncio.ensure_future(watch())

    def _watch_cancellation(self, cancel_on: CancelOn | None) -> None:
        if cancel_on is None:
            return

        async def watch() -> None:
            self._cancel_run(await self._until(cancel_on, "run"))

        self._in_background(watch())

    async def _until(self, cancel_on: CancelOn, name: str) -> Cancellation:
        wanted = self.run.wanted(cancel_on.event, cancel_on.correlate, cancel_on.filter)
        event = await self.run.event(wanted, None, name)
        source = "" if event is None else f" of {event.source}"
        return Cancellation(by="its cancel_on", reason=f"the event {cancel_on.event}{source} came")

    async def _undo(self, action: UndoStep) -> None:
        self.apply(await self._unwinding.undo(action))

    async def _fall_back(self, action: FallBack) -> None:
        await self._unwinding.fall_back(action)
        self.apply(self.progress.fell_back(workflow.now()))

    async def _finish(self, end: End) -> DeclaredResult:
        await self.alerts.stop()
        for task in self._background:
            task.cancel()
        self.outbox.ended(end, self.progress.not_undone)
        count_run(self.plan, self.progress, end.status, self.alerts.began)
        await self.outbox.flush()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if end.status == "failed":
            raise self._failed(end)
        self.steps.end(end.status, *self._unset())
        if end.status == "cancelled":
            raise asyncio.CancelledError
        header = self.plan.definition.header
        result = DeclaredResult(
            outcome=DeclaredOutcome(end.status),
            outputs=end.outputs,
            definition=header.id,
            version=header.version,
            digest=self.request.digest,
            cost=self.steps.cost,
            undone=tuple(self._unwinding.done),
            not_undone=tuple(self._unwinding.not_undone),
            approvers=self._approvers(),
            left=leavings(self.progress, self.request.within, self.run.left, self._sending()),
        )
        return result.model_copy(update={"output": end.single[0]}) if end.single else result

    def _unset(self) -> tuple[object, ...]:
        return NOT_PENDING if self.steering.waits.tasks.by_step else ()

    def _failed(self, end: End) -> ApplicationError:
        letter = self._unwinding.letter()
        queued = [search_key(DEAD_LETTER_QUEUE).value_set(letter.queue)] if letter.queue else []
        self.steps.end("failed", *queued, *self._unset())
        nothing: JsonObject = {"seed": {}, "resume": None, "redrive_of": None, "earlier": None, "items": {}}
        kept, items = self.request.model_copy(update=nothing), self._repeating.kept(self.progress)
        failure = end.failure or letter.failure
        completed, sending = self.progress.completed(), self._sending()
        start = DeclaredFailure(
            request=kept, completed=completed, sending=sending, items=items, approvers=self._approvers()
        )
        return run_failed(
            clip(f"{end.step or 'the run'} failed: {failure.message}"), failure, letter, for_parent(start)
        )

    def _approvers(self) -> tuple[str, ...] | None:
        return approvers_of(self.run, self.steering.waits.tasks.by_step.values())

    def _is_due_to_continue(self) -> bool:
        """History is long, and nothing runs that a new run would not know of."""
        return self._is_long() and not self.progress.running and self.progress.stopping is None

    def _is_long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    def _continue_as_new(self) -> None:
        handed = {"resume": hand_over(self), "seed": {}, "earlier": self._sending()}
        handed |= {"items": self._repeating.kept(self.progress)}
        workflow.continue_as_new(self.request.model_copy(update=handed))

    def _sending(self) -> Sending:
        facts = self.progress.evaluation.facts
        inside, left = bounded(self.run.inside), bounded_left(self.run.left)
        steps = self.progress.sending()
        return Sending(began=facts.started_at, salt=facts.salt, steps=steps, inside=inside, left=left)


def _facts(request: DeclaredRequest) -> RunFacts:
    earlier, around = request.earlier, request.within
    facts = RunFacts(
        id=workflow.info().workflow_id,
        started_at=began(request) if earlier is None else earlier.began,
        secrets=request.secrets,
        event=request.event,
        trigger=request.trigger,
        language=request.language,
        salt=_new_uuid() if earlier is None else earlier.salt,
    )
    return facts if around is None else facts_within(around, facts)


def _accept(request: DeclaredRequest) -> tuple[Plan, JsonObject]:
    """The plan and the inputs with their defaults. A starter checked both: whoever starts runs otherwise is told here.

    Raises ApplicationError, which fails the run at once.
    """
    try:
        plan = load_plan(request.digest, request.definition)
    except InvalidDefinitionError as error:
        refused = RefusedRunError(FailureCode.STEP_INPUT, f"the definition cannot be run: {error}")
        raise to_application_error(refused) from error
    if request.within is not None:
        return _accept_item(plan, request.within), request.inputs
    inputs, problems = accept_inputs(plan.definition.header, request.inputs, breaches)
    if problems:
        refused = RefusedRunError(FailureCode.STEP_INPUT, f"inputs: {'; '.join(problems[:10])}")
        raise to_application_error(refused)
    if request.resume is not None and workflow.info().continued_run_id is None:
        message = "resume is for a run that goes on in a new history: leave it out"
        refused = RefusedRunError(FailureCode.STEP_INPUT, message)
        raise to_application_error(refused)
    return plan, inputs


def _accept_item(plan: Plan, given: Within) -> Plan:
    """What an item of a group is done by. Its inputs were accepted by the run around it. Raises ApplicationError."""
    inner = plan_within(plan, given.groups)
    if inner is None or workflow.info().parent is None:
        message = "within is for the items of a group, which the run around them begins: leave it out"
        raise to_application_error(RefusedRunError(FailureCode.STEP_INPUT, message))
    return inner


def refused_request(request: DeclaredRequest) -> DeclaredRequest:
    """What stands in for a request that cannot be run, so that the run can say so."""
    definition: JsonObject = {"id": "refused", "version": "0.0.0", "steps": [{"id": "none", "type": "set"}]}
    return DeclaredRequest(definition=definition, digest=digest(definition), trigger=request.trigger)


def _given(request: DeclaredRequest) -> JsonObject:
    """The inputs with those that the trigger gives as templates. Raises ApplicationError."""
    if not request.input_templates:
        return request.inputs
    facts = RunFacts(id=workflow.info().workflow_id, started_at=workflow.info().start_time, event=request.event)
    try:
        evaluated = Evaluation(facts, {}, {}, {}, _new_uuid).value(request.input_templates, "inputs")
    except StepError as error:
        raise to_application_error(RefusedRunError(FailureCode.STEP_INPUT, error.failure.message)) from error
    return {**evaluated, **request.inputs}


def _new_uuid() -> str:
    return str(workflow.uuid4())
