"""What a pipeline's schedule starts: a run under the pipeline's own id, as if somebody had started it by hand."""

from temporalio import workflow
from temporalio.exceptions import (
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from towpath.contracts.pipeline.pipeline import PipelineRequest, PipelineResult
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.pipeline.scheduling import SCHEDULED, ScheduledRun
from towpath.temporal.attributes import search_attributes
from towpath.temporal.failures import failure_of


@workflow.defn(name=SCHEDULED)
class EtlScheduledWorkflow:
    """Temporal adds the time to the id of what a schedule starts, and then two runs of a pipeline could go at once.

    It lives as long as the run that it started, so that the schedule's overlap policy counts that.
    """

    @workflow.run
    async def run(self, request: PipelineRequest) -> ScheduledRun:
        name = PIPELINE.workflow_id(request, b"")
        try:
            result: PipelineResult = await workflow.execute_child_workflow(
                PIPELINE.name,
                request,
                id=name,
                result_type=PipelineResult,
                search_attributes=search_attributes(PIPELINE.attributes(request)),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=f"Pipeline {request.config.id} {request.config.version}",
            )
        except WorkflowAlreadyStartedError:
            return ScheduledRun(workflow_id=name)
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                raise
            failure = failure_of(error.cause or error)
            raise ApplicationError(f"{name}: {failure.message}", type=failure.code, non_retryable=True) from None
        return ScheduledRun(workflow_id=name, outcome=result.outcome)
