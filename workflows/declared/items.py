"""The workflow that does a part of a large for_each, so that no history grows with the number of items."""

from temporalio import workflow

from towpath.contracts.declared.run import ITEMS, ItemsRequest, ItemsResult
from workflows.declared.parts import perform_part
from workflows.declared.repeating import Stop


@workflow.defn(name=ITEMS)
class DeclaredItemsWorkflow:
    """A window over some hundreds of items; their effects are keyed as if the run itself did them."""

    def __init__(self) -> None:
        self._stop = Stop()

    @workflow.run
    async def run(self, request: ItemsRequest) -> ItemsResult:
        return await perform_part(request, self._stop)

    @workflow.signal(name="stop")
    def stop(self) -> None:
        """Begin no more items: too many have failed elsewhere."""
        self._stop.is_set = True
