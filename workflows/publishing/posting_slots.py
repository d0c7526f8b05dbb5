"""The record of one account's reserved times, so that its posts keep their distance whatever campaign they are of."""

from temporalio import workflow

from towpath.contracts.core.service import Undone
from towpath.contracts.publishing.posting import POSTING_SLOTS, ReleaseSlot, ReserveSlot, Slot, SlotRecord
from workflows.publishing.slots import Slots


@workflow.defn(name=POSTING_SLOTS)
class PostingSlotsWorkflow:
    """One for each account. It lives as long as the account is posted to, and continues as new when it grows."""

    @workflow.init
    def __init__(self, record: SlotRecord) -> None:
        self._slots = Slots(record)

    @workflow.run
    async def run(self, record: SlotRecord) -> None:
        workflow.set_current_details(f"Reserved times of `{record.place}`: query `slots`.")
        await workflow.wait_condition(lambda: workflow.info().is_continue_as_new_suggested())
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(self._slots.record)

    @workflow.update(name="reserve")
    async def reserve(self, request: ReserveSlot) -> Slot:
        """Keep a time for the key. Asked again for the same, it is the same time; for another, the slot moves."""
        return self._slots.reserve(request, workflow.now())

    @workflow.update(name="release")
    async def release(self, request: ReleaseSlot) -> Undone:
        """Give up the time of the key."""
        return self._slots.release(request)

    @workflow.query(name="slots")
    def slots(self) -> SlotRecord:
        return self._slots.record

    @reserve.validator
    def _check_reserve(self, request: ReserveSlot) -> None:
        self._slots.check(request, workflow.now())
