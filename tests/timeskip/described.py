"""A run as the server tells of it: later than a query, which shows what its worker has not reported yet."""

from typing import Any

from temporalio.client import WorkflowExecutionDescription, WorkflowHandle

from tests.waiting import until
from towpath.contracts.core.process import STATUS
from towpath.temporal.attributes import search_key


async def described_as(handle: WorkflowHandle[Any, Any], status: str) -> WorkflowExecutionDescription:
    """The description, as soon as its status attribute says this."""
    return await until(handle.describe, lambda found: found.typed_search_attributes.get(search_key(STATUS)) == status)
