"""What an action needs before anybody is asked: it may run at all, and without a person only where it is proved."""

from activities.incident import IncidentActivities
from towpath.contracts.incident.remediation import PlannedAction, ReadSwitch, SettleAction, SwitchState
from towpath.policy.incident.autonomy import in_the_way, unproved
from workflows.incident.state import IncidentState
from workflows.incident.watching import Gauge
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import CHECK


class Proof:
    """Reads the record of all remediation, and the metrics of the service."""

    def __init__(self, state: IncidentState, gauge: Gauge) -> None:
        self._state = state
        self._gauge = gauge
        self._reads = 0

    async def forbidden(self, planned: PlannedAction) -> str:
        """Why it may not be carried out now whoever approves it; empty when it may. The kill switch is read last, right
        before an action: it may be off again by then.
        """
        known = await self._known(planned)
        if known is None:
            return "the record of remediation could not be read"
        action, target = planned.action, self._state.service
        uses = known.uses.get(action.id)
        if uses is not None and uses.last_hour >= action.max_per_hour:
            return f"{action.id} ran {uses.last_hour} times in the last hour, its limit is {action.max_per_hour}"
        busy = known.busy.get(target)
        return in_the_way(target, busy) if busy is not None and busy != self._state.id else ""

    async def missing(self, planned: PlannedAction) -> str:
        """Why a person has to decide about an action that the catalogue calls automatic; empty when it is proved."""
        known, action = await self._known(planned), planned.action
        if known is None:
            return "the record of remediation could not be read"
        conditions = [action.precondition] if action.precondition else []
        conditions += [action.verify.condition] if action.verify is not None else []
        values = await self._gauge.values(f"proof/{planned.number}", conditions)
        return unproved(action, self._state.known.catalogue.metrics, values, known.uses.get(action.id))

    async def settle(self, planned: PlannedAction, verified: bool | None) -> None:
        """Its target is free again; how it ended counts for the next time."""
        request = SettleAction(key=self._state.key(f"action/{planned.number}"), verified=verified)
        step = f"action/{planned.number}/settle"
        try:
            await call(
                IncidentActivities.settle_action, request, CHECK, activity_id=step, summary="Free the action's target"
            )
        except CallFailedError as error:
            self._state.degrade(step, f"its target is held until its time is over ({error.failure.code})")

    async def _known(self, planned: PlannedAction) -> SwitchState | None:
        self._reads += 1
        step = f"action/{planned.number}/known/{self._reads}"
        try:
            return await call(
                IncidentActivities.read_switch, ReadSwitch(), CHECK, activity_id=step, summary="Read the record"
            )
        except CallFailedError:
            return None
