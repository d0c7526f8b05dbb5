"""A worker with a workflow that stands still inside of compiled code: `python -m tests.fakes.standing SECONDS`."""

import asyncio
import re
import sys

from temporalio import workflow
from temporalio.worker import Worker

from towpath.control.temporal import connect
from towpath.pool.watchdog import watched
from workflows.sandbox import runner

QUEUE = "standing"
READY = "standing worker ready"


@workflow.defn(name="standing")
class StandingWorkflow:
    @workflow.run
    async def run(self, letters: int) -> bool:
        """Python's matcher goes back and forth, and keeps the interpreter's lock; with few letters it ends."""
        return re.fullmatch(r"^(?:a?a?)*$", "a" * letters + "!") is None


async def main(seconds: float) -> None:
    client = await connect(None)
    async with (
        watched(seconds) as clock,
        Worker(client, task_queue=QUEUE, workflows=[StandingWorkflow], workflow_runner=runner(clock=clock)),
    ):
        sys.stderr.write(f"{READY}\n")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
