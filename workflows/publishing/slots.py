"""The rules of reserved times: a key has one, they keep their spacing, and those that are over are forgotten."""

from datetime import datetime, timedelta

from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.core.service import Undone
from towpath.contracts.publishing.posting import ReleaseSlot, ReserveSlot, Slot, SlotRecord, SlotReservation
from towpath.policy.publishing.timing import next_free
from towpath.temporal.failures import to_application_error

KEPT = timedelta(days=2)
"""A time is kept so long after it is over: a run that asks again gets it, and the next post keeps its distance."""
MOST = 1_000
"""Of times to come. It bounds the record, and what an account may plan."""


class Slots:
    """State of the record of one account."""

    def __init__(self, record: SlotRecord) -> None:
        self.record = record

    def check(self, request: ReserveSlot, now: datetime) -> None:
        """Raises ApplicationError when the record is full."""
        others = [each for each in self._current(now) if each.key != request.key]
        if len(others) >= MOST:
            message = f"{self.record.place} has {MOST} posts planned: publish or cancel some first"
            raise to_application_error(PublishError(FailureCode.PUBLISH_REFUSED, message))

    def reserve(self, request: ReserveSlot, now: datetime) -> Slot:
        wish = (request.at, request.not_after, request.spacing)
        current = self._current(now)
        held = next((each for each in current if each.key == request.key), None)
        if held is not None and (held.wanted, held.not_after, held.spacing) == wish:
            return Slot(at=held.at)
        others = [each for each in current if each.key != request.key]
        at = next_free(request.at, [each.at for each in others], request.spacing, request.not_after)
        if at is not None:
            new = SlotReservation(
                key=request.key, wanted=request.at, not_after=request.not_after, spacing=request.spacing, at=at
            )
            self._keep((*others, new))
        return Slot(at=at)

    def release(self, request: ReleaseSlot) -> Undone:
        rest = tuple(each for each in self.record.reservations if each.key != request.key)
        found = len(rest) < len(self.record.reservations)
        self._keep(rest)
        return Undone(found=found)

    def _current(self, now: datetime) -> tuple[SlotReservation, ...]:
        return tuple(each for each in self.record.reservations if each.at + max(KEPT, each.spacing) > now)

    def _keep(self, reservations: tuple[SlotReservation, ...]) -> None:
        self.record = self.record.model_copy(update={"reservations": reservations})
