"""What the failure of one channel means for the others, and what a cancelled campaign leaves."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from tests.fakes.press import forbidden, refused_removal
from tests.timeskip.described import described_as
from tests.timeskip.publishing import Handle, Press, after, campaign, job_in, record_of, refusal, view_of
from tests.timeskip.test_publishing_paths import refusing
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.run import StepState
from towpath.contracts.publishing.campaign import ChannelWish, PublishingOutcome, PublishingPolicy, PublishingRequest
from towpath.contracts.publishing.posting import JobChange, JobState
from workflows.publishing.workflow import ContentPublishingWorkflow

ALL = JobChange(job="*", by="dana", reason="seen")


def one_after_the_other(policy: PublishingPolicy, *channels: str, **fields: Any) -> PublishingRequest:
    """The channels an hour apart."""
    wishes = tuple(ChannelWish(channel=channel, at=after(hours=hour)) for hour, channel in enumerate(channels, 1))
    request = campaign(policy=policy, **fields)
    return request.model_copy(update={"metadata": request.metadata.model_copy(update={"channels": wishes})})


async def held(press: Press, **fields: Any) -> Handle:
    """A campaign whose second of three channels is refused, under the policy to hold."""
    press.fake.plan("publish_post/linkedin", forbidden())
    request = one_after_the_other(PublishingPolicy.HOLD, "x", "linkedin", "blog", **fields)
    handle = await press.start(request, skipping=False)
    await press.forward(handle, timedelta(minutes=130))
    await job_in(handle, JobState.HELD, job="blog")
    return handle


async def test_the_rest_is_published(press: Press) -> None:
    """By default the others go out all the same."""
    press.fake.plan("publish_post/x", forbidden())
    result = await (await press.start(one_after_the_other(PublishingPolicy.REST, "x", "linkedin"))).result()

    assert [job.state for job in result.jobs] == [JobState.FAILED, JobState.PUBLISHED]
    assert result.outcome is PublishingOutcome.PARTLY


async def test_all_or_none_takes_back_what_is_out(press: Press) -> None:
    """One channel fails: what is out is taken back, a thread from its end, and what is to come is cancelled."""
    press.fake.plan("publish_post/linkedin", forbidden())
    request = one_after_the_other(PublishingPolicy.NONE, "x", "linkedin", "blog")
    result = await (await press.start(request)).result()

    assert [job.state for job in result.jobs] == [JobState.WITHDRAWN, JobState.FAILED, JobState.CANCELLED]
    assert press.fake.texts("x") == press.fake.texts("wordpress") == []
    assert result.outcome is PublishingOutcome.NOTHING
    removed = [request.post_id for request in press.fake.house.asked("remove_post")]
    assert removed == [post.post_id for post in reversed(result.jobs[0].posts)]


async def test_what_cannot_be_taken_back_is_told(press: Press) -> None:
    """A platform that refuses the removal keeps the post: the job stays published, and the reason says why."""
    press.fake.plan("publish_post/linkedin", forbidden())
    press.fake.plan("remove_post", refused_removal())
    result = await (await press.start(one_after_the_other(PublishingPolicy.NONE, "blog", "linkedin"))).result()

    assert result.jobs[0].state is JobState.PUBLISHED
    assert "could not be taken back" in result.jobs[0].reason
    assert result.outcome is PublishingOutcome.PARTLY


async def test_all_or_none_begins_with_the_texts(press: Press) -> None:
    """A channel without a text stops all of a campaign that is all or none, before anything is out."""
    refusing(press.fake, "adapt-linkedin")
    result = await (await press.start(one_after_the_other(PublishingPolicy.NONE, "x", "linkedin"))).result()

    assert [job.state for job in result.jobs] == [JobState.CANCELLED, JobState.FAILED]
    assert press.fake.timelines == {}


async def test_a_held_sequence_goes_on_when_released(press: Press) -> None:
    """The jobs to come wait, the team is told, and a release lets them go on."""
    handle = await held(press)
    await described_as(handle, "held")
    assert any(title.startswith("Campaign on hold") for title in press.fake.notices())
    waiting = (await record_of(handle)).waiting
    assert waiting is not None
    assert waiting.who == "content-team"
    stranger = handle.execute_update(ContentPublishingWorkflow.release, ALL.model_copy(update={"by": "mallory"}))
    assert (await refusal(stranger))[0] == "review.unknown_reviewer"
    await handle.execute_update(ContentPublishingWorkflow.release, ALL)
    result = await press.finish(handle)

    assert [job.state for job in result.jobs] == [JobState.PUBLISHED, JobState.FAILED, JobState.PUBLISHED]
    assert result.jobs[2].reason == "released by dana: seen"


async def test_a_held_job_can_be_cancelled(press: Press) -> None:
    """Whoever decides may also cancel what is held; a release has nothing left to do then."""
    handle = await held(press)
    await handle.execute_update(ContentPublishingWorkflow.cancel, ALL)
    result = await handle.result()

    assert [job.state for job in result.jobs] == [JobState.PUBLISHED, JobState.FAILED, JobState.CANCELLED]


async def test_a_held_job_becomes_stale(press: Press) -> None:
    """Nobody decides: at `not_after` what is held is dropped, never published late."""
    handle = await held(press, not_after=after(hours=4))
    result = await press.finish(handle)

    assert result.jobs[2].state is JobState.DROPPED
    assert press.fake.texts("wordpress") == []


async def test_nothing_is_released_that_is_not_held(press: Press) -> None:
    """A release of a job that waits for its time is refused."""
    handle = await press.start(one_after_the_other(PublishingPolicy.HOLD, "x"), skipping=False)
    await job_in(handle, JobState.SCHEDULED)
    found, _ = await refusal(handle.execute_update(ContentPublishingWorkflow.release, ALL))
    await press.finish(handle)

    assert found == FailureCode.JOB_CLOSED


async def test_a_cancelled_campaign_leaves_what_is_out(press: Press) -> None:
    """What was not begun is cancelled; what is out stays, and the team is told where."""
    handle = await press.start(one_after_the_other(PublishingPolicy.REST, "linkedin", "x"), skipping=False)
    await press.forward(handle, timedelta(minutes=90))
    await job_in(handle, JobState.PUBLISHED, job="linkedin")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    jobs = (await view_of(handle)).jobs

    assert [job.state for job in jobs] == [JobState.PUBLISHED, JobState.CANCELLED]
    assert len(press.fake.texts("linkedin")) == 1
    (notice,) = [notice for notice in press.fake.house.asked("notify_team") if notice.title.startswith("Cancelled")]
    assert jobs[0].posts[0].url in notice.text
    assert (await record_of(handle)).status == "cancelled"


@pytest.mark.parametrize(
    ("out", "state"), [pytest.param(3, JobState.PARTIAL, id="out"), pytest.param(2, JobState.UNKNOWN, id="not-seen")]
)
async def test_a_post_that_is_on_its_way_is_let_go_and_looked_for(press: Press, out: int, state: JobState) -> None:
    """A campaign cancelled in the middle of a thread, with no answer to a post: one that is out is booked, one that is
    not seen may still come, and the team is told; nothing more is sent.
    """
    press.fake.hold("publish_post", skip=2, after_effect=out == 3)
    handle = await press.start(campaign(at=after(minutes=-1), cut_off=timedelta()), skipping=False)
    await press.fake.entered["publish_post"].wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    (job,) = (await view_of(handle)).jobs
    (notice,) = [notice for notice in press.fake.house.asked("notify_team") if notice.title.startswith("Cancelled")]

    assert job.state is state
    assert len(job.posts) == len(press.fake.texts("x")) == out
    assert ("nobody knows whether another one is out" in notice.text) is (state is JobState.UNKNOWN)
    assert all(step.state is not StepState.RUNNING for step in (await record_of(handle)).steps)


async def test_a_single_post_that_is_out_when_its_campaign_is_cancelled(press: Press) -> None:
    """All of the job is out: it is published."""
    press.fake.hold("publish_post", skip=0, after_effect=True)
    handle = await press.start(campaign("linkedin", at=after(minutes=-1), cut_off=timedelta()), skipping=False)
    await press.fake.entered["publish_post"].wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert [job.state for job in (await view_of(handle)).jobs] == [JobState.PUBLISHED]
