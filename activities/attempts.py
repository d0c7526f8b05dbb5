"""The edge of every activity: counts attempts into results, and turns house errors into ApplicationErrors."""

from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from towpath.contracts.failure import HouseError
from towpath.contracts.wire import ActivityResult
from towpath.temporal.failures import to_application_error


class ActivityEdge(Interceptor):
    """Worker interceptor: activities return their results and raise HouseError; what leaves them is Temporal's."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Edge(next)


class _Edge(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        attempt = activity.info().attempt
        try:
            result = await super().execute_activity(input)
        except HouseError as error:
            raise to_application_error(error, attempts=attempt) from None
        if isinstance(result, ActivityResult) and result.attempt != attempt:
            return result.model_copy(update={"attempt": attempt})
        return result
