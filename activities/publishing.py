"""Activities of content publishing: look whether a post may go out, publish it once, find it again, take it back."""

from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.posting import (
    FindPost,
    PostOutcome,
    PreparePost,
    PublishPost,
    ReleaseSlot,
    RemovePost,
    ReserveSlot,
    Slot,
)
from towpath.contracts.service import Undone

if TYPE_CHECKING:
    from towpath.clients.publishing.adapter import Publishers
    from towpath.clients.publishing.slots import SlotBook


class PublishingActivities:
    def __init__(self, publishers: "Publishers", slots: "SlotBook") -> None:
        self._publishers = publishers
        self._slots = slots

    @activity.defn(name="prepare_post")
    async def prepare_post(self, request: PreparePost) -> PostOutcome:
        """Whether the account may post, and the post if it is out already. Safe to retry."""
        adapter = self._publishers.adapter(request.adapter, request.account)
        await adapter.prepare(request)
        return PostOutcome(post=await adapter.find(FindPost(**request.model_dump())))

    @activity.defn(name="publish_post")
    async def publish_post(self, request: PublishPost) -> PostOutcome:
        """One attempt. Give it one: a second may publish again what the first has published.

        It is no local activity for the same reason: those are run again when their worker dies. A time-out of it, like
        `publish.unknown` and `publish.duplicate`, is answered by `find_post`; after every other code nothing is out.
        """
        adapter = self._publishers.adapter(request.adapter, request.account)
        return PostOutcome(post=await adapter.publish(request))

    @activity.defn(name="find_post")
    async def find_post(self, request: FindPost) -> PostOutcome:
        """The post as the account's own timeline shows it. Safe to retry; a timeline may lag behind by seconds."""
        adapter = self._publishers.adapter(request.adapter, request.account)
        return PostOutcome(post=await adapter.find(request))

    @activity.defn(name="remove_post")
    async def remove_post(self, request: RemovePost) -> Undone:
        """Safe to retry: a post that is gone is not found."""
        adapter = self._publishers.adapter(request.adapter, request.account)
        return Undone(found=await adapter.remove(request))

    @activity.defn(name="reserve_slot")
    async def reserve_slot(self, request: ReserveSlot) -> Slot:
        """Safe to retry: the key has one slot."""
        return await self._slots.reserve(request)

    @activity.defn(name="release_slot")
    async def release_slot(self, request: ReleaseSlot) -> Undone:
        return await self._slots.release(request)
