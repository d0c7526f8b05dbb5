"""Campaigns on the real stack: contents whose every sentence is the test's own, started and published at once."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHandle

from tests.integration.conftest import House
from tests.waiting import until
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.publishing.campaign import (
    CampaignView,
    ChannelWish,
    Metadata,
    PublishingRequest,
    PublishingResult,
)
from towpath.contracts.publishing.posting import JobChange, JobState
from towpath.control import campaigns as desk
from towpath.control import reviews

Handle = WorkflowHandle[Any, PublishingResult]
LINK = "https://hanbit.example/canal"
CHANNELS = ("x", "linkedin", "blog")
LETTERS = str.maketrans("0123456789", "ghijklmnop")
TIMELINES = {"x": "x", "linkedin": "linkedin", "blog": "wordpress"}


def content(word: str) -> str:
    """Platforms refuse a text that an account has posted before: `word` makes each sentence another one."""
    return f"""# The {word} canal

The {word} canal reopens on 14 March after 18 months of work. Boats on the {word} save 40 minutes on their way.
"We rebuilt 12 locks of the {word}," said Kim Ji-woo, who led the project.

- New gates of the {word} are of oak and last 50 years.
- Sensors along the {word} report the water level each 10 seconds.
- Visitors walk beside the {word} on both sides again.

The work on the {word} cost 3.2 million euros, 5% less than planned.
"""


def new_campaign(*channels: str, **fields: Any) -> PublishingRequest:
    word = uuid4().hex[:12].translate(LETTERS).capitalize()
    own = {name: fields.pop(name) for name in list(fields) if name in Metadata.model_fields}
    wishes = tuple(ChannelWish(channel=channel) for channel in channels or CHANNELS)
    metadata = {"campaign": f"test-{word}", "title": f"The {word} canal", "link": LINK, "channels": wishes} | own
    return PublishingRequest.model_validate({"metadata": metadata, "content": content(word), "cut_off": 0} | fields)


async def begin(house: House, request: PublishingRequest) -> Handle:
    """Started; its texts come from the stand-in, so that a person approves them; then published at once."""
    started = await desk.start_campaign(house.client, request)
    name = started.handle.id
    await until(lambda: reviews.find_review(house.client, name), lambda task: task is not None)
    await reviews.decide(house.client, name, Decision(verdict=Verdict.APPROVE, reviewer="mira", reason="read"))
    await view_when(house, name, lambda view: len(view.jobs) == len(request.metadata.channels))
    change = JobChange(job="*", by="mira", reason="test")
    await desk.change_jobs(house.client, name, "publish_now", change)
    return started.handle


async def view_when(house: House, name: str, holds: Callable[[CampaignView], bool]) -> CampaignView:
    return await until(lambda: desk.view(house.client, name), holds)


async def out(house: House, channel: str, word: str) -> list[dict[str, Any]]:
    """What readers see of a campaign on a channel, oldest first; all its texts hold its word."""
    messages = (await house.http.get("/_standins/messages")).json()[TIMELINES[channel]]
    return [one for one in messages if word in str(one) and not _taken_back(one)]


def _taken_back(message: dict[str, Any]) -> bool:
    return bool(message.get("removed")) or message.get("status") == "trash"


def word_of(request: PublishingRequest) -> str:
    return request.metadata.campaign.removeprefix("test-")


async def published_once(house: House, request: PublishingRequest, result: PublishingResult) -> None:
    """Every post of every channel is out, and none of them twice."""
    assert [job.state for job in result.jobs] == [JobState.PUBLISHED] * len(result.jobs), result.jobs
    assert (await house.effects())["applied_twice"] == []
    for job in result.jobs:
        found = await out(house, job.channel, word_of(request))
        shown = [str(one["id"]) for one in found]
        assert len(shown) == len(set(map(str, found)))
        # The last post of a thread holds the link and hashtags alone, so the word is in all but that.
        ids = [post.post_id for post in job.posts]
        assert shown in (ids, ids[:-1])
