"""Contents through the process itself: from the source to texts that wait for approval. Nothing is published."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from activities.publishing import PublishingActivities
from tests.evaluations.cases import CHANNELS, ContentCase
from tests.evaluations.content_properties import content_properties
from tests.evaluations.place import Clock, Place, end, new_id, report, until_ended
from tests.evaluations.properties import CaseReport, verdict_of
from tests.fakes.house import FakeHouse
from towpath.config.platforms import load_platforms
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.publishing.campaign import CampaignView, ChannelWish, Metadata, PublishingRequest
from towpath.contracts.publishing.posting import FindPost, PreparePost, PublishedPost, PublishPost, RemovePost
from towpath.contracts.publishing.process import PUBLISHING
from towpath.control.slots import SlotBook
from towpath.integrations.publishing.adapter import ADAPTERS, Publishers
from towpath.integrations.publishing.campaigns import CampaignSources
from towpath.integrations.storage.artefacts import ArtefactStore
from workflows.publishing.workflow import ContentPublishingWorkflow
from workflows.sandbox import runner

LAST_STEP = "check-quality"
PLATFORMS = load_platforms(Path(__file__).resolve().parents[2] / "definitions/platforms")


class NoPlatform:
    """An account on a platform that takes nothing."""

    accounts = frozenset({"main"})

    def place_of(self, account: str) -> str:
        return f"https://nowhere.example/{account}/"

    async def prepare(self, request: PreparePost) -> None:
        self._refuse(request)

    async def publish(self, request: PublishPost) -> PublishedPost:
        self._refuse(request)

    async def find(self, request: FindPost) -> PublishedPost | None:
        self._refuse(request)

    async def remove(self, request: RemovePost) -> bool:
        self._refuse(request)

    def _refuse(self, request: PreparePost | RemovePost) -> NoReturn:
        raise PublishError(FailureCode.PUBLISH_REFUSED, f"an evaluation publishes nothing on {request.adapter}")


@asynccontextmanager
async def content_worker(place: Place) -> AsyncGenerator[None]:
    """A worker for all contents: what a case is made of travels in its request."""
    publishers = Publishers({name: NoPlatform() for name in ADAPTERS})
    campaigns = CampaignSources(PLATFORMS, publishers, ArtefactStore(str(place.folder / "artefacts")))
    room, house = PublishingActivities(campaigns, publishers, SlotBook(place.client)), FakeHouse()
    worker = Worker(
        place.client,
        task_queue=PUBLISHING.queue,
        workflows=[ContentPublishingWorkflow],
        activities=with_batches([room.load_campaign, room.check_texts, house.notify_team, house.find_reviewers]),
        workflow_runner=runner(),
        interceptors=[ActivityEdge()],
        build_id="evaluation",
    )
    async with worker:
        yield


async def run_content(place: Place, case: ContentCase) -> CaseReport:
    """What the process makes of the content. What it does not come to fails."""
    metadata = Metadata(
        campaign=case.name,
        title=case.title,
        author=case.author,
        link=case.link,
        channels=tuple(ChannelWish(channel=name) for name in CHANNELS),
        language=case.language,
        require_approval=True,
    )
    clock = Clock()
    handle = await place.client.start_workflow(
        ContentPublishingWorkflow.run,
        PublishingRequest(metadata=metadata, content=case.source),
        id=new_id(case.name),
        task_queue=PUBLISHING.queue,
    )
    record = await until_ended(handle, LAST_STEP)
    seconds = clock.seconds()
    view: CampaignView = await handle.query(ContentPublishingWorkflow.campaign)
    await end(handle)
    held = content_properties(case, view, PLATFORMS.rules, PLATFORMS.block_list)
    verdict = verdict_of(held, answered=bool(view.adaptations))
    found = report(place, PUBLISHING.name, case.name, held, record, seconds)
    return replace(found, view=view, kind=case.kind, verdict=verdict)
