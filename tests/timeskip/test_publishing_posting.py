"""Publishing exactly once: what happens when a platform is slow, silent, busy or refuses."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.press import Ending, busy, down, duplicate, forbidden
from tests.timeskip.described import described_as
from tests.timeskip.publishing import (
    CONTENT,
    LINK,
    Handle,
    Press,
    after,
    campaign,
    job_in,
    record_of,
    refusal,
    step_of,
)
from towpath.contracts.core.failure import FailureCode, HouseError, PublishError
from towpath.contracts.core.run import StepState
from towpath.contracts.publishing.campaign import PublishingOutcome
from towpath.contracts.publishing.posting import EditPosts, Job, JobState, Post, Settle
from workflows.publishing.posting import LOOKS
from workflows.publishing.workflow import ContentPublishingWorkflow

FINE: list[Ending] = ["fine"] * 5


def settle(job: str, **fields: object) -> Settle:
    return Settle.model_validate({"job": job, "by": "dana", **fields})


async def unsettled(press: Press) -> Handle:
    """A campaign whose first post on X has no answer, and whose timeline cannot be read."""
    press.fake.plan("publish_post/x", PublishError(FailureCode.PUBLISH_UNKNOWN, "lost"))
    press.fake.plan("find_post", *[down()] * 5 * len(LOOKS))
    handle = await press.start(campaign("x", "linkedin", at=after(minutes=-1), cut_off=timedelta()), skipping=False)
    for _ in range(5):
        await press.forward(handle, timedelta(seconds=30))
    await job_in(handle, JobState.UNKNOWN)
    return handle


async def lost_duplicate(press: Press) -> Handle:
    """A post on LinkedIn whose first answer is lost, and whose second one is that the platform has it."""
    press.fake.plan("publish_post/linkedin", "lost", duplicate())
    handle = await press.start(campaign("linkedin", at=after(minutes=-1), cut_off=timedelta()), skipping=False)
    for _ in range(4):
        await press.forward(handle, timedelta(seconds=30))
    return handle


@pytest.mark.parametrize(
    ("channel", "adapter", "place"),
    [*(("x", "x", place) for place in range(1, 6)), ("linkedin", "linkedin", 1), ("blog", "wordpress", 1)],
    ids=[*(f"x-{place}" for place in range(1, 6)), "linkedin", "blog"],
)
@pytest.mark.parametrize("lost", ["taken", "lost"])
async def test_an_unknown_outcome_is_looked_up(
    press: Press, lost: Ending, channel: str, adapter: str, place: int
) -> None:
    """The answer to a post is lost, after or before the platform took it: nothing is out twice, and nothing missing."""
    press.fake.plan(f"publish_post/{adapter}", *FINE[: place - 1], lost)
    result = await (await press.start(campaign(channel))).result()

    texts = press.fake.texts(adapter)
    assert result.outcome is PublishingOutcome.PUBLISHED
    assert place <= len(texts) == len(set(texts)) == len(result.jobs[0].posts)
    assert [shown.post.post_id for shown in press.fake.timelines[adapter]] == [
        post.post_id for post in result.jobs[0].posts
    ]
    assert press.fake.attempts(adapter) == len(texts) + (lost == "lost")


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("lost", ["taken", "lost"])
async def test_posts_of_a_thread_may_differ_in_their_link_alone(press: Press, lost: Ending, place: int) -> None:
    """An answer that is lost is not taken from the post before, which says nearly the same."""
    texts = [f"Tip of the day: {LINK}/{letter}" for letter in "ab"]
    texts.append(f"The team is proud of it. {LINK}")
    content = CONTENT + "\n\n".join(texts)
    handle = await press.start(campaign(content=content, at=after(hours=2)), skipping=False)
    await job_in(handle, JobState.SCHEDULED)
    posts = tuple(Post(text=text) for text in texts)
    await handle.execute_update(ContentPublishingWorkflow.edit, EditPosts(job="x", posts=posts, by="dana"))
    press.fake.plan("publish_post/x", *FINE[: place - 1], lost)
    result = await press.finish(handle)

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert press.fake.texts("x") == texts
    assert len({post.post_id for post in result.jobs[0].posts}) == len(texts)


async def test_a_timeline_that_lags_is_looked_at_again(press: Press) -> None:
    """A post that does not show at once is found by a later look, and not published again."""
    press.fake.plan("publish_post/linkedin", "taken")
    press.fake.lag = 2
    result = await (await press.start(campaign("linkedin"))).result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert len(press.fake.texts("linkedin")) == press.fake.attempts("linkedin") == 1


async def test_a_busy_platform_is_given_the_time_it_asks_for(press: Press) -> None:
    """A rate limit with its reset is waited out; then the post goes out, once."""
    press.fake.plan("publish_post/linkedin", busy(900))
    handle = await press.start(campaign("linkedin"))
    result = await handle.result()
    (job,) = result.jobs

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert job.attempts == 2
    assert await _waited(handle, job) >= timedelta(seconds=900)


async def test_three_attempts_with_growing_waits(press: Press) -> None:
    """A platform that stays down is tried three times, each wait twice as long; then the job fails and says why."""
    press.fake.plan("publish_post/linkedin", *[down()] * 9)
    handle = await press.start(campaign("linkedin", "x"))
    result = await handle.result()
    job = result.jobs[0]

    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.code is FailureCode.PUBLISH_UNAVAILABLE
    assert press.fake.attempts("linkedin") == 3
    assert timedelta(seconds=15) <= await _waited(handle, job) < timedelta(seconds=60)
    assert result.outcome is PublishingOutcome.PARTLY


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(forbidden(), FailureCode.PUBLISH_REFUSED, id="refused"),
        pytest.param(duplicate(), FailureCode.PUBLISH_DUPLICATE, id="duplicate-of-another"),
        pytest.param(PublishError(FailureCode.PUBLISH_AUTH, "token"), FailureCode.PUBLISH_AUTH, id="auth"),
    ],
)
async def test_a_refusal_is_final(press: Press, error: HouseError, code: FailureCode) -> None:
    """What a platform refuses for good is tried once."""
    press.fake.plan("publish_post/linkedin", error)
    result = await (await press.start(campaign("linkedin"))).result()
    (job,) = result.jobs

    assert result.outcome is PublishingOutcome.NOTHING
    assert job.failure is not None
    assert (job.state, job.failure.code) == (JobState.FAILED, code)
    assert press.fake.attempts("linkedin") == 1


async def test_a_duplicate_that_is_ours_counts_as_published(press: Press) -> None:
    """The platform says that it has the text already: it is found on the timeline and taken as published."""
    press.fake.plan("publish_post/linkedin", "taken-as-duplicate")
    result = await (await press.start(campaign("linkedin"))).result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert len(press.fake.texts("linkedin")) == 1


async def test_a_duplicate_after_a_lost_answer_is_asked_of_a_person(press: Press) -> None:
    """The first answer is lost, no look finds the post, and the second attempt hears that it is there."""
    handle = await lost_duplicate(press)
    job = await job_in(handle, JobState.UNKNOWN, job="linkedin")
    assert job.failure is not None and job.failure.code is FailureCode.PUBLISH_DUPLICATE
    assert any("now has such a text" in notice.text for notice in press.fake.house.asked("notify_team"))
    out = settle("linkedin", published=True, post_id="urn:li:share:71")
    await handle.execute_update(ContentPublishingWorkflow.settle, out)
    result = await press.finish(handle)

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert [post.post_id for post in result.jobs[0].posts] == ["urn:li:share:71"]
    assert press.fake.attempts("linkedin") == 2


async def test_a_thread_resumes_at_the_post_that_failed(press: Press) -> None:
    """The third post of a thread fails twice: it is published as a reply to the second, which is not sent again."""
    press.fake.plan("publish_post/x", "fine", "fine", down(), busy(1))
    result = await (await press.start(campaign())).result()
    thread = press.fake.timelines["x"]

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert thread[2].reply_to == thread[1].post.post_id
    assert len({shown.text for shown in thread}) == len(thread)


async def test_a_thread_that_ends_early_is_told_so(press: Press) -> None:
    """A thread whose third post is refused stays with two, and the result says how many are out."""
    press.fake.plan("publish_post/x", "fine", "fine", forbidden())
    handle = await press.start(campaign())
    result = await handle.result()
    (job,) = result.jobs

    assert result.outcome is PublishingOutcome.PARTLY
    assert job.state is JobState.PARTIAL
    assert job.reason.startswith("2 of ")
    assert (await step_of(handle, "publish-x")).state is StepState.FAILED


async def test_a_post_that_became_stale_between_attempts_is_dropped(press: Press) -> None:
    """The platform asks to wait beyond `not_after`: the post is dropped, not published late."""
    press.fake.plan("publish_post/linkedin", busy(7200))
    request = campaign("linkedin", at=after(minutes=10), not_after=after(minutes=40))
    result = await (await press.start(request)).result()

    assert result.outcome is PublishingOutcome.EXPIRED
    assert result.jobs[0].state is JobState.DROPPED
    assert press.fake.texts("linkedin") == []


async def test_what_nobody_can_find_out_is_asked_of_a_person(press: Press) -> None:
    """No answer and no timeline: the job waits for a person, who says that the post is out, and the thread goes on."""
    handle = await unsettled(press)
    await described_as(handle, "outcome-unknown")
    assert any(title.startswith("Is it out?") for title in press.fake.notices())
    waiting = (await record_of(handle)).waiting
    assert waiting is not None
    assert waiting.until is None
    shown = press.fake.shown("x", "by hand")
    press.fake.timelines["x"].append(replace(shown, post=shown.post.model_copy(update={"post_id": "19283"})))
    await handle.execute_update(ContentPublishingWorkflow.settle, settle("x", published=True, post_id="19283"))
    result = await press.finish(handle)

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert press.fake.timelines["x"][1].reply_to == "19283"
    assert result.jobs[0].changed_by == "dana"


@pytest.mark.parametrize(
    ("give_up", "state"),
    [pytest.param(False, JobState.PUBLISHED, id="again"), pytest.param(True, JobState.FAILED, id="given-up")],
)
async def test_what_is_not_out_is_tried_again_or_given_up(press: Press, give_up: bool, state: JobState) -> None:
    """A person who sees that the post is not out has it published, or gives it up."""
    handle = await unsettled(press)
    await handle.execute_update(ContentPublishingWorkflow.settle, settle("x", published=False, give_up=give_up))
    result = await press.finish(handle)

    assert result.jobs[0].state is state
    assert result.jobs[1].state is JobState.PUBLISHED


async def test_settlements_that_cannot_be_are_refused(press: Press) -> None:
    """Only an unknown outcome is settled, by a known person, with an id and an address of the platform."""
    handle = await unsettled(press)
    for change, code in (
        (settle("linkedin", published=False), FailureCode.JOB_CLOSED),
        (settle("x", published=True), FailureCode.JOB_REFUSED),
        (settle("tiktok", published=False), FailureCode.JOB_UNKNOWN),
        (
            settle("x", published=True, post_id='"><script>1</script>', url="javascript:alert(1)"),
            FailureCode.JOB_REFUSED,
        ),
        (settle("x", published=True, post_id="19283", url="https://evil.example/19283"), FailureCode.JOB_REFUSED),
        (settle("x", published=True, post_id="19283", by="mallory"), FailureCode.REVIEW_UNKNOWN_REVIEWER),
    ):
        found, _ = await refusal(handle.execute_update(ContentPublishingWorkflow.settle, change))
        assert found == code
    await handle.execute_update(ContentPublishingWorkflow.settle, settle("x", published=False, give_up=True))
    await press.finish(handle)


async def _waited(handle: Handle, job: Job) -> timedelta:
    step = await step_of(handle, f"publish-{job.job}")
    assert step.ended_at is not None
    assert step.started_at is not None
    return step.ended_at - step.started_at
