"""The activity that delivers lifecycle events to the sinks of the installation."""

from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.declared.run import EventsDelivered, LifecycleEvents

if TYPE_CHECKING:
    from towpath.integrations.channels.sinks import Sinks


class EventActivities:
    def __init__(self, sinks: "Sinks") -> None:
        self._sinks = sinks

    @activity.defn(name="deliver_events")
    async def deliver_events(self, request: LifecycleEvents) -> EventsDelivered:
        """Every event to every sink, in order. A sink that took an event before takes it again: its id is the same."""
        return EventsDelivered(delivered=await self._sinks.deliver(request.sinks, request.events))
