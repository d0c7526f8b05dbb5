"""Publishing through the activities, as the worker assembles them, on platforms that lose answers and requests."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.testing import ActivityEnvironment

from activities.publishing import PublishingActivities
from tests.integration.conftest import House
from tests.waiting import until
from towpath.assembly.clients import open_clients
from towpath.assembly.files import load_files
from towpath.config.settings import load_worker_settings
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.publishing.posting import (
    POSTING_SLOTS,
    FindPost,
    Post,
    PostOutcome,
    PreparePost,
    PublishPost,
    RemovePost,
    ReserveSlot,
)
from towpath.control.slots import SlotBook
from towpath.local.server import free_port
from towpath.local.stack import worker_environment
from towpath.policy.publishing.fingerprints import fingerprint

REFERENCES = {"x": "towpath_demo", "linkedin": "urn:li:organization:100001", "wordpress": None}
PLATFORMS = tuple(REFERENCES)


@dataclass(frozen=True)
class Press:
    """The activities of one worker, on the stand-ins of a house."""

    house: House
    activities: PublishingActivities

    async def prepare(self, wish: PublishPost) -> PostOutcome:
        given = PreparePost.model_validate(wish.model_dump())
        return await ActivityEnvironment().run(self.activities.prepare_post, given)

    async def publish(self, wish: PublishPost) -> PostOutcome:
        return await ActivityEnvironment().run(self.activities.publish_post, wish)

    async def find(self, wish: PublishPost) -> PostOutcome:
        given = FindPost.model_validate(wish.model_dump())
        return await ActivityEnvironment().run(self.activities.find_post, given)

    async def remove(self, wish: PublishPost, post_id: str) -> bool:
        removal = RemovePost(adapter=wish.adapter, account=wish.account, post_id=post_id, key=wish.key)
        return (await ActivityEnvironment().run(self.activities.remove_post, removal)).found

    async def fault(self, platform: str, **order: Any) -> int:
        given = {"service": platform, "operation": "publish", "reference": REFERENCES[platform], "times": 1}
        return await self.house.fault(**(given | order))

    async def out(self, wish: PublishPost) -> int:
        """How many posts with the text of the wish are out."""
        messages = (await self.house.http.get("/_standins/messages")).json()
        if wish.adapter == "wordpress":
            return sum(
                post["title"] == wish.post.title for post in messages["wordpress"] if post["status"] == "publish"
            )
        return sum(post["text"] == wish.post.text for post in messages[wish.adapter] if not post["removed"])


@pytest_asyncio.fixture(loop_scope="session")
async def press(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Press]:
    env = worker_environment(house.server.address, house.standins, free_port()) | house.environment()
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = load_worker_settings()
    async with open_clients(settings, load_files(settings)) as clients:
        yield Press(house, PublishingActivities(clients.campaigns, clients.publishers, SlotBook(house.client)))
    await house.lift()


def wish_for(platform: str, text: str | None = None, reply_to: str | None = None) -> PublishPost:
    """A post that no other test has."""
    name = uuid4().hex[:8]
    words = text or f"Depot {name} opens (again) & ships: https://hanbit.example/{name} #logistics"
    post = Post(text=words, title=f"Depot {name}" if platform == "wordpress" else "")
    return PublishPost(
        adapter=platform,
        account="main",
        post=post,
        fingerprint=fingerprint(post),
        since=datetime.now(UTC),
        key=EffectKey(f"content-publishing/{name}/publish"),
        reply_to=reply_to,
    )


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_post_goes_out_once_and_can_be_taken_back(press: Press, platform: str) -> None:
    """Not there before, out after one attempt, found as what it is, and gone once it was removed."""
    wish = wish_for(platform)
    before = await press.prepare(wish)
    published = await press.publish(wish)
    found, known = await press.find(wish), await press.prepare(wish)

    assert before.post is None
    assert published.post is not None
    assert found.post is not None and known.post is not None
    assert {found.post.post_id, known.post.post_id} == {published.post.post_id}
    assert abs(found.post.at - published.post.at) < timedelta(seconds=5)
    assert await press.out(wish) == 1
    assert await press.remove(wish, published.post.post_id)
    assert (await press.find(wish)).post is None


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_the_answer_is_lost_after_the_post_is_out(press: Press, platform: str) -> None:
    """The outcome is unknown, looking finds the post, and preparing again would not publish a second one."""
    wish = wish_for(platform)
    await press.fault(platform, drop=True, after_effect=True)
    with pytest.raises(PublishError) as caught:
        await press.publish(wish)
    found, known = await press.find(wish), await press.prepare(wish)

    assert (caught.value.code, caught.value.retryable) == (FailureCode.PUBLISH_UNKNOWN, False)
    assert found.post is not None
    assert found.post == known.post
    assert await press.out(wish) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_the_request_is_lost_before_the_post_is_out(press: Press, platform: str) -> None:
    """The outcome is just as unknown, looking finds nothing, and a second attempt publishes it once."""
    wish = wish_for(platform)
    await press.fault(platform, drop=True)
    with pytest.raises(PublishError) as caught:
        await press.publish(wish)
    found = await press.find(wish)
    again = await press.publish(wish)

    assert caught.value.code is FailureCode.PUBLISH_UNKNOWN
    assert found.post is None
    assert again.post is not None
    assert await press.out(wish) == 1


@pytest.mark.parametrize("platform", ["x", "linkedin"])
async def test_a_timeline_that_lags_behind(press: Press, platform: str) -> None:
    """The post is out and not yet listed: a second attempt is refused as a duplicate, and the next look finds it."""
    wish = wish_for(platform)
    await press.fault(platform, drop=True, after_effect=True)
    await press.fault(platform, operation="find", code="lag")
    with pytest.raises(PublishError):
        await press.publish(wish)
    early = await press.find(wish)
    with pytest.raises(PublishError) as caught:
        await press.publish(wish)
    later = await press.find(wish)

    assert early.post is None
    assert caught.value.code is FailureCode.PUBLISH_DUPLICATE
    assert later.post is not None
    assert await press.out(wish) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_platform_asks_to_wait(press: Press, platform: str) -> None:
    """Nothing is out, and the failure says how long to wait, as long as the platform wants."""
    wish = wish_for(platform)
    await press.fault(platform, status=429, retry_after="20")
    with pytest.raises(PublishError) as caught:
        await press.publish(wish)

    assert (caught.value.code, caught.value.retryable) == (FailureCode.PUBLISH_RATE_LIMITED, True)
    assert caught.value.retry_after is not None
    # X's wait ends at a whole second and is counted from the answer's date, which its server reads once a second.
    assert timedelta(seconds=15) <= caught.value.retry_after <= timedelta(seconds=23)
    assert await press.out(wish) == 0


async def test_a_thread_is_a_chain_of_replies(press: Press) -> None:
    """Each post answers the one before it."""
    first = await press.publish(wish_for("x"))
    assert first.post is not None
    wish = wish_for("x", reply_to=first.post.post_id)
    second = await press.publish(wish)
    shown = (await press.house.http.get("/_standins/messages")).json()["x"]

    assert second.post is not None
    assert {one["id"]: one["reply_to"] for one in shown}[second.post.post_id] == first.post.post_id


async def test_answers_of_a_thread_are_lost_whose_posts_differ_in_a_link_alone(press: Press) -> None:
    """Each answer is lost, and each look finds the post that was sent, though the one before says nearly the same."""
    name = uuid4().hex[:8]
    known: list[str] = []
    for letter in "abc":
        wish = wish_for("x", f"Tip of {name}: https://hanbit.example/{letter}", known[-1] if known else None)
        wish = wish.model_copy(update={"known": tuple(known)})
        await press.fault("x", drop=True, after_effect=True)
        before = await press.find(wish)
        with pytest.raises(PublishError):
            await press.publish(wish)
        found = await press.find(wish)
        assert before.post is None
        assert found.post is not None
        known.append(found.post.post_id)
    assert len(set(known)) == 3


async def test_reserved_times_outlive_the_worker(bare_house: House) -> None:
    """Times that were reserved are kept when the worker is killed with -9, and campaigns keep their distance after."""
    noon = datetime(2030, 6, 3, 12, 0, tzinfo=UTC)
    book = SlotBook(bare_house.client)

    def wish(key: str) -> ReserveSlot:
        spacing = timedelta(minutes=30)
        return ReserveSlot(place="x/main", at=noon, not_after=None, spacing=spacing, key=EffectKey(key))

    async with bare_house.worker() as worker:
        first = await book.reserve(wish("a"))
        await worker.kill()
    waiting = asyncio.create_task(book.reserve(wish("b")))
    async with bare_house.worker():
        second = await waiting
        again = await book.reserve(wish("a"))
    runs = await until(lambda: _records(bare_house), bool)

    assert (first.at, second.at, again.at) == (noon, noon + timedelta(minutes=30), noon)
    assert runs == [f"{POSTING_SLOTS}/x/main"]


async def _records(house: House) -> list[str]:
    return [run.id async for run in house.client.list_workflows(f"WorkflowType='{POSTING_SLOTS}'")]
