"""Campaigns from outside: starting one, looking at its texts and jobs, and changing them by updates."""

import hashlib
from typing import TypeVar

from temporalio.client import Client

from towpath.contracts.publishing.campaign import INLINE_BYTES, Adaptation, CampaignView, PublishingRequest
from towpath.contracts.publishing.posting import EditPosts, Job, JobChange, Reschedule, Settle
from towpath.contracts.publishing.process import PUBLISHING
from towpath.control.again import ANSWER_WITHIN
from towpath.control.temporal import Started, start
from towpath.integrations.storage.artefacts import ArtefactStore

Change = EditPosts | Reschedule | JobChange | Settle
AnswerT = TypeVar("AnswerT")


async def place(content: str, store: ArtefactStore) -> dict[str, object]:
    """The content as a request carries it: as text, or above 64 KiB as an artefact. Raises ArtefactStoreError."""
    raw = content.encode()
    if len(raw) <= INLINE_BYTES:
        return {"content": content}
    return {"artefact": await store.keep(raw, "text/markdown")}


async def start_campaign(client: Client, request: PublishingRequest) -> Started:
    """Raises WorkflowAlreadyStartedError when the campaign has ended already."""
    workflow_id = PUBLISHING.workflow_id(request, b"")
    return await start(client, PUBLISHING, request, workflow_id=workflow_id)


async def view(client: Client, workflow_id: str) -> CampaignView:
    """The texts, their quality, and the jobs."""
    answer: CampaignView = await client.get_workflow_handle(workflow_id).query(
        "campaign", result_type=CampaignView, rpc_timeout=ANSWER_WITHIN
    )
    return answer


async def edit(client: Client, workflow_id: str, change: EditPosts) -> Adaptation:
    """Raises WorkflowUpdateFailedError with the refusal, as all of these do."""
    return await _update(client, workflow_id, "edit", change, Adaptation)


async def reschedule(client: Client, workflow_id: str, change: Reschedule) -> Job:
    return await _update(client, workflow_id, "reschedule", change, Job)


async def settle(client: Client, workflow_id: str, change: Settle) -> Job:
    return await _update(client, workflow_id, "settle", change, Job)


async def change_jobs(client: Client, workflow_id: str, name: str, change: JobChange) -> list[Job]:
    """`name` is one of `cancel`, `publish_now`, `release`."""
    return await _update(client, workflow_id, name, change, list[Job])


async def _update(client: Client, workflow_id: str, name: str, change: Change, kind: type[AnswerT]) -> AnswerT:
    """The same change of the same job, sent twice after a lost answer, is one change."""
    handle = client.get_workflow_handle(workflow_id)
    seen = next((job for job in (await view(client, workflow_id)).jobs if job.job == change.job), None)
    state = "" if seen is None else f"{seen.state}/{seen.at}/{seen.reason}"
    digest = hashlib.sha256(f"{change.model_dump_json()}/{state}".encode()).hexdigest()[:32]
    answer: AnswerT = await handle.execute_update(
        name, change, id=f"{name}/{digest}", result_type=kind, rpc_timeout=ANSWER_WITHIN
    )
    return answer
