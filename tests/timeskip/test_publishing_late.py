"""Nothing goes out late: wishes that passed, approvals that come too late, and times that nobody needs any more."""

from datetime import datetime, timedelta

import pytest

from tests.fakes.press import busy, forbidden
from tests.timeskip.publishing import Handle, Press, after, campaign, decide, job_in, step_of, task_of, view_of
from tests.timeskip.test_publishing_times import DANA, moved, published_at, scheduled
from towpath.contracts.core.moments import in_utc
from towpath.contracts.publishing.campaign import PublishingOutcome
from towpath.contracts.publishing.posting import Job, JobState
from workflows.publishing.workflow import ContentPublishingWorkflow


async def approved_late(press: Press, *channels: str) -> Handle:
    """A campaign whose wished time passed a minute before somebody approved."""
    request = campaign(*(channels or ("linkedin",)), at=after(minutes=30), require_approval=True)
    handle = await press.start(request, skipping=False)
    await task_of(handle)
    await press.forward(handle, timedelta(minutes=31))
    await decide(handle)
    await job_in(handle, JobState.HELD, job="linkedin")
    return handle


async def test_a_wish_that_passed_while_it_waited_is_held(press: Press) -> None:
    """Nothing goes out a minute late: the job is held, its team is told, and a person says when."""
    handle = await approved_late(press)
    (job,) = (await view_of(handle)).jobs
    at = after(hours=5).replace(microsecond=0)
    await handle.execute_update("reschedule", moved(at), result_type=Job)
    assert press.fake.texts("linkedin") == []
    await handle.execute_update(ContentPublishingWorkflow.release, DANA)
    result = await press.finish(handle)

    assert "passed" in job.reason and "UTC" in job.reason
    assert any(title.startswith("Wished time passed") for title in press.fake.notices())
    assert result.outcome is PublishingOutcome.PUBLISHED
    assert published_at(result) == at


async def test_what_is_held_may_be_published_at_once(press: Press) -> None:
    """A person who wants it late says so."""
    handle = await approved_late(press)
    await handle.execute_update(ContentPublishingWorkflow.publish_now, DANA)

    assert (await handle.result()).outcome is PublishingOutcome.PUBLISHED


async def test_a_wish_shortly_after_the_approval_is_kept(press: Press) -> None:
    """Within the cut-off nobody changes it any more, but it is not put off either."""
    at = after(minutes=30).replace(microsecond=0)
    request = campaign("linkedin", at=at, require_approval=True, cut_off=timedelta(minutes=20))
    handle = await press.start(request, skipping=False)
    await task_of(handle)
    await press.forward(handle, timedelta(minutes=20))
    await decide(handle)
    result = await press.finish(handle)

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert published_at(result) == at


async def long_past(press: Press, not_after: datetime | None = None) -> Handle:
    """A campaign that cannot go on until an hour after its post's time, as when no worker runs."""
    press.fake.plan("reserve_slot", busy(2 * 3600))
    return await press.start(campaign("linkedin", at=after(hours=1), not_after=not_after))


async def test_a_time_that_is_long_past_is_held(press: Press) -> None:
    """Nothing goes out by itself an hour late: the team is told, and a person lets it."""
    handle = await long_past(press)
    job = await job_in(handle, JobState.HELD, job="linkedin")
    assert "passed while no worker could publish it" in job.reason
    assert press.fake.texts("linkedin") == []
    await handle.execute_update(ContentPublishingWorkflow.release, DANA)
    result = await handle.result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert any(title.startswith("Wished time passed") for title in press.fake.notices())


async def test_what_is_long_past_not_after_is_dropped(press: Press) -> None:
    """What may no longer go out is not held."""
    result = await (await long_past(press, not_after=after(minutes=90))).result()

    assert result.jobs[0].state is JobState.DROPPED and press.fake.texts("linkedin") == []


async def test_not_after_closes_the_approval(press: Press) -> None:
    """When nothing may go out any more, nobody is asked any more, and the team is told why."""
    not_after = after(minutes=40).replace(microsecond=0)
    handle = await press.start(campaign("linkedin", require_approval=True, not_after=not_after), skipping=False)
    task = await task_of(handle)
    await press.forward(handle, timedelta(minutes=41))
    result = await handle.result()
    step = await step_of(handle, "approval")

    assert abs(task.due_at - not_after) < timedelta(seconds=1)
    assert result.outcome is PublishingOutcome.EXPIRED
    assert step.note == f"not_after was {in_utc(not_after)}: nothing is published"
    assert any(title.startswith("Too late to approve") for title in press.fake.notices())


async def test_an_approval_of_what_is_stale_already_is_not_asked(press: Press) -> None:
    """`not_after` has passed before the texts were there."""
    result = await (await press.start(campaign(require_approval=True, not_after=after(seconds=-1)))).result()

    assert result.outcome is PublishingOutcome.EXPIRED
    assert press.fake.notices() == []


async def test_a_job_that_is_published_now_keeps_its_distance_from_now(press: Press) -> None:
    """The time that was kept for it is free for others, who keep away from the one at which it went out."""
    handle = await scheduled(press)
    await handle.execute_update(ContentPublishingWorkflow.publish_now, DANA)
    result = await handle.result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    (kept,) = press.fake.slots.values()
    assert kept == published_at(result) < after(hours=1)


@pytest.mark.parametrize("ending", ["failed", "dropped"])
async def test_the_slot_of_a_job_that_never_went_out_is_given_back(press: Press, ending: str) -> None:
    """Refused by its platform, or stale while it was tried."""
    at = after(hours=2)
    endings = {"failed": forbidden(), "dropped": busy(7200)}
    press.fake.plan("publish_post/linkedin", endings[ending])
    result = await (await press.start(campaign("linkedin", at=at, not_after=at + timedelta(hours=1)))).result()

    assert result.jobs[0].state.value == ending
    assert press.fake.slots == {}
