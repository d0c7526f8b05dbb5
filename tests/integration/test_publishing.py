"""Campaigns on a real server, a real worker and platforms that speak as theirs do."""

from typing import Any

import pytest

from tests.integration.campaigns import begin, content, new_campaign, out, published_once, word_of
from tests.integration.conftest import House
from towpath.contracts.core.claude import Budget
from towpath.contracts.publishing.campaign import INLINE_BYTES, PublishingOutcome, PublishingPolicy
from towpath.contracts.publishing.posting import JobState
from towpath.control import campaigns as desk
from towpath.integrations.storage.artefacts import ArtefactStore

FAULTS = (
    pytest.param({"status": 429, "retry_after": "2"}, id="rate-limit-with-its-reset"),
    pytest.param({"status": 503}, id="unavailable"),
    pytest.param({"drop": True}, id="lost-before-the-effect"),
    pytest.param({"drop": True, "after_effect": True}, id="lost-after-the-effect"),
    pytest.param({"status": 500, "after_effect": True}, id="error-after-the-effect"),
)


async def test_a_campaign_goes_out_on_every_platform(house: House) -> None:
    """From content to posts: a thread whose posts reply to each other, a post, an article."""
    request = new_campaign()
    result = await (await begin(house, request)).result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    await published_once(house, request, result)
    thread = await out(house, "x", word_of(request))
    assert [one["reply_to"] for one in thread[1:]] == [one["id"] for one in thread[:-1]]
    assert not result.cost.priced
    assert all(post.url.startswith("https://") or post.url for job in result.jobs for post in job.posts)


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_platform_fails_once(house: House, fault: dict[str, Any]) -> None:
    """Busy, down, or silent before or after it took the post: each post is out once."""
    services = ("x", "linkedin", "wordpress")
    numbers = [await house.fault(service=service, operation="publish", times=1, **fault) for service in services]
    request = new_campaign()
    result = await (await begin(house, request)).result()

    assert [await house.hits(number) for number in numbers] == [1, 1, 1]
    assert result.outcome is PublishingOutcome.PUBLISHED
    await published_once(house, request, result)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_thread_that_fails_in_the_middle(house: House, fault: dict[str, Any]) -> None:
    """The third post of a thread meets the fault: the thread goes on from there, in its order."""
    await house.fault(service="x", operation="publish", code="lag", times=2)
    await house.fault(service="x", operation="publish", times=1, **fault)
    request = new_campaign("x")
    result = await (await begin(house, request)).result()

    await published_once(house, request, result)
    thread = await out(house, "x", word_of(request))
    assert [one["reply_to"] for one in thread[1:]] == [one["id"] for one in thread[:-1]]


async def test_a_text_that_has_just_gone_out_is_not_published_again(house: House) -> None:
    """The same content once more, a moment later, as another campaign: the post that is out is found and taken."""
    first = new_campaign("linkedin")
    before = await (await begin(house, first)).result()
    name = f"{first.metadata.campaign}-again"
    again = first.model_copy(update={"metadata": first.metadata.model_copy(update={"campaign": name})})
    result = await (await begin(house, again)).result()

    assert len(await out(house, "linkedin", word_of(first))) == 1
    assert result.jobs[0].posts[0].post_id == before.jobs[0].posts[0].post_id


async def test_all_or_none_leaves_nothing(house: House) -> None:
    """One platform refuses for good: what is out on the others is taken back."""
    await house.fault(service="linkedin", operation="publish", status=403)
    request = new_campaign(policy=PublishingPolicy.NONE)
    result = await (await begin(house, request)).result()
    await house.lift()

    states = {job.channel: job.state for job in result.jobs}
    assert states["linkedin"] is JobState.FAILED
    assert {states["x"], states["blog"]} <= {JobState.WITHDRAWN, JobState.CANCELLED}
    for channel in ("x", "linkedin", "blog"):
        assert await out(house, channel, word_of(request)) == []


async def test_a_large_content_travels_as_a_reference(house: House) -> None:
    """A content above 64 KiB is kept in the artefact store; the run's history stays small."""
    request = new_campaign("x", budget=Budget(tokens=400_000))
    long = "\n\n".join(content(word_of(request)) for _ in range(200))
    placed = await desk.place(long, ArtefactStore(str(house.folder / "artefacts")))
    handle = await begin(house, request.model_copy(update={"content": None, **placed}))
    result = await handle.result()
    described = await handle.describe()

    assert len(long) > INLINE_BYTES
    assert result.outcome is PublishingOutcome.PUBLISHED
    assert described.raw_description.workflow_execution_info.history_size_bytes < 400_000
