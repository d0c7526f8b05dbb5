"""The activity that looks a published definition up."""

from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.declared import FindDefinition, FoundDefinition

if TYPE_CHECKING:
    from towpath.clients.definitions import Definitions


class DefinitionActivities:
    def __init__(self, definitions: "Definitions") -> None:
        self._definitions = definitions

    @activity.defn(name="find_definition")
    async def find_definition(self, request: FindDefinition) -> FoundDefinition:
        """Raises HouseError when there is no such version, or the inputs are not what it takes."""
        inputs = request.inputs if request.check else None
        return FoundDefinition(request=await self._definitions.request(request.id, request.version, inputs))
