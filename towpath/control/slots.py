"""Reserved times of the accounts: each account has one durable record, begun by its first reservation."""

from typing import Any, TypeVar

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.core.process import HELPER
from towpath.contracts.core.service import Undone
from towpath.contracts.core.wire import ActivityResult
from towpath.contracts.publishing.posting import POSTING_SLOTS, ReleaseSlot, ReserveSlot, Slot, SlotRecord
from towpath.contracts.publishing.process import PUBLISHING
from towpath.temporal.attributes import search_attributes

AnswerT = TypeVar("AnswerT", bound=ActivityResult)


class SlotBook:
    """Asks the records, each by an update that starts it where it is not there yet."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def reserve(self, request: ReserveSlot) -> Slot:
        """Raises PublishError."""
        return await self._update("reserve", request.place, request, Slot)

    async def release(self, request: ReleaseSlot) -> Undone:
        """Raises PublishError."""
        return await self._update("release", request.place, request, Undone)

    async def _update(
        self, name: str, place: str, request: ReserveSlot | ReleaseSlot, answer: type[AnswerT]
    ) -> AnswerT:
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            POSTING_SLOTS,
            SlotRecord(place=place),
            id=f"{POSTING_SLOTS}/{place}",
            task_queue=PUBLISHING.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=search_attributes(HELPER),
            static_summary=f"reserved times of {place}",
        )
        try:
            result: AnswerT = await self._client.execute_update_with_start_workflow(
                name, request, start_workflow_operation=start, result_type=answer
            )
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            message = cause.message if isinstance(cause, ApplicationError) else "the reservation was refused"
            raise PublishError(FailureCode.PUBLISH_REFUSED, message, evidence={"place": place}) from error
        except RPCError as error:
            message = f"the record of {place} does not answer"
            raise PublishError(FailureCode.PUBLISH_UNAVAILABLE, message, evidence={"place": place}) from error
        return result
