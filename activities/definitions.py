"""Activities that ask Temporal about published definitions: a version, and how its runs ended."""

from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.declared.published import RateCounts, RateQuestion
from towpath.contracts.declared.run import FindDefinition, FoundDefinition

if TYPE_CHECKING:
    from towpath.control.definitions import Definitions


class DefinitionActivities:
    def __init__(self, definitions: "Definitions") -> None:
        self._definitions = definitions

    @activity.defn(name="find_definition")
    async def find_definition(self, request: FindDefinition) -> FoundDefinition:
        """Raises HouseError when there is no such version, or the inputs are not what it takes."""
        inputs = request.inputs if request.check else None
        return FoundDefinition(request=await self._definitions.request(request.id, request.version, inputs))

    @activity.defn(name="count_runs")
    async def count_runs(self, request: RateQuestion) -> RateCounts:
        """How the runs of a definition ended lately, as far as visibility knows."""
        return await self._definitions.counts(request.definition, request.now - timedelta(hours=request.hours))
