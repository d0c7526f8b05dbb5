"""Dead-letter queues: failed runs found by search attribute, and what can be done about them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from towpath.contracts.core.process import DEAD_LETTER_QUEUE
from towpath.contracts.core.run import DeadLetter, Discard
from towpath.contracts.declared.run import DeclaredFailure, DeclaredRequest
from towpath.contracts.incident.incident import IncidentFailure, IncidentRequest
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.onboarding.customer import OnboardingFailure, OnboardingRequest, Redrive
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.contracts.pipeline.pipeline import PipelineFailure, PipelineProgress
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.publishing.campaign import PublishingFailure, PublishingRedrive, PublishingRequest
from towpath.contracts.publishing.process import PUBLISHING
from towpath.control.definitions import Definitions
from towpath.control.pipelines import start_run
from towpath.control.temporal import Started, start

AT_ONCE = 20
FAILURES: Mapping[str, type[OnboardingFailure | PublishingFailure | IncidentFailure | PipelineFailure]] = {
    ONBOARDING.name: OnboardingFailure,
    PUBLISHING.name: PublishingFailure,
    INCIDENT.name: IncidentFailure,
    PIPELINE.name: PipelineFailure,
}
"""What a failed run of a process tells beside its letter; every other run is one of a definition."""


class NotInQueueError(Exception):
    """The run is not a failed one that waits in a queue."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One failed run: what ended it, and what a redrive starts from."""

    workflow_id: str
    run_id: str
    letter: DeadLetter
    failure: OnboardingFailure | PublishingFailure | IncidentFailure | PipelineFailure | DeclaredFailure

    @property
    def keeps(self) -> list[str]:
        """What a redrive does not do again."""
        if isinstance(self.failure, DeclaredFailure):
            return list(self.failure.completed)
        if isinstance(self.failure, PipelineFailure):
            return _stages(self.failure.pipeline.resume)
        if isinstance(self.failure, PublishingFailure):
            return [] if self.failure.analysis is None else ["analysis"]
        if isinstance(self.failure, IncidentFailure):
            return ["all of the incident but its end"]
        return [name for name, value in self.failure.checkpoint if value is not None]


async def list_letters(client: Client, queue: str | None = None) -> list[Letter]:
    """The runs in a queue, or in all, newest first. A run that was started again since is in none."""
    if queue is None:
        wanted = f"{DEAD_LETTER_QUEUE.name} IS NOT NULL"
    else:
        wanted = f"{DEAD_LETTER_QUEUE.name} = '{queue.replace(chr(39), '')}'"
    found = [run async for run in client.list_workflows(f"{wanted} AND ExecutionStatus = 'Failed'")]
    turns = asyncio.Semaphore(AT_ONCE)

    async def read(run: WorkflowExecution) -> Letter | None:
        async with turns:
            latest = await client.get_workflow_handle(run.id).describe()
            return await _letter(client, run.id, run.run_id) if latest.run_id == run.run_id else None

    letters = await asyncio.gather(*(read(run) for run in found))
    return [letter for letter in letters if letter is not None]


async def find_letter(client: Client, workflow_id: str) -> Letter:
    """Raises NotInQueueError."""
    try:
        latest = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NotInQueueError(f"there is no run {workflow_id}") from error
        raise
    if latest.status is not WorkflowExecutionStatus.FAILED:
        status = "unknown" if latest.status is None else latest.status.name.lower()
        raise NotInQueueError(f"{workflow_id} is in no queue: its latest run is {status}")
    letter = await _letter(client, workflow_id, latest.run_id)
    if letter is None:
        raise NotInQueueError(f"{workflow_id} failed before it could be queued: look at its history")
    return letter


async def redrive(client: Client, letter: Letter, edited: DeclaredRequest | None = None) -> Started:
    """Start the run again where it failed: same id, same effect keys, with what it had already.

    `edited` is the request of a run of a definition with another version or other outputs.
    """
    if isinstance(letter.failure, DeclaredFailure):
        kept = {"seed": letter.failure.completed, "earlier": letter.failure.sending}
        again = edited or letter.failure.request.model_copy(update=kept)
        return await _declared(client, letter, again)
    if isinstance(letter.failure, PipelineFailure):
        return await start_run(client, letter.failure.pipeline.model_copy(update={"redrive_of": letter.run_id}))
    if isinstance(letter.failure, PublishingFailure):
        kept = PublishingRedrive(run_id=letter.run_id, analysis=letter.failure.analysis)
        return await _publishing(client, letter, letter.failure.request, kept)
    if isinstance(letter.failure, IncidentFailure):
        return await _incident(client, letter, letter.failure.request)
    wanted = Redrive(run_id=letter.run_id, checkpoint=letter.failure.checkpoint)
    return await _onboarding(client, letter, letter.failure.request, wanted)


async def discard(client: Client, letter: Letter, wanted: Discard) -> Started:
    """Take the run out of its queue. Who and why are kept in a run that does nothing else."""
    if isinstance(letter.failure, DeclaredFailure):
        return await _declared(client, letter, letter.failure.request.model_copy(update={"discard": wanted}))
    if isinstance(letter.failure, PipelineFailure):
        return await start_run(client, letter.failure.pipeline.model_copy(update={"discard": wanted}))
    if isinstance(letter.failure, PublishingFailure):
        discarded = PublishingRedrive(run_id=letter.run_id, discard=wanted)
        return await _publishing(client, letter, letter.failure.request, discarded)
    if isinstance(letter.failure, IncidentFailure):
        return await _incident(client, letter, letter.failure.request.model_copy(update={"discard": wanted}))
    again = Redrive(run_id=letter.run_id, discard=wanted)
    return await _onboarding(client, letter, letter.failure.request, again)


async def _onboarding(client: Client, letter: Letter, request: OnboardingRequest, wanted: Redrive) -> Started:
    again = request.model_copy(update={"redrive": wanted})
    return await start(client, ONBOARDING, again, workflow_id=letter.workflow_id, summary=summary(again))


async def _publishing(client: Client, letter: Letter, request: PublishingRequest, wanted: PublishingRedrive) -> Started:
    again = request.model_copy(update={"redrive": wanted})
    title = f"Publish {request.metadata.title}"
    return await start(client, PUBLISHING, again, workflow_id=letter.workflow_id, summary=title)


async def _incident(client: Client, letter: Letter, request: IncidentRequest) -> Started:
    title = f"incident at {request.service or 'an unknown service'}"
    return await start(client, INCIDENT, request, workflow_id=letter.workflow_id, summary=title)


async def _declared(client: Client, letter: Letter, request: DeclaredRequest) -> Started:
    again = request.model_copy(update={"redrive_of": letter.run_id})
    return await Definitions(client).start(again, letter.workflow_id.partition("/")[2])


def _stages(known: PipelineProgress | None) -> list[str]:
    """Stages of a pipeline that are done, and destinations that are loaded."""
    if known is None:
        return []
    stages = {"transformed": known.transformed, "quality": known.valid, "specification": known.specification}
    done = [f"extract/{source}" for source in known.extracted]
    done += [stage for stage, result in stages.items() if result is not None]
    return done + [f"load/{name}" for name, load in known.loads.items() if load.state != "failed"]


def summary(request: OnboardingRequest) -> str:
    """What Temporal's UI shows as the run's title."""
    return f"Onboard {request.customer.company} ({request.customer.plan})"


async def _letter(client: Client, workflow_id: str, run_id: str) -> Letter | None:
    """From the failure of the run: it needs no worker."""
    handle: WorkflowHandle[object, object] = client.get_workflow_handle(workflow_id, run_id=run_id)
    try:
        await handle.result(follow_runs=False)
    except WorkflowFailureError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and len(cause.details) == 2:
            letter, failure = cause.details
            kind = FAILURES.get(workflow_id.partition("/")[0], DeclaredFailure)
            return Letter(workflow_id, run_id, DeadLetter.model_validate(letter), kind.model_validate(failure))
    return None
