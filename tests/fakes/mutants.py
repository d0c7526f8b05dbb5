"""Workflows as a wrong deployment has them: one under a name of ours with other commands, one of no name of ours."""

from datetime import timedelta

from temporalio import workflow

from towpath.contracts.incident.remediation import REMEDIATION_CONTROL, ControlRecord


@workflow.defn(name=REMEDIATION_CONTROL)
class ChangedRecordWorkflow:
    """Sleeps first, which the real one does not, and lives for ever."""

    @workflow.run
    async def run(self, record: ControlRecord) -> None:
        del record
        await workflow.sleep(timedelta(milliseconds=1))
        await workflow.wait_condition(lambda: False)


@workflow.defn(name="stranger")
class StrangerWorkflow:
    """Of no type of ours."""

    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(timedelta(milliseconds=1))


SLEPT = 9
"""Events of the first one's history once it has slept."""
