"""Updates that Temporal could not hand over are sent again.

When an update ends its run, and an event comes to the run in the same instant, Temporal gives the task back to the
worker with the event and drops the update: nothing of it happened, and the caller is told `WorkflowNotReady`.
"""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

from temporalio.api.errordetails.v1 import WorkflowNotReadyFailure
from temporalio.client import Interceptor, OutboundInterceptor, StartWorkflowUpdateInput, WorkflowUpdateHandle
from temporalio.service import RPCError

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.1


class UpdatesAgain(Interceptor):
    """Client interceptor: the same update, under the same id, up to five times within some two seconds."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Again(next)


class _Again(OutboundInterceptor):
    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        # An update that was accepted all the same is then found by its id instead of being done twice.
        update = replace(input, update_id=input.update_id or str(uuid4()))
        wait = FIRST_WAIT_SECONDS
        for _ in range(ATTEMPTS - 1):
            try:
                return await super().start_workflow_update(update)
            except RPCError as error:
                if not _was_dropped(error):
                    raise
            await asyncio.sleep(wait)
            wait *= 2
        return await super().start_workflow_update(update)


def _was_dropped(error: RPCError) -> bool:
    return any(detail.Is(WorkflowNotReadyFailure.DESCRIPTOR) for detail in error.grpc_status.details)
