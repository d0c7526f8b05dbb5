"""The life of a run of a process: it is introduced, carried out, and when it fails or is cancelled, wound up."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

from towpath.contracts.core.process import DEAD_LETTER_QUEUE, Process
from towpath.contracts.core.run import DeadLetter, RunRecord
from towpath.contracts.core.wire import Wire
from towpath.temporal.attributes import search_key
from workflows.kit.compensation import shielded
from workflows.kit.failing import StepFailedError, run_failed
from workflows.kit.steps import Steps
from workflows.kit.task import NOT_PENDING

ResultT = TypeVar("ResultT")


class ProcessRun(ABC):
    """Base of the workflow of a process. What it does is in its `run`; here is how that can end."""

    def __init__(self, process: Process[Any, Any, Any], steps: Steps) -> None:
        self.process = process
        self.steps = steps

    @workflow.query(name="status")
    def status(self) -> RunRecord:
        """Every step with state, attempts, times and cost, and what the run waits for until when."""
        return self.steps.record()

    @abstractmethod
    async def on_failure(self, error: StepFailedError) -> tuple[DeadLetter, Wire]:
        """Undo, and tell people; the letter of it, and what a redrive starts from."""

    @abstractmethod
    async def on_cancel(self) -> None:
        """Undo, and tell people of what stays."""

    def introduce(self, request: Wire) -> None:
        """Set the search attributes that the starter left out."""
        self.steps.introduce(self.process.attributes(request))

    async def carry_out(self, work: Awaitable[ResultT]) -> ResultT:
        """The result of the run. One that failed lies in its queue; another cancellation disturbs neither end."""
        try:
            return await work
        except StepFailedError as error:
            raise await shielded(self._fail(error)) from error
        except BaseException as error:
            if is_cancelled_exception(error):
                await shielded(self._cancel())
            raise

    def letter(
        self, error: StepFailedError, at: datetime, *, undone: tuple[str, ...] = (), not_undone: tuple[str, ...] = ()
    ) -> DeadLetter:
        return DeadLetter(
            queue=self.process.dead_letter_queue,
            step=error.step,
            failure=error.failure,
            at=at,
            undone=undone,
            not_undone=not_undone,
            cost=self.steps.cost,
        )

    async def _fail(self, error: StepFailedError) -> ApplicationError:
        letter, start = await self.on_failure(error)
        self.steps.end("failed", search_key(DEAD_LETTER_QUEUE).value_set(letter.queue), *NOT_PENDING)
        return run_failed(f"{error.step} failed: {error.failure.message}", error.failure, letter, start)

    async def _cancel(self) -> None:
        await self.on_cancel()
        self.steps.end("cancelled", *NOT_PENDING)
