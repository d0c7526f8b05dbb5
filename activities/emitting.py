"""The activity that delivers an event to the runs that wait for it, and starts those that it starts."""

from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.declared.run import Emission, EmitEvent

if TYPE_CHECKING:
    from towpath.control.emitting import Emitter


class EmitActivities:
    def __init__(self, emitter: "Emitter") -> None:
        self._emitter = emitter

    @activity.defn(name="emit_event")
    async def emit_event(self, request: EmitEvent) -> Emission:
        """Delivered again after a crash, the event counts once: its id and its source are the same."""
        return await self._emitter.emit(request.event)
