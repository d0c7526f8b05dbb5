"""A run as the server tells of it: later than a query, which shows what its worker has not reported yet."""

import asyncio
from typing import Any

from temporalio.client import WorkflowExecutionDescription, WorkflowHandle

from towpath.contracts.process import STATUS
from towpath.temporal.attributes import search_key

WAIT_SECONDS = 60


async def described_as(handle: WorkflowHandle[Any, Any], status: str) -> WorkflowExecutionDescription:
    """The description, as soon as its status attribute says this."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            described = await handle.describe()
            if described.typed_search_attributes.get(search_key(STATUS)) == status:
                return described
            await asyncio.sleep(0.02)
