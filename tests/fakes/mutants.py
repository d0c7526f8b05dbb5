"""Workflows as a wrong deployment has them: one under a name of ours with other commands, one under its own name."""

from datetime import timedelta

from temporalio import workflow

from towpath.contracts.remediation import REMEDIATION_CONTROL, ControlRecord


@workflow.defn(name=REMEDIATION_CONTROL)
class ChangedRecordWorkflow:
    """Begins with a timer, which the real one does not have."""

    @workflow.run
    async def run(self, record: ControlRecord) -> None:
        del record
        await workflow.sleep(timedelta(milliseconds=1))


@workflow.defn(name="stranger")
class StrangerWorkflow:
    """Of no type of ours."""

    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(timedelta(milliseconds=1))
