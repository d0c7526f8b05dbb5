"""Carrying out actions: guarded, one at a time, judged by real metrics, and rolled back in reverse when they fail."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from activities.functions import FunctionActivities
from activities.incident import IncidentActivities
from activities.services import ServiceActivities
from towpath.contracts.core.review import ReviewTask, Verdict
from towpath.contracts.declared.run import CallAnswer, FunctionCall, ServiceCall
from towpath.contracts.incident.remediation import (
    ActionRecord,
    ActionState,
    ActionStep,
    PlannedAction,
    ReadSwitch,
    ReserveAction,
    Verify,
)
from towpath.policy.incident.autonomy import puts_a_suspect_back
from towpath.policy.incident.conditions import Judgement
from towpath.policy.incident.notices import action_end, in_words
from towpath.policy.incident.planning import PEOPLE_DECIDE, ParameterError, params
from workflows.incident.proving import Proof
from workflows.incident.state import IncidentState
from workflows.incident.watching import Gauge
from workflows.kit.calling import CallFailedError, call
from workflows.kit.compensation import shielded
from workflows.kit.options import CHECK, EFFECT, UNDO, Work

GOES_ON = frozenset({ActionState.VERIFIED, ActionState.APPLIED, ActionState.NOT_NEEDED})


LEFT_TO_PEOPLE = "not rolled back: that would bring back a version that may be the cause, so people decide"


class Approvals(Protocol):
    """How a person is asked; None when nobody could be, or the incident was resolved meanwhile."""

    def __call__(self, planned: PlannedAction) -> Awaitable[ReviewTask | None]: ...


def _lease(planned: PlannedAction) -> timedelta:
    """How long an action may take with all its tries, looks and its rollback; then its target is free whatever came."""
    verify = planned.action.verify
    return 3 * (planned.action.timeout + (timedelta(0) if verify is None else verify.within + verify.hold))


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why an action is not carried out."""

    state: ActionState
    why: str


Guard = Callable[[PlannedAction], Awaitable[Stopped | None]]


class Execution:
    """Every action goes through the same guards, the kill switch last, right before it takes effect."""

    def __init__(self, state: IncidentState, gauge: Gauge, approvals: Approvals) -> None:
        self._state = state
        self._gauge = gauge
        self._approvals = approvals
        self._applied: list[PlannedAction] = []
        self._proof = Proof(state, gauge)
        self._reserved: set[int] = set()
        self._unclear: set[int] = set()

    async def carry_out(self, actions: tuple[PlannedAction, ...]) -> ActionRecord | None:
        """The actions in order. The one that stopped them, if one did; what was applied is then rolled back."""
        for planned in actions:
            record = await self._act(planned)
            if record.state is ActionState.FAILED:
                await self._roll_back()
            await self._settle(planned, record)
            if record.state not in GOES_ON or planned.number in self._unclear:
                return self._latest(planned)
        return None

    async def unproved(self, planned: PlannedAction) -> str:
        """Why an automatic action is left to people; empty when it is proved, or the run began without proofs."""
        return await self._proof.missing(planned) if self._state.proves else ""

    def interrupt(self) -> None:
        """The run is cancelled: what was under way stays as it is, and so does what may have happened."""
        in_doubt = {planned.number for planned in self._applied}
        for record in self._state.known.actions:
            if record.state is ActionState.RUNNING:
                self._set(record, state=ActionState.APPLIED, note="not verified: the run was cancelled")
            elif record.state is ActionState.FAILED and record.number in in_doubt:
                note = f"{record.note}; not rolled back: the run was cancelled"
                self._set(record, state=ActionState.ROLLBACK_FAILED, note=note)
            elif record.state is ActionState.WAITING:
                self._set(record, state=ActionState.REFUSED, note="the run was cancelled before anybody approved it")
            elif record.state is ActionState.PLANNED:
                self._set(record, state=ActionState.REFUSED, note="the run was cancelled")

    async def _act(self, planned: PlannedAction) -> ActionRecord:
        record = ActionRecord(
            number=planned.number,
            action=planned.action.id,
            title=in_words(planned),
            parameters=planned.parameters,
            state=ActionState.PLANNED,
        )
        self._state.record(record)
        guards: tuple[Guard, ...] = (self._is_wanted, self._is_approved, self._is_wanted, self._fits, self._is_allowed)
        if self._state.proves:
            guards = (self._is_wanted, self._may_be_asked, *guards[1:])
        for guard in guards:
            stopped = await guard(planned)
            if stopped is not None:
                return self._end(planned, stopped.state, stopped.why)
        return await self._apply(planned)

    async def _is_wanted(self, _: PlannedAction) -> Stopped | None:
        resolved = self._state.is_resolved
        return Stopped(ActionState.NOT_NEEDED, "the alerts were resolved before it") if resolved else None

    async def _may_be_asked(self, planned: PlannedAction) -> Stopped | None:
        """Nobody is asked to approve what could not be carried out."""
        why = await self._proof.forbidden(planned)
        return Stopped(ActionState.REFUSED, why) if why else None

    async def _is_approved(self, planned: PlannedAction) -> Stopped | None:
        severity = self._state.known.severity
        if severity is not None and severity.level >= PEOPLE_DECIDE and not planned.needs_approval:
            why = f"the severity has risen to {severity.level}"
            planned = planned.model_copy(update={"needs_approval": True, "approval_reason": why})
        missing = "" if planned.needs_approval else await self.unproved(planned)
        if missing:
            planned = planned.model_copy(update={"needs_approval": True, "approval_reason": missing})
        if not planned.needs_approval:
            return None
        self._change(planned, state=ActionState.WAITING)
        task = await self._approvals(planned)
        decision = None if task is None else task.decision
        if decision is None:
            return None if self._state.is_resolved else Stopped(ActionState.REFUSED, "nobody approved it in time")
        self._change(planned, decision=decision)
        if decision.verdict is Verdict.REJECT:
            return Stopped(ActionState.REFUSED, f"rejected by {decision.reviewer}: {decision.reason}")
        return None

    async def _fits(self, planned: PlannedAction) -> Stopped | None:
        """Whether its precondition holds. What is unknown does not hold."""
        condition = planned.action.precondition
        if condition is None:
            return None
        judged = await self._gauge.judge(f"precondition/{planned.number}", (condition,))
        return None if judged.holds else Stopped(ActionState.NOT_NEEDED, f"its precondition: {judged.why}")

    async def _is_allowed(self, planned: PlannedAction) -> Stopped | None:
        """Its limit an hour, then the kill switch. What cannot be asked for is not allowed."""
        action, number = planned.action, planned.number
        request = ReserveAction(
            action=action.id, max_per_hour=action.max_per_hour, key=self._state.key(f"action/{number}")
        )
        if self._state.proves:
            held = {"target": self._state.service, "incident": self._state.id, "lease": _lease(planned)}
            request = request.model_copy(update=held)
        try:
            reserved = await call(
                IncidentActivities.reserve_action,
                request,
                CHECK,
                activity_id=f"action/{number}/reserve",
                summary=f"{action.title}: within its limit?",
            )
        except CallFailedError as error:
            return Stopped(ActionState.REFUSED, f"its limit could not be looked up ({error.failure.code})")
        if not reserved.allowed:
            return Stopped(ActionState.REFUSED, reserved.reason)
        self._reserved.add(number)
        on = await self._switched_on(f"action/{number}/switch")
        return None if on is None else Stopped(ActionState.REFUSED, on)

    async def _switched_on(self, step: str) -> str | None:
        """Why the kill switch forbids anything now, or None."""
        try:
            read = await call(
                IncidentActivities.read_switch, ReadSwitch(), CHECK, activity_id=step, summary="Read the kill switch"
            )
        except CallFailedError as error:
            return f"the kill switch could not be read ({error.failure.code})"
        switch = read.switch
        return f"the kill switch is on, by {switch.by}: {switch.reason}" if switch.on else None

    async def _apply(self, planned: PlannedAction) -> ActionRecord:
        """Take effect, once. Of one that a cancellation of the run let go, nobody knows whether it did."""
        self._change(planned, state=ActionState.RUNNING, started_at=workflow.now())
        self._state.tell(f"{in_words(planned)}: carried out")
        work = replace(EFFECT, start_to_close=planned.action.timeout)
        self._applied.append(planned)
        failed = await self._take_effect(planned, work)
        return await self._verify(planned) if failed is None else failed

    async def _take_effect(self, planned: PlannedAction, work: Work) -> ActionRecord | None:
        """The record of an action that failed. One that is certain to have had no effect is not rolled back."""
        try:
            await self._call(planned, planned.action.apply, f"action/{planned.number}", work)
        except CallFailedError as error:
            if not error.failure.unknown:
                self._applied.remove(planned)
            return self._end(planned, ActionState.FAILED, error.failure.message, failure=error.failure)
        except ParameterError as error:
            self._applied.remove(planned)
            return self._end(planned, ActionState.FAILED, str(error))
        except BaseException as error:
            if is_cancelled_exception(error):
                self._end(planned, ActionState.FAILED, "nobody knows whether it took effect")
            raise
        return None

    async def _verify(self, planned: PlannedAction) -> ActionRecord:
        """By metrics. Resolved alerts spare the rest of the time that they must hold, but prove nothing by themselves:
        alerts also fall silent when what they watch is gone.
        """
        verify = planned.action.verify
        if verify is None:
            return self._end(planned, ActionState.APPLIED, "it has no way to be verified")
        if self._state.proves:
            return await self._judge(planned, verify)
        watched = await self._gauge.hold(
            f"verify/{planned.number}", (verify.condition,), verify, enough=lambda: self._state.is_resolved
        )
        state = ActionState.VERIFIED if watched.held else ActionState.FAILED
        return self._end(planned, state, watched.why)

    async def _judge(self, planned: PlannedAction, verify: Verify) -> ActionRecord:
        """What nobody can tell is not undone: it may have helped. People are told, and nothing else is done."""
        answer, why = await self._gauge.verdict(
            f"verify/{planned.number}", verify, enough=lambda: self._state.is_resolved
        )
        if answer is Judgement.UNKNOWN:
            self._unclear.add(planned.number)
            return self._end(planned, ActionState.APPLIED, f"nobody can tell whether it helped: {why}")
        return self._end(planned, ActionState.VERIFIED if answer is Judgement.HOLDS else ActionState.FAILED, why)

    async def _settle(self, planned: PlannedAction, record: ActionRecord) -> None:
        if not self._state.proves or planned.number not in self._reserved:
            return
        self._reserved.remove(planned.number)
        judged = planned.action.verify is not None and record.started_at is not None
        await self._proof.settle(planned, record.state is ActionState.VERIFIED if judged else None)

    async def _roll_back(self) -> None:
        """Everything that was applied, the latest first. The kill switch stops this as well."""
        while self._applied:
            planned = self._applied.pop()
            rollback, number = planned.action.rollback, planned.number
            note = self._latest(planned).note
            if rollback is None:
                self._change(planned, note=f"{note}; it has no rollback")
                continue
            if self._state.proves and puts_a_suspect_back(planned.action):
                self._change(planned, note=f"{note}; {LEFT_TO_PEOPLE}")
                continue
            on = await self._switched_on(f"action/{number}/rollback/switch")
            if on is not None:
                self._end(planned, ActionState.ROLLBACK_FAILED, f"{note}; not rolled back: {on}")
                continue
            await shielded(self._undo(planned, rollback, note))

    async def _undo(self, planned: PlannedAction, rollback: ActionStep, note: str) -> None:
        try:
            await self._call(planned, rollback, f"action/{planned.number}/rollback", UNDO)
        except (CallFailedError, ParameterError) as error:
            self._end(planned, ActionState.ROLLBACK_FAILED, f"{note}; rolling back failed: {error}")
        else:
            self._end(planned, ActionState.ROLLED_BACK, note)

    async def _call(self, planned: PlannedAction, step: ActionStep, key: str, work: Work) -> CallAnswer:
        """Raises CallFailedError and ParameterError."""
        given = params(planned.action, step, planned.parameters)
        effect, summary = self._state.key(key), in_words(planned)
        if step.function:
            request = FunctionCall(handler=step.function, params=given, key=effect)
            return await call(FunctionActivities.call_function, request, work, activity_id=key, summary=summary)
        asked = ServiceCall(service=step.service, operation=step.operation, params=given, key=effect)
        return await call(ServiceActivities.call_service, asked, work, activity_id=key, summary=summary)

    def _latest(self, planned: PlannedAction) -> ActionRecord:
        return next(record for record in self._state.known.actions if record.number == planned.number)

    def _change(self, planned: PlannedAction, **fields: object) -> ActionRecord:
        return self._set(self._latest(planned), **fields)

    def _set(self, record: ActionRecord, **fields: object) -> ActionRecord:
        return self._state.record(record.model_copy(update=fields))

    def _end(self, planned: PlannedAction, state: ActionState, note: str, **fields: object) -> ActionRecord:
        record = self._change(planned, state=state, note=note, ended_at=workflow.now(), **fields)
        self._state.tell(action_end(record))
        return record
