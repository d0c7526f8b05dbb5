"""The activity behind the `openapi` step: one operation of a document that its definition brought along."""

from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.declared.http_call import OperationCall
from towpath.contracts.declared.run import CallAnswer

if TYPE_CHECKING:
    from towpath.integrations.http.operations import OperationClient


class OperationActivities:
    """The door to `OperationClient`, whose errors pass: the activity edge converts them."""

    def __init__(self, operations: "OperationClient") -> None:
        self._operations = operations

    @activity.defn(name="call_operation")
    async def call_operation(self, request: OperationCall) -> CallAnswer:
        return await self._operations.call(request, activity.info().attempt)
