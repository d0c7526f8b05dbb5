"""The workflow that a schedule starts for a trigger with for_each: one run of the definition for each item."""

from temporalio import workflow

from towpath.contracts.declared.published import LAUNCHER, Launch, Launched
from workflows.declared.launching import launch


@workflow.defn(name=LAUNCHER)
class LauncherWorkflow:
    """Lives as long as the runs it started, so that the schedule's overlap policy counts them."""

    @workflow.run
    async def run(self, request: Launch) -> Launched:
        return await launch(request)
