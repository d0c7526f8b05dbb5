"""The one record that guards all remediation: the kill switch, and how often each action ran in the last hour."""

from datetime import datetime, timedelta

from temporalio import workflow

from towpath.contracts.core.text import clean
from towpath.contracts.incident.remediation import (
    REMEDIATION_CONTROL,
    ActionReservation,
    ControlRecord,
    KillSwitch,
    ReserveAction,
    ReservedAction,
    SetSwitch,
    SettleAction,
)
from towpath.policy.incident.autonomy import JUDGED, in_the_way, is_held
from workflows.kit.people import require_person

HOUR = timedelta(hours=1)
KEPT_MOVES = 50
SWITCH_TEAMS = ("operations", "operations-leads")
"""Whose people may stop all remediation, and allow it again."""


def _stands_in_the_way(entry: ReservedAction, request: ReserveAction, now: datetime) -> bool:
    return bool(request.target) and entry.target == request.target and is_held(entry, now)


@workflow.defn(name=REMEDIATION_CONTROL)
class RemediationControlWorkflow:
    """Lives for ever, and continues as new when its history grows. All runs ask the same record, so limits hold."""

    @workflow.init
    def __init__(self, record: ControlRecord) -> None:
        self._record = record

    @workflow.run
    async def run(self, record: ControlRecord) -> None:
        del record  # `__init__` has it
        self._show()
        await workflow.wait_condition(lambda: workflow.info().is_continue_as_new_suggested())
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(self._record)

    @workflow.query(name="state")
    def state(self) -> ControlRecord:
        return self._record

    @workflow.update(name="reserve")
    def reserve(self, request: ReserveAction) -> ActionReservation:
        """One run of an action, if switch and limit allow it. The same key is answered in the same way for an hour.

        The switch comes first: a reservation from before it was put on is not honoured.
        """
        switch = self._record.switch
        if switch.on:
            return ActionReservation(allowed=False, reason=f"the kill switch is on: {switch.by}: {switch.reason}")
        now = workflow.now()
        kept = tuple(entry for entry in self._record.reservations if now - entry.at < HOUR or is_held(entry, now))
        self._change(reservations=kept)
        if any(entry.key == request.key for entry in kept):
            return ActionReservation(allowed=True)
        busy = next((entry for entry in kept if _stands_in_the_way(entry, request, now)), None)
        if busy is not None:
            return ActionReservation(allowed=False, reason=in_the_way(request.target, busy.incident))
        used = sum(entry.action == request.action and now - entry.at < HOUR for entry in kept)
        if used >= request.max_per_hour:
            reason = f"{request.action} ran {used} times in the last hour, its limit is {request.max_per_hour}"
            return ActionReservation(allowed=False, reason=reason)
        reserved = ReservedAction(
            action=request.action,
            key=request.key,
            at=now,
            target=request.target,
            incident=request.incident,
            until=now + request.lease if request.target else None,
        )
        self._change(reservations=(*kept, reserved))
        return ActionReservation(allowed=True)

    @workflow.update(name="settle")
    def settle(self, request: SettleAction) -> ActionReservation:
        """What became of a reservation: told twice, it counts once."""
        found = next((entry for entry in self._record.reservations if entry.key == request.key), None)
        if found is None or found.until is None:
            return ActionReservation(allowed=True, reason="nothing is held under this key")
        others = tuple(entry for entry in self._record.reservations if entry is not found)
        self._change(reservations=(*others, found.model_copy(update={"until": None})))
        if request.verified is not None:
            known = self._record.outcomes.get(found.action, ())
            ended = (*known, request.verified)[-JUDGED:]
            self._change(outcomes={**self._record.outcomes, found.action: ended})
        return ActionReservation(allowed=True)

    @workflow.update(name="switch_on")
    async def switch_on(self, request: SetSwitch) -> KillSwitch:
        """Stop all remediation."""
        return await self._move(request, on=True)

    @switch_on.validator
    def _check_switch_on(self, request: SetSwitch) -> None:
        """The message holds what is needed; who sends it is looked up in the handler."""

    @workflow.update(name="switch_off")
    async def switch_off(self, request: SetSwitch) -> KillSwitch:
        """Allow remediation again."""
        return await self._move(request, on=False)

    @switch_off.validator
    def _check_switch_off(self, request: SetSwitch) -> None:
        """The same."""

    async def _move(self, request: SetSwitch, *, on: bool) -> KillSwitch:
        await require_person(request.by, SWITCH_TEAMS, "move the kill switch")
        switch = KillSwitch(on=on, by=request.by, reason=request.reason, at=workflow.now())
        self._change(switch=switch, moves=(*self._record.moves, switch)[-KEPT_MOVES:])
        self._show()
        return switch

    def _change(self, **fields: object) -> None:
        self._record = self._record.model_copy(update=fields)

    def _show(self) -> None:
        switch = self._record.switch
        state = clean(f"**on**: {switch.by}: {switch.reason}") if switch.on else "off"
        workflow.set_current_details(f"Kill switch of all remediation: {state}")
