"""A worker for the loop figures: definitions, and the same loop written by hand. It notes how much ran at once."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from activities.functions import FunctionActivities
from bench.loop import HandLoop, HandPart
from towpath.config.secrets import Secrets
from towpath.contracts.declared.run import DECLARED
from towpath.control.temporal import converter, run_to_end
from towpath.functions.registry import step_function
from workflows.declared.items import DeclaredItemsWorkflow
from workflows.declared.workflow import DeclaredWorkflow
from workflows.sandbox import runner

READY = "loop worker ready"
MOMENT_SECONDS = 0.02


class Peak:
    """The most that ran at once, kept in a file: the reader is another process."""

    def __init__(self, path: Path) -> None:
        self.running = 0
        self.most = 0
        self._path = path

    def enter(self) -> None:
        self.running += 1
        if self.running > self.most:
            self.most = self.running
            self._path.write_text(str(self.most), encoding="utf-8")

    def leave(self) -> None:
        self.running -= 1


def register(peak: Peak) -> None:
    @step_function("benchTouch")
    async def touch(number: int) -> int:
        """Take a moment, so that what may run at once does."""
        peak.enter()
        await asyncio.sleep(MOMENT_SECONDS)
        peak.leave()
        return number


async def main() -> None:
    register(Peak(Path(sys.argv[2])))
    client = await Client.connect(sys.argv[1], data_converter=converter(None))
    rooms: list[Any] = [FunctionActivities(Secrets({})).call_function]
    worker = Worker(
        client,
        task_queue=DECLARED,
        workflows=[DeclaredWorkflow, DeclaredItemsWorkflow, HandLoop, HandPart],
        activities=with_batches(rooms),
        workflow_runner=runner(),
        interceptors=[ActivityEdge()],
        build_id="bench",
    )
    async with worker:
        sys.stdout.write(READY + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    run_to_end(main())
