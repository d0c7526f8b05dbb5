"""Dead-letter queues: failed runs found by search attribute, and what can be done about them."""

import asyncio
from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from towpath.contracts.core.listing import in_query
from towpath.contracts.core.process import DEAD_LETTER_QUEUE, Again
from towpath.contracts.core.run import DeadLetter, Discard
from towpath.contracts.core.wire import Wire
from towpath.control.temporal import Started, if_known, start
from towpath.registry import AnyProcess, processes

AT_ONCE = 20


class NotInQueueError(Exception):
    """The run is not a failed one that waits in a queue."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One failed run: what ended it, and what a redrive starts from."""

    workflow_id: str
    run_id: str
    process: AnyProcess
    letter: DeadLetter
    failure: Wire

    @property
    def keeps(self) -> list[str]:
        """What a redrive does not do again."""
        return list(self.process.keeps(self.failure))


async def list_letters(client: Client, queue: str | None = None) -> list[Letter]:
    """The runs in a queue, or in all, newest first. A run that was started again since is in none."""
    if queue is None:
        wanted = f"{DEAD_LETTER_QUEUE.name} IS NOT NULL"
    else:
        wanted = f"{DEAD_LETTER_QUEUE.name} = {in_query(queue)}"
    found = [run async for run in client.list_workflows(f"{wanted} AND ExecutionStatus = 'Failed'")]
    turns = asyncio.Semaphore(AT_ONCE)

    async def read(run: WorkflowExecution) -> Letter | None:
        async with turns:
            latest = await client.get_workflow_handle(run.id).describe()
            return await _letter(client, run) if latest.run_id == run.run_id else None

    letters = await asyncio.gather(*(read(run) for run in found))
    return [letter for letter in letters if letter is not None]


async def find_letter(client: Client, workflow_id: str) -> Letter:
    """Raises NotInQueueError."""
    latest = await if_known(client.get_workflow_handle(workflow_id).describe())
    if latest is None:
        raise NotInQueueError(f"there is no run {workflow_id}")
    if latest.status is not WorkflowExecutionStatus.FAILED:
        status = "unknown" if latest.status is None else latest.status.name.lower()
        raise NotInQueueError(f"{workflow_id} is in no queue: its latest run is {status}")
    letter = await _letter(client, latest)
    if letter is None:
        raise NotInQueueError(f"{workflow_id} failed before it could be queued: look at its history")
    return letter


async def redrive(client: Client, letter: Letter, edited: Wire | None = None) -> Started:
    """Start the run again where it failed: same id, same effect keys, with what it had already.

    `edited` is the request to start it with, in place of the one that its process makes of the failure.
    """
    again = edited or letter.process.again(letter.failure, Again(letter.run_id))
    return await start(client, letter.process, again, workflow_id=letter.workflow_id)


async def discard(client: Client, letter: Letter, wanted: Discard) -> Started:
    """Take the run out of its queue. Who and why are kept in a run that does nothing else."""
    again = letter.process.again(letter.failure, Again(letter.run_id, wanted))
    return await start(client, letter.process, again, workflow_id=letter.workflow_id)


async def _letter(client: Client, run: WorkflowExecution) -> Letter | None:
    """From the failure of the run: it needs no worker. None for a run that is no process, or has no letter."""
    process = processes().get(run.workflow_type)
    if process is None:
        return None
    handle: WorkflowHandle[object, object] = client.get_workflow_handle(run.id, run_id=run.run_id)
    try:
        await handle.result(follow_runs=False)
    except WorkflowFailureError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and len(cause.details) == 2:
            letter, failure = cause.details
            found = process.failure.model_validate(failure)
            return Letter(run.id, run.run_id, process, DeadLetter.model_validate(letter), found)
    return None
