"""Outputs kept across runs: each in a workflow of its own that ends with its time. No database of ours."""

import hashlib
from datetime import timedelta

from pydantic import JsonValue
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from towpath.contracts.core.process import HELPER
from towpath.contracts.declared.run import CACHED_OUTPUT, DECLARED, CachedOutput
from towpath.temporal.attributes import search_attributes

ANSWER_WITHIN = timedelta(seconds=3)


class OutputCache:
    """The key is hashed into the workflow's id: it may hold personal data."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, place: str, key: str) -> tuple[bool, JsonValue]:
        """Whether there is one, and what it is."""
        handle = self._client.get_workflow_handle(_id(place, key))
        try:
            if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                return False, None
            return True, await handle.query("value", rpc_timeout=ANSWER_WITHIN)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False, None
            raise

    async def write(self, place: str, key: str, value: JsonValue, ttl_seconds: float) -> bool:
        """False when there is one already: the first stays until its time is over."""
        try:
            await self._client.start_workflow(
                CACHED_OUTPUT,
                CachedOutput(value=value, ttl_seconds=ttl_seconds),
                id=_id(place, key),
                task_queue=DECLARED,
                search_attributes=search_attributes(HELPER),
                static_summary=f"cached output of {place}",
            )
        except WorkflowAlreadyStartedError:
            return False
        return True


def _id(place: str, key: str) -> str:
    return f"{CACHED_OUTPUT}/{place}/{hashlib.sha256(key.encode()).hexdigest()[:32]}"
