"""The demo of publishing: one campaign on three channels while an answer is lost, one on hold after a refusal."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.client import WorkflowHandle

from towpath.contracts.core.delivery import Language
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.run import RunRecord
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
from towpath.control import reviews
from towpath.local.demo.scene import LOOK_SECONDS, POLL_SECONDS, Scene, Told, until
from towpath.views.campaigns import job_lines, side_by_side
from towpath.views.live import RunView, Watched

STORY_SECONDS = 300
EDITOR = "mira"
LINK = "https://hanbit-canal.example/reopening"
Handle = WorkflowHandle[Any, PublishingResult]


@dataclass(slots=True)
class Story:
    """One campaign, the run that belongs to it, and the panel that shows it."""

    request: PublishingRequest
    watched: Watched
    handle: Handle | None = None
    result: PublishingResult | None = None
    view: CampaignView | None = None


async def show(scene: Scene) -> Told:
    """Two campaigns side by side, their texts, and what became of them."""
    stories = await Campaigns(scene).run()
    messages = (await scene.http.get("/_standins/messages")).json()
    effects = (await scene.http.get("/_standins/effects")).json()
    return Told(
        report=report(stories, scene, messages, effects),
        runs=[summarise(story) for story in stories],
        well=all(story.result is not None for story in stories),
    )


class Campaigns:
    """The stories. Every step of one goes through the doors that people use."""

    def __init__(self, scene: Scene) -> None:
        self._client = scene.client
        self._http = scene.http
        self._console = scene.console
        self._stories = [
            Story(reopening(scene.stamp), Watched("1 an answer is lost")),
            Story(korean(scene.stamp), Watched("2 a refusal, on hold")),
        ]

    async def run(self) -> Sequence[Story]:
        """Raises TimeoutError when a story does not come to its end."""
        lost, held = self._stories
        with RunView(self._console, [story.watched for story in self._stories]) as view:
            async with asyncio.timeout(STORY_SECONDS):
                watching = asyncio.create_task(self._watch(view))
                try:
                    await self._lost_answer(lost, view)
                    await self._on_hold(held, view)
                finally:
                    watching.cancel()
            await self._read_all()
        return self._stories

    async def _lost_answer(self, story: Story, view: RunView) -> None:
        """Approved, one text mended by its editor, published now; X takes a post, and its answer is lost."""
        name = await self._begin(story, view)
        post = Post(text=f"The Hanbit canal is open again. Come and walk beside it.\n\n{LINK}")
        await desk.edit(self._client, name, EditPosts(job="linkedin", posts=(post,), by=EDITOR))
        view.remark(story.watched, f"{EDITOR} wrote the text for LinkedIn anew")
        await self._approve(story, name, view)
        fault = {"service": "x", "operation": "publish", "drop": True, "after_effect": True, "times": 1}
        await self._http.post("/_standins/faults", json=fault)
        await self._publish_now(story, name, view)
        view.remark(story.watched, "X took the first post, its answer was lost: it was found, not sent again")

    async def _on_hold(self, story: Story, view: RunView) -> None:
        """LinkedIn refuses; the thread that was to come waits until somebody releases it."""
        name = await self._begin(story, view)
        await self._approve(story, name, view)
        fault = {"service": "linkedin", "operation": "publish", "status": 403}
        order = await self._http.post("/_standins/faults", json=fault)
        await desk.change_jobs(self._client, name, "publish_now", JobChange(job="linkedin", by=EDITOR))
        await until(lambda: self._job_in(name, "x", JobState.HELD))
        view.remark(story.watched, "LinkedIn refused it: the thread on X is held, content-team is told")
        await asyncio.sleep(LOOK_SECONDS)
        await self._http.delete("/_standins/faults", params={"id": order.json()["id"]})
        await desk.change_jobs(self._client, name, "release", JobChange(job="*", by=EDITOR, reason="X alone is fine"))
        view.remark(story.watched, f"{EDITOR} released it")
        await self._publish_now(story, name, view)

    async def _begin(self, story: Story, view: RunView) -> str:
        started = await desk.start_campaign(self._client, story.request)
        story.handle = started.handle
        name = started.handle.id
        task = await until(lambda: reviews.find_review(self._client, name))
        await self._read_all()
        view.refresh()
        view.remark(story.watched, f"task for {task.team}: {task.title}")
        for reason in task.reasons:
            view.remark(story.watched, f"  {reason}")
        await asyncio.sleep(LOOK_SECONDS)
        return name

    async def _approve(self, story: Story, name: str, view: RunView) -> None:
        decision = Decision(verdict=Verdict.APPROVE, reviewer=EDITOR, reason="read against the source")
        await reviews.decide(self._client, name, decision)
        view.remark(story.watched, f"{EDITOR} approved: {decision.reason}")
        for channel in story.request.metadata.channels:
            await until(lambda job=channel.channel: self._job_in(name, job, JobState.SCHEDULED))
        story.view = await desk.view(self._client, name)
        for line in job_lines(story.view.jobs):
            view.remark(story.watched, line)
        await asyncio.sleep(LOOK_SECONDS)

    async def _publish_now(self, story: Story, name: str, view: RunView) -> None:
        if story.handle is None:
            raise RuntimeError("not started")
        await desk.change_jobs(self._client, name, "publish_now", JobChange(job="*", by=EDITOR))
        view.remark(story.watched, f"{EDITOR} does not wait: published now")
        story.result = await story.handle.result()

    async def _job_in(self, name: str, job: str, state: JobState) -> bool | None:
        jobs = (await desk.view(self._client, name)).jobs
        return any(found.job == job and found.state is state for found in jobs) or None

    async def _watch(self, view: RunView) -> None:
        while True:
            await self._read_all()
            view.refresh()
            await asyncio.sleep(POLL_SECONDS)

    async def _read_all(self) -> None:
        for story in self._stories:
            if story.handle is not None:
                story.watched.record = await story.handle.query("status", result_type=RunRecord)


def report(stories: Sequence[Story], scene: Scene, messages: dict[str, Any], effects: dict[str, Any]) -> list[Any]:
    """The texts side by side, what became of them, and what the platforms saw; things for rich to print."""
    lines: list[Any] = []
    for story in stories:
        if story.view is None or story.result is None or story.handle is None:
            continue
        lines += ["", f"{story.watched.title}: the texts", side_by_side(story.view, scene.console.width)]
        lines += [f"  {line}" for line in job_lines(story.result.jobs)]
        lines.append(f"  {story.result.cost.in_words}; {scene.page(story.handle.id, story.handle.result_run_id or '')}")
    thread = [post for post in messages["x"] if not post["removed"]]
    lines += [
        "",
        f"Seen by the platforms: {len(thread)} posts on X, {len(messages['linkedin'])} on LinkedIn, "
        f"{len(messages['wordpress'])} articles; {len(effects['applied_twice'])} effects applied twice.",
    ]
    return lines


def summarise(story: Story) -> dict[str, Any]:
    """One story for machines."""
    return {
        "process": PUBLISHING.name,
        "story": story.watched.title,
        "workflow_id": story.handle.id if story.handle else None,
        "run_id": story.handle.result_run_id if story.handle else None,
        "result": story.result,
    }


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
