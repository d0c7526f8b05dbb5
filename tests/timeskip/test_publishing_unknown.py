"""Posts in doubt and reserved times: what may be out is looked for, and what is not published keeps no time."""

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.fakes.press import forbidden
from tests.timeskip.publishing import Press, after, campaign, job_in
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.publishing.campaign import PublishingOutcome
from towpath.contracts.publishing.posting import JobState

NO_SLOT = PublishError(FailureCode.PUBLISH_REFUSED, "no slot")


async def test_post_that_comes_late_is_found(press: Press) -> None:
    """The first attempt is lost and no look finds it; the second is refused, and by then the first one is out."""
    press.fake.plan("publish_post/linkedin", "late", forbidden())
    result = await (await press.start(campaign("linkedin"))).result()
    assert result.outcome is PublishingOutcome.PUBLISHED
    assert [post.post_id for post in result.jobs[0].posts] == [press.fake.timelines["linkedin"][0].post.post_id]
    assert press.fake.attempts("linkedin") == 2


async def test_cancelled_campaign_keeps_no_time(press: Press) -> None:
    """A campaign that is cancelled before its times gives all of them free."""
    handle = await press.start(campaign("linkedin", "x", at=after(hours=2)), skipping=False)
    await job_in(handle, JobState.SCHEDULED, job="linkedin")
    assert len(press.fake.slots) == 2
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert press.fake.slots == {}


async def test_failed_campaign_keeps_no_time(press: Press) -> None:
    """One of the times cannot be kept and the campaign fails: those that were, or may be, are given free."""
    press.fake.plan("reserve_slot", NO_SLOT)
    handle = await press.start(campaign("linkedin", "x", at=after(hours=2)))
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert press.fake.slots == {} and sorted(press.fake.released) == ["linkedin/main", "x/main"]


async def test_time_that_stays_reserved_is_told(press: Press) -> None:
    """A time that cannot be given free is named in the letter of the campaign."""
    press.fake.plan("reserve_slot", NO_SLOT)
    press.fake.plan("release_slot", NO_SLOT)
    handle = await press.start(campaign("linkedin", at=after(hours=2)))
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    letter = DeadLetter.model_validate(failed.value.cause.details[0])
    assert letter.not_undone == ("linkedin: its time stays reserved (publish.refused)",)
