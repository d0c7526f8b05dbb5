"""The workflow that holds an output for other runs: apart from `declared`, whose whole module each run loads."""

from datetime import timedelta

from temporalio import workflow

from towpath.contracts.declared.run import CACHED_OUTPUT, CachedOutput


@workflow.defn(name=CACHED_OUTPUT)
class CachedOutputWorkflow:
    """Holds one output for its time."""

    @workflow.init
    def __init__(self, request: CachedOutput) -> None:
        self._request = request

    @workflow.run
    async def run(self, request: CachedOutput) -> None:
        await workflow.sleep(timedelta(seconds=request.ttl_seconds), summary="kept until then")

    @workflow.query(name="value")
    def value(self) -> object:
        return self._request.value
