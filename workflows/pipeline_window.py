"""A hundred partitions of one stage, in a run of their own."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from towpath.contracts.windows import WindowRequest, WindowResult
from workflows.calling import CallFailedError
from workflows.pipeline_windows import WINDOW, perform_window


@workflow.defn(name=WINDOW)
class EtlWindowWorkflow:
    """Child of a pipeline's run. What it loses by a failure, the stage does again; nothing of it is loaded twice."""

    @workflow.run
    async def run(self, request: WindowRequest) -> WindowResult:
        try:
            return await perform_window(request)
        except CallFailedError as error:
            failure = error.failure
            raise ApplicationError(failure.message, failure, type=failure.code, non_retryable=True) from error
