"""Partitions of one stage, in a run of their own."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from towpath.contracts.pipeline.windows import WINDOW, WindowRequest, WindowResult
from workflows.pipeline.windows import perform_window


@workflow.defn(name=WINDOW)
class EtlWindowWorkflow:
    """Child of a pipeline's run. What it loses by a failure, the stage does again; nothing of it is loaded twice."""

    @workflow.run
    async def run(self, request: WindowRequest) -> WindowResult:
        given = request.unpack()
        result = await perform_window(given)
        failure = result.failure
        if failure is None or given.partial:
            return result.pack() if request.packed else result
        raise ApplicationError(failure.message, failure, type=failure.code, non_retryable=True)
