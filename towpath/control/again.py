"""Updates and queries that were lost between a caller and its run are sent again.

When an update ends its run, and an event comes to the run in the same instant, Temporal gives the task back to the
worker with the event and drops the update: nothing of it happened, and the caller is told `WorkflowNotReady`.

When a run leaves a worker's memory, the SDK's core may drop a query that waits for it ("leftover buffered tasks when
evicting run"): nobody answers it any more, and Temporal only tells so after ten seconds.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio.api.errordetails.v1 import WorkflowNotReadyFailure
from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    StartWorkflowUpdateInput,
    WorkflowUpdateHandle,
)
from temporalio.service import RPCError, RPCStatusCode

ANSWER_WITHIN = timedelta(seconds=15)
"""What a person waits for a run's answer. A task that its worker lost comes back after Temporal's ten seconds, and the
questions that wait for the run are answered with it."""
ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.1
ASK_AGAIN_AFTER = timedelta(seconds=4)
"""A query that was not answered by then is sent again. A worker that is up answers in milliseconds."""
QUERY_ATTEMPTS = 3
UNANSWERED = frozenset({RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED})


class SentAgain(Interceptor):
    """Client interceptor: the same update, under the same id, up to five times within some two seconds; the same query,
    which changes nothing, up to three times within its own limit.
    """

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Again(next)


class _Again(OutboundInterceptor):
    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        left = input.rpc_timeout
        for _ in range(QUERY_ATTEMPTS - 1):
            if left is not None and left <= ASK_AGAIN_AFTER:
                break
            try:
                return await super().query_workflow(replace(input, rpc_timeout=ASK_AGAIN_AFTER))
            except RPCError as error:
                if error.status not in UNANSWERED:
                    raise
            left = None if left is None else left - ASK_AGAIN_AFTER
        return await super().query_workflow(replace(input, rpc_timeout=left))

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
