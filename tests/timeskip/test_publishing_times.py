"""When posts go out: embargo, staleness, spacing, and what people change until the cut-off."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowUpdateStage

from tests.timeskip.described import described_as
from tests.timeskip.publishing import (
    CONTENT,
    Handle,
    Press,
    after,
    campaign,
    job_in,
    job_when,
    refusal,
    step_of,
    view_of,
)
from tests.timeskip.test_publishing_review import TEXT, edit
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.publishing.campaign import PublishingOutcome, PublishingRequest, PublishingResult
from towpath.contracts.publishing.posting import Job, JobChange, JobState, Reschedule
from workflows.publishing.workflow import ContentPublishingWorkflow

DANA = JobChange(job="linkedin", by="dana", reason="news")


async def scheduled(press: Press, request: PublishingRequest | None = None) -> Handle:
    """A campaign on LinkedIn that waits for its time, in two hours."""
    handle = await press.start(request or campaign("linkedin", at=after(hours=2)), skipping=False)
    await job_in(handle, JobState.SCHEDULED, job="linkedin")
    return handle


def moved(at: datetime, job: str = "linkedin") -> Reschedule:
    return Reschedule(job=job, at=at, by="dana")


def published_at(result: PublishingResult, job: int = 0) -> datetime:
    """When the job was due: what is published carries the real time, and the run's clock skips."""
    return result.jobs[job].at


async def test_a_time_that_was_asked_for_is_kept(press: Press) -> None:
    """A wished time is the job's time, and the reason says so."""
    at = after(days=2).replace(microsecond=0)
    result = await (await press.start(campaign("linkedin", at=at))).result()

    assert published_at(result) == at
    assert "asked for" in result.jobs[0].reason


async def test_nothing_goes_out_before_the_embargo(press: Press) -> None:
    """An embargo in three days holds for chosen times."""
    embargo = after(days=3)
    result = await (await press.start(campaign("x", "linkedin", "blog", not_before=embargo))).result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert all(job.at >= embargo for job in result.jobs)


async def test_an_embargo_of_the_front_matter_holds(press: Press) -> None:
    """What the content itself says counts as `not_before`, for publishing now too; the rest is told in the record."""
    content = f"---\nembargo: {after(days=2).isoformat()}\ninternal: 010-1234-5678\n---\n{CONTENT}"
    handle = await scheduled(press, campaign("linkedin", content=content))
    _, text = await refusal(handle.execute_update(ContentPublishingWorkflow.publish_now, DANA))
    note = (await step_of(handle, "load-campaign")).note
    result = await press.finish(handle)

    assert "before" in text
    assert published_at(result) >= after(days=1)
    assert "internal" in note
    assert "010-1234" not in str([press.fake.house.asked("ask"), press.fake.house.asked("publish_post")])


async def test_posts_of_an_account_keep_their_distance(press: Press) -> None:
    """Two campaigns that want the same minute are four hours apart on LinkedIn, and the second one says why."""
    at = after(hours=5).replace(microsecond=0)
    first = await press.start(campaign("linkedin", at=at))
    await first.result()
    result = await (await press.start(campaign("linkedin", at=at))).result()

    assert published_at(result) == at + timedelta(hours=4)
    assert "240 min apart" in result.jobs[0].reason


async def test_no_free_time_before_it_is_stale_means_dropped(press: Press) -> None:
    """When the account's spacing leaves no time before `not_after`, the job is dropped and says so."""
    at = after(hours=5)
    await (await press.start(campaign("linkedin", at=at))).result()
    result = await (await press.start(campaign("linkedin", "x", at=at, not_after=at + timedelta(hours=1)))).result()

    assert [job.state for job in result.jobs] == [JobState.DROPPED, JobState.PUBLISHED]
    assert "published late" in result.jobs[0].reason


async def test_a_job_is_moved_and_its_slot_with_it(press: Press) -> None:
    """A job that is rescheduled goes out at its new time; who moved it is kept."""
    handle = await scheduled(press)
    at = after(hours=9)
    job = await handle.execute_update("reschedule", moved(at), result_type=Job)
    result = await press.finish(handle)

    assert job.at == published_at(result) == at
    assert result.jobs[0].changed_by == "dana"
    assert list(press.fake.slots.values()) == [at]


async def test_a_job_that_is_brought_forward_does_not_wait(press: Press) -> None:
    """A wait that has begun is cut short by an earlier time."""
    handle = await scheduled(press, campaign("linkedin", at=after(days=9)))
    await handle.execute_update("reschedule", moved(after(hours=1)), result_type=Job)
    await press.forward(handle, timedelta(hours=2))

    assert (await handle.result()).outcome is PublishingOutcome.PUBLISHED


@pytest.mark.parametrize(
    ("hours", "job", "code", "what"),
    [
        pytest.param(-1, "linkedin", FailureCode.JOB_REFUSED, "has passed", id="past"),
        pytest.param(0.5, "linkedin", FailureCode.JOB_REFUSED, "before", id="embargo"),
        pytest.param(50, "linkedin", FailureCode.JOB_REFUSED, "after", id="stale"),
        pytest.param(3, "x", FailureCode.JOB_UNKNOWN, "its jobs are linkedin", id="no-such-job"),
    ],
)
async def test_times_that_cannot_be_are_refused(
    press: Press, hours: float, job: str, code: FailureCode, what: str
) -> None:
    """Not in the past, not before the embargo, not after it is stale, and not for a job that does not exist."""
    request = campaign("linkedin", at=after(hours=2), not_before=after(hours=1), not_after=after(hours=48))
    handle = await scheduled(press, request)
    found, text = await refusal(
        handle.execute_update(ContentPublishingWorkflow.reschedule, moved(after(hours=hours), job))
    )
    await press.finish(handle)

    assert found == code
    assert what in text


async def test_a_time_without_its_offset_is_refused(press: Press) -> None:
    """A local time without an offset could mean anything."""
    handle = await scheduled(press)
    naive = after(hours=3).replace(tzinfo=None)
    found, text = await refusal(handle.execute_update(ContentPublishingWorkflow.reschedule, moved(naive)))
    await press.finish(handle)

    assert (found, "offset" in text) == (FailureCode.JOB_REFUSED, True)


@pytest.mark.parametrize(
    ("update", "change"),
    [
        pytest.param("reschedule", moved(datetime(2100, 1, 1, tzinfo=UTC)), id="reschedule"),
        pytest.param("edit", edit(TEXT), id="edit"),
        pytest.param("cancel", DANA, id="cancel"),
        pytest.param("publish_now", DANA, id="publish-now"),
    ],
)
async def test_changes_end_at_the_cut_off(press: Press, update: str, change: object) -> None:
    """Half an hour before its time a job with that cut-off can no longer be changed."""
    handle = await scheduled(press, campaign("linkedin", at=after(hours=2), cut_off=timedelta(minutes=30)))
    await press.forward(handle, timedelta(minutes=95))
    found, text = await refusal(handle.execute_update(update, change))
    result = await press.finish(handle)

    assert (found, "cut-off" in text) == (FailureCode.JOB_CLOSED, True)
    assert result.outcome is PublishingOutcome.PUBLISHED


async def test_a_text_is_changed_while_it_waits(press: Press) -> None:
    """A scheduled text is edited; the changed one goes out."""
    handle = await scheduled(press)
    await handle.execute_update(ContentPublishingWorkflow.edit, edit(TEXT, by="dana"))
    result = await press.finish(handle)

    assert press.fake.texts("linkedin") == [TEXT]
    assert result.jobs[0].changed_by == "dana"


async def test_a_job_is_cancelled_and_its_time_given_free(press: Press) -> None:
    """A cancelled job is not published, its time is free for others, and the other channel goes out."""
    handle = await scheduled(press, campaign("linkedin", "x", at=after(hours=2)))
    await handle.execute_update(ContentPublishingWorkflow.cancel, DANA)
    result = await press.finish(handle)

    assert [job.state for job in result.jobs] == [JobState.CANCELLED, JobState.PUBLISHED]
    assert result.jobs[0].reason == "cancelled by dana: news"
    assert press.fake.released == ["linkedin/main"]


async def test_all_jobs_are_cancelled_at_once(press: Press) -> None:
    """`*` cancels all that have not begun, and the campaign ends cancelled at once."""
    handle = await scheduled(press, campaign("linkedin", "x", at=after(hours=2)))
    await handle.execute_update(ContentPublishingWorkflow.cancel, JobChange(job="*", by="dana"))
    result = await handle.result()

    assert result.outcome is PublishingOutcome.CANCELLED
    assert press.fake.timelines == {}


async def test_a_job_is_published_now(press: Press) -> None:
    """A job that was to wait for days goes out at once."""
    handle = await scheduled(press, campaign("linkedin", at=after(days=9)))
    await described_as(handle, "scheduled")
    await handle.execute_update(ContentPublishingWorkflow.publish_now, DANA)
    result = await handle.result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert result.jobs[0].reason == "published now by dana: news"


async def test_the_embargo_holds_for_publishing_now_too(press: Press) -> None:
    """Nobody breaks an embargo by publishing now."""
    handle = await scheduled(press, campaign("linkedin", not_before=after(hours=2)))
    found, text = await refusal(handle.execute_update(ContentPublishingWorkflow.publish_now, DANA))
    await press.finish(handle)

    assert (found, "before" in text) == (FailureCode.JOB_REFUSED, True)


async def test_a_change_that_is_under_way_when_the_job_begins_is_refused(press: Press) -> None:
    """A text that is still being checked when its job begins does not replace what goes out."""
    hold = press.fake.hold("check_texts", skip=2)
    handle = await scheduled(press)
    before = (await view_of(handle)).adaptations[0].posts[0].text
    update = await handle.start_update("edit", edit(TEXT), wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    await handle.execute_update(ContentPublishingWorkflow.publish_now, DANA)
    await job_when(handle, lambda job: job.state is not JobState.SCHEDULED, "linkedin")
    hold.set()
    found, _ = await refusal(update.result())
    await handle.result()

    assert found == FailureCode.JOB_CLOSED
    assert press.fake.texts("linkedin") == [before]
