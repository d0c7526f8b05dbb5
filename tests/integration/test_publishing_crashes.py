"""kill -9 of the worker while it works on campaigns: no post is out twice, and none is lost."""

import asyncio

import pytest

from tests.integration.campaigns import Handle, begin, new_campaign, published_once
from tests.integration.conftest import House
from tests.waiting import until
from towpath.contracts.publishing.campaign import PublishingOutcome, PublishingRequest
from towpath.control import campaigns as desk

PLACES = (*(("x", "x", before) for before in range(5)), ("linkedin", "linkedin", 0), ("blog", "wordpress", 0))
"""Channel, its service, and how many posts go out before the one that stands still."""


async def stand_still(house: House, *, after_effect: bool) -> list[tuple[PublishingRequest, Handle]]:
    """A campaign for each place, each with a request to its platform on the way."""
    held: list[tuple[PublishingRequest, Handle]] = []
    for channel, service, before in PLACES:
        if before:
            await house.fault(service=service, operation="publish", code="lag", times=before)
        fault = await house.fault(service=service, operation="publish", hold=True, after_effect=after_effect, times=1)
        request = new_campaign(channel)
        held.append((request, await begin(house, request)))
        await until(lambda fault=fault: house.hits(fault), lambda hits: hits == 1)
    return held


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "after-the-effect"])
async def test_worker_killed_while_it_publishes(bare_house: House, after_effect: bool) -> None:
    """The worker dies with requests on their way, one in the middle of a thread: another one looks for the posts, and
    publishes what is missing.
    """
    async with bare_house.worker() as worker:
        held = await stand_still(bare_house, after_effect=after_effect)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        results = await asyncio.gather(*(handle.result() for _, handle in held))

    for (request, _), result in zip(held, results, strict=True):
        assert result.outcome is PublishingOutcome.PUBLISHED
        await published_once(bare_house, request, result)


async def test_worker_killed_while_claude_answers(bare_house: House) -> None:
    """The worker dies with questions to Claude on their way: the campaigns go on with another worker."""
    requests: list[PublishingRequest] = []
    async with bare_house.worker() as worker:
        for operation in ("ContentAnalysis", "ThreadDraft", "QualityAnswer"):
            fault = await bare_house.fault(service="claude", operation=operation, hold=True, times=1)
            requests.append(new_campaign("x"))
            await desk.start_campaign(bare_house.client, requests[-1])
            await until(lambda fault=fault: bare_house.hits(fault), lambda hits: hits == 1)
        await worker.kill()
    await bare_house.lift()
    async with bare_house.worker():
        for request in requests:
            result = await (await begin(bare_house, request)).result()
            assert result.outcome is PublishingOutcome.PUBLISHED
            await published_once(bare_house, request, result)
