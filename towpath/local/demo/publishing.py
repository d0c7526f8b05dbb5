"""The demo of publishing: one campaign on three channels while an answer is lost, one on hold after a refusal."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from towpath.contracts.core.delivery import Language
from towpath.contracts.core.review import ReviewTask
from towpath.contracts.publishing.campaign import (
    CampaignView,
    ChannelWish,
    Metadata,
    PublishingPolicy,
    PublishingRequest,
    PublishingResult,
)
from towpath.contracts.publishing.posting import EditPosts, JobChange, JobState, Post
from towpath.contracts.publishing.process import PUBLISHING
from towpath.control import campaigns as desk
from towpath.local.demo.scene import LOOK_SECONDS, Scene, Stage, Story, Told, until
from towpath.views.publishing import job_lines, name_of, side_by_side, text_of
from towpath.views.wording import count

EDITOR = "mira"
LINK = "https://hanbit-canal.example/reopening"
PLATFORMS = {"x": "X", "linkedin": "LinkedIn", "wordpress": "the blog"}
SHOWN = 60
"""Characters of a text that stand in a line."""


@dataclass(slots=True, kw_only=True)
class CampaignStory(Story[PublishingResult]):
    """One campaign."""

    request: PublishingRequest
    view: CampaignView | None = None


async def show(scene: Scene) -> Told:
    """Two campaigns side by side, their texts, and what became of them."""
    stories = await CampaignStories(scene).run()
    messages = (await scene.http.get("/_standins/messages")).json()
    return Told(
        details=[part for story in stories if story.view for part in _texts(story.title, story.view, scene)],
        report=report(stories, scene, messages, await scene.effects()),
        runs=[story.for_machines(PUBLISHING.name) for story in stories],
        well=all(story.result is not None for story in stories),
    )


class CampaignStories:
    """The stories. Every step of one goes through the doors that people use."""

    def __init__(self, scene: Scene) -> None:
        self._client = scene.client
        self._stories = [
            CampaignStory(title="1 an answer is lost", request=reopening(scene.stamp)),
            CampaignStory(title="2 a refusal, on hold", request=korean(scene.stamp)),
        ]
        self._stage = Stage(scene, self._stories)

    async def run(self) -> Sequence[CampaignStory]:
        """Raises TimeoutError when a story does not come to its end."""
        await self._stage.play(self._one_after_the_other())
        return self._stories

    async def _one_after_the_other(self) -> None:
        lost, held = self._stories
        await self._lost_answer(lost)
        await self._on_hold(held)

    async def _lost_answer(self, story: CampaignStory) -> None:
        """Approved, one text mended by its editor, published now; X takes a post, and its answer is lost."""
        task = await self._begin(story)
        post = Post(text=f"The Hanbit canal is open again. Come and walk beside it.\n\n{LINK}")
        await desk.edit(self._client, task.workflow_id, EditPosts(job="linkedin", posts=(post,), by=EDITOR))
        self._stage.say(story, f"{EDITOR} wrote the text for LinkedIn anew")
        await self._approve(story, task)
        await self._stage.order_fault(service="x", operation="publish", drop=True, after_effect=True, times=1)
        await self._publish_now(story)
        await self._stage.look()
        self._stage.say(story, "X took the first post, its answer was lost: it was found, not sent again")

    async def _on_hold(self, story: CampaignStory) -> None:
        """LinkedIn refuses; the thread that was to come waits until somebody releases it."""
        task = await self._begin(story)
        await self._approve(story, task)
        name = task.workflow_id
        fault = await self._stage.order_fault(service="linkedin", operation="publish", status=403)
        await desk.change_jobs(self._client, name, "publish_now", JobChange(job="linkedin", by=EDITOR))
        await until(lambda: self._job_in(name, "x", JobState.HELD))
        await self._stage.look()
        self._stage.say(story, "LinkedIn refused it: the thread on X is held, content-team is told")
        await asyncio.sleep(LOOK_SECONDS)
        await self._stage.lift_fault(fault)
        await desk.change_jobs(self._client, name, "release", JobChange(job="*", by=EDITOR, reason="X alone is fine"))
        self._stage.say(story, f"{EDITOR} released it")
        await self._publish_now(story)

    async def _begin(self, story: CampaignStory) -> ReviewTask:
        started = await desk.start_campaign(self._client, story.request)
        story.handle = started.handle
        return await self._stage.task_of(story, started.handle)

    async def _approve(self, story: CampaignStory, task: ReviewTask) -> None:
        await self._stage.approve(story, task, EDITOR, "read against the source")
        for channel in story.request.metadata.channels:
            await until(lambda job=channel.channel: self._job_in(task.workflow_id, job, JobState.SCHEDULED))
        story.view = await desk.view(self._client, task.workflow_id)
        for line in job_lines(story.view.jobs):
            self._stage.say(story, f"  {line}")
        await asyncio.sleep(LOOK_SECONDS)

    async def _publish_now(self, story: CampaignStory) -> None:
        if story.handle is None:
            raise RuntimeError("not started")
        await desk.change_jobs(self._client, story.handle.id, "publish_now", JobChange(job="*", by=EDITOR))
        self._stage.say(story, f"{EDITOR} does not wait: published now")
        story.result = await story.handle.result()

    async def _job_in(self, name: str, job: str, state: JobState) -> bool | None:
        jobs = (await desk.view(self._client, name)).jobs
        return any(found.job == job and found.state is state for found in jobs) or None


def _texts(title: str, view: CampaignView, scene: Scene) -> list[Any]:
    return ["", f"{title}: the texts", side_by_side(view, scene.console.width)]


def report(
    stories: Sequence[CampaignStory], scene: Scene, messages: Mapping[str, Any], effects: Mapping[str, Any]
) -> list[Any]:
    """What became of the texts, and what the platforms saw."""
    lines: list[Any] = []
    for story in stories:
        if story.view is None or story.result is None:
            continue
        first = {name_of(adaptation): text_of(adaptation.posts[0]) for adaptation in story.view.adaptations}
        lines += ["", f"{story.title}: {story.result.outcome}"]
        for job in story.result.jobs:
            where = f", {job.posts[0].url or job.posts[0].post_id}" if job.posts else ""
            text = " ".join(first[job.job].split())
            lines.append(f"  {job.job}: {job.state}, {count(len(job.posts), 'post')}{where}, “{text[:SHOWN]}…”")
        lines.append(f"  {story.result.cost.in_words}; {story.page(scene)}")
    posts = {channel: [post for post in messages[channel] if not post.get("removed")] for channel in PLATFORMS}
    seen = ", ".join(f"{count(len(found), 'post')} on {PLATFORMS[channel]}" for channel, found in posts.items())
    twice = count(len(effects["applied_twice"]), "effect")
    return [*lines, "", f"Seen by the platforms: {seen}; {twice} applied twice."]


def reopening(stamp: str) -> PublishingRequest:
    content = f"""# The Hanbit canal reopens

The Hanbit canal reopens on 14 March after 18 months of work (press note {stamp}). "We rebuilt 12 locks without closing
the towpath for a single day," said Kim Ji-woo, who led the project. Boats save 40 minutes on their way to the sea.

## What changed

- New gates of oak last 50 years.
- Sensors at every lock report the water level each 10 seconds.
- Visitors walk along the towpath on both sides again.

The project cost 3.2 million euros, 5% less than planned.
"""
    channels = tuple(ChannelWish(channel=name) for name in ("x", "linkedin", "blog"))
    metadata = Metadata(
        campaign=f"demo-{stamp}-1",
        title=f"The Hanbit canal reopens ({stamp})",
        link=LINK,
        channels=channels,
        audience_zones=("Europe/Berlin", "Asia/Seoul"),
        require_approval=True,
    )
    return PublishingRequest.model_validate({"metadata": metadata, "content": content, "cut_off": 0})


def korean(stamp: str) -> PublishingRequest:
    content = f"""# 한빛 운하가 다시 열립니다

한빛 운하가 18개월의 공사를 마치고 3월 14일에 다시 열립니다(보도자료 {stamp}). 갑문 12개를 새로 만드는 동안 산책로는
하루도 닫히지 않았습니다. 배는 바다까지 가는 길에서 40분을 아낍니다.

- 참나무로 만든 새 갑문은 50년을 견딥니다.
- 갑문마다 설치한 센서가 10초마다 수위를 알립니다.
- 방문객은 다시 운하 양쪽 산책로를 걸을 수 있습니다.

공사비는 계획보다 5% 적게 들었습니다.
"""
    metadata = Metadata(
        campaign=f"demo-{stamp}-2",
        title="한빛 운하가 다시 열립니다",
        link=LINK,
        language=Language.KO,
        channels=(ChannelWish(channel="x"), ChannelWish(channel="linkedin")),
        audience_zones=("Asia/Seoul",),
        require_approval=True,
    )
    wanted = {"metadata": metadata, "content": content, "cut_off": 0, "policy": PublishingPolicy.HOLD}
    return PublishingRequest.model_validate(wanted)
