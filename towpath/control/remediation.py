"""The record that guards all remediation, as its users reach it: begun by whoever asks first."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.process import HELPER
from towpath.contracts.core.wire import Wire
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.incident.remediation import (
    REMEDIATION_CONTROL,
    ActionReservation,
    ControlRecord,
    KillSwitch,
    ReserveAction,
    SetSwitch,
    SettleAction,
    SwitchState,
)
from towpath.policy.incident.autonomy import told
from towpath.temporal.attributes import search_attributes

AnswerT = TypeVar("AnswerT", bound=Wire)
ANSWER_WITHIN = timedelta(seconds=10)


class RemediationControl:
    """Updates and queries of the record."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def reserve(self, request: ReserveAction) -> ActionReservation:
        """Raises ServiceError when the record does not answer: then nothing may be done."""
        return await self._update("reserve", request, ActionReservation)

    async def settle(self, request: SettleAction) -> ActionReservation:
        """Raises ServiceError."""
        return await self._update("settle", request, ActionReservation)

    async def known(self) -> SwitchState:
        """The switch, how actions did, and which targets are busy. Raises ServiceError."""
        return told(await self.state(), datetime.now(UTC))

    async def move(self, request: SetSwitch, *, on: bool) -> KillSwitch:
        """Raises ServiceError."""
        return await self._update("switch_on" if on else "switch_off", request, KillSwitch)

    async def switch(self) -> KillSwitch:
        """Raises ServiceError."""
        return (await self.state()).switch

    async def state(self) -> ControlRecord:
        """The record as it is; one that nobody has asked for anything yet is empty. Raises ServiceError."""
        handle = self._client.get_workflow_handle(REMEDIATION_CONTROL)
        try:
            return await handle.query("state", result_type=ControlRecord, rpc_timeout=ANSWER_WITHIN)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return ControlRecord()
            raise _silent() from error

    async def _update(self, name: str, request: Wire, answer: type[AnswerT]) -> AnswerT:
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            REMEDIATION_CONTROL,
            ControlRecord(),
            id=REMEDIATION_CONTROL,
            task_queue=INCIDENT.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=search_attributes(HELPER),
            static_summary="kill switch and limits of remediation",
        )
        try:
            result: AnswerT = await self._client.execute_update_with_start_workflow(
                name, request, start_workflow_operation=start, result_type=answer, rpc_timeout=ANSWER_WITHIN
            )
        except RPCError as error:
            raise _silent() from error
        return result


def _silent() -> ServiceError:
    return ServiceError(
        FailureCode.SERVICE_UNAVAILABLE,
        "the record of remediation does not answer: nothing may be done without it",
        evidence={"service": REMEDIATION_CONTROL},
    )
