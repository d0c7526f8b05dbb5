"""A campaign from content to texts that may go out: analysis, drafts, quality, revisions."""

import json
from collections.abc import Callable, Mapping

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.fakes.press import FakePress
from tests.timeskip.publishing import LINK, Press, campaign, decide, record_of, step_of, task_of, view_of
from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.claude import AskRequest
from towpath.contracts.core.failure import ClaudeError, FailureCode
from towpath.contracts.core.process import DEAD_LETTER_QUEUE, SUBJECT
from towpath.contracts.core.run import StepState
from towpath.contracts.publishing.campaign import PublishingFailure, PublishingOutcome, PublishingRedrive
from towpath.contracts.publishing.posting import JobState
from towpath.contracts.publishing.process import PUBLISHING
from towpath.standins.claude.answer import drafted
from towpath.temporal.attributes import search_key

GOOD: Mapping[str, object] = {"score": 0.9, "issues": [], "evidence": []}


def asked(press: Press, prompt: str) -> list[AskRequest]:
    return [request for request in press.fake.house.asked("ask") if request.prompt == prompt]


def scored(*rounds: Mapping[str, object]) -> Callable[[AskRequest], str | None]:
    """Claude's scores in turn, the last one again and again; the same for each channel that is asked about."""
    left = list(rounds)

    def answer(request: AskRequest) -> str | None:
        if request.prompt != "check-quality":
            return None
        fields = left.pop(0) if len(left) > 1 else left[0]
        texts = request.input["texts"]
        assert isinstance(texts, list)
        channels = [text["channel"] for text in texts if isinstance(text, dict)]
        return json.dumps({"scores": [{"channel": channel, **fields} for channel in channels]})

    return answer


def refusing(fake: FakePress, *prompts: str) -> None:
    """Claude refuses these prompts for good."""

    def answer(request: AskRequest) -> None:
        if request.prompt in prompts:
            raise ClaudeError(FailureCode.CLAUDE_REFUSAL, "refused")

    fake.claude = answer


async def test_a_campaign_is_published_on_every_channel(press: Press) -> None:
    """One content becomes a thread, a post and an article, each at its own time, without anybody asked."""
    handle = await press.start(campaign("x", "linkedin", "blog"))
    result = await handle.result()

    assert result.outcome is PublishingOutcome.PUBLISHED, result
    assert [job.state for job in result.jobs] == [JobState.PUBLISHED] * 3
    thread = press.fake.timelines["x"]
    assert 5 <= len(thread) <= 7
    assert [shown.reply_to for shown in thread] == [None, *(shown.post.post_id for shown in thread[:-1])]
    assert LINK in thread[-1].text
    assert len(press.fake.texts("linkedin")) == len(press.fake.texts("wordpress")) == 1
    assert all(job.reason for job in result.jobs)
    assert (await record_of(handle)).status == "published"
    assert len((await view_of(handle)).adaptations) == 3
    assert result.cost.calls == 5
    described = await handle.describe()
    assert described.typed_search_attributes[search_key(SUBJECT)] == handle.id.removeprefix(f"{PUBLISHING.name}/")


async def test_content_by_reference_is_read_where_it_is(press: Press) -> None:
    """A content above 64 KiB travels as a reference; quotes are checked over all of it."""
    content = "\n\n".join(
        f"# Part {number}\n\n" + f"Lock {number} of the canal opens today. " * 60 for number in range(60)
    )
    artefact = Artefact(sha256="a" * 64, size_bytes=len(content))
    press.fake.contents[artefact.sha256] = content
    request = campaign().model_copy(update={"content": None, "artefact": artefact})

    result = await (await press.start(request)).result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    source = asked(press, "analyse-content")[0].input["source"]
    assert isinstance(source, str)
    assert len(source) < len(content) / 4
    assert "# Part 59" in source


async def test_quotes_that_were_changed_are_dropped(press: Press) -> None:
    """A quote that does not stand in the content word for word is not passed on to the writers."""

    def misquoting(request: AskRequest) -> str | None:
        if request.prompt != "analyse-content":
            return None
        answer = drafted("ContentAnalysis", request.input)
        return json.dumps({**answer, "quotes": ["Boats save 40 minutes on the way to the sea.", "Boats save an hour."]})

    press.fake.claude = misquoting
    handle = await press.start(campaign())
    result = await handle.result()

    assert result.analysis is not None
    assert result.analysis.quotes == ["Boats save 40 minutes on the way to the sea."]
    assert "1 quotes dropped" in (await step_of(handle, "analyse-content")).note


@pytest.mark.parametrize(
    ("bad_answers", "shortened"), [pytest.param(1, False, id="asked-again"), pytest.param(9, True, id="cut-by-code")]
)
async def test_a_draft_over_the_limits_is_asked_again_then_cut(press: Press, bad_answers: int, shortened: bool) -> None:
    """A post that is too long goes back to Claude twice at most; then code cuts it, at a word, with its link."""
    left = [bad_answers]

    def wordy(request: AskRequest) -> str | None:
        if request.prompt != "adapt-x" or left[0] == 0:
            return None
        left[0] -= 1
        answer = drafted("ThreadDraft", request.input)
        return json.dumps({**answer, "hook": "Visitors walk along the towpath on both sides again. " * 9})

    press.fake.claude = wordy
    handle = await press.start(campaign())
    result = await handle.result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert len(asked(press, "adapt-x")) == min(bad_answers, 2) + 1
    assert "shorten it by" in str(asked(press, "adapt-x")[1].turns[-1].content)
    assert (await view_of(handle)).adaptations[0].shortened is shortened
    assert all(len(text) <= 280 for text in press.fake.texts("x"))


async def test_a_channel_without_texts_does_not_stop_the_others(press: Press) -> None:
    """Claude refuses to write for one channel: that job fails and says why, the other is published."""
    refusing(press.fake, "adapt-linkedin")
    result = await (await press.start(campaign("x", "linkedin"))).result()

    assert result.outcome is PublishingOutcome.PARTLY
    assert [job.state for job in result.jobs] == [JobState.PUBLISHED, JobState.FAILED]
    assert result.jobs[1].failure is not None
    assert result.jobs[1].failure.code is FailureCode.CLAUDE_REFUSAL


@pytest.mark.parametrize(
    ("prompts", "step"),
    [
        pytest.param(("analyse-content",), "analyse-content", id="analysis"),
        pytest.param(("adapt-x",), "adapt-x", id="all-texts"),
    ],
)
async def test_a_campaign_without_texts_is_queued_and_redriven(
    press: Press, prompts: tuple[str, ...], step: str
) -> None:
    """Without analysis or any text the run fails into its queue, operations is told, and a redrive goes on."""
    refusing(press.fake, *prompts)
    request = campaign()
    handle = await press.start(request)
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    letter, start = caught.value.cause.details
    failure = PublishingFailure.model_validate(start)
    described = await handle.describe()

    assert letter["step"] == step
    assert described.typed_search_attributes[search_key(DEAD_LETTER_QUEUE)] == PUBLISHING.dead_letter_queue
    assert any("failed" in notice for notice in press.fake.notices())
    assert press.fake.timelines == {}

    press.fake.claude = lambda _: None
    again = PublishingRedrive(run_id=str(handle.first_execution_run_id), analysis=failure.analysis)
    redriven = await press.start(failure.request.model_copy(update={"redrive": again}))
    assert (await redriven.result()).outcome is PublishingOutcome.PUBLISHED
    assert len(asked(press, "analyse-content")) == 2 if failure.analysis is None else 1


async def test_texts_below_the_threshold_are_revised(press: Press) -> None:
    """A low score sends the text back with what is wrong with it; the better one goes out without a person."""
    low = {"score": 0.4, "issues": ["the hook is dull"], "evidence": ["Read all of it"]}
    press.fake.claude = scored(low, GOOD)
    handle = await press.start(campaign())
    result = await handle.result()

    assert result.outcome is PublishingOutcome.PUBLISHED
    assert result.decision is None
    assert result.quality[0].revisions == 1
    again = asked(press, "adapt-x")[1].input
    assert again["problems"] == ["the hook is dull"]
    assert "Read all of it" in str(again["previous"])


async def test_revisions_end_and_a_person_decides(press: Press) -> None:
    """Texts that stay below the threshold are written anew as often as the request allows, then a person looks."""
    press.fake.claude = scored({"score": 0.4, "issues": ["dull"], "evidence": ["Read all of it"]})
    handle = await press.start(campaign(max_revisions=2), skipping=False)
    task = await task_of(handle)
    await decide(handle)
    result = await press.finish(handle)

    assert len(asked(press, "adapt-x")) == 3
    assert "x: score 0.40 is below 0.8" in task.reasons
    assert "x: dull" in task.reasons
    assert result.outcome is PublishingOutcome.PUBLISHED
    assert result.decision is not None
    assert result.decision.reviewer == "dana"


async def test_what_the_source_does_not_say_is_never_published(press: Press) -> None:
    """A number that nobody gave blocks its channel: approved all the same, it is dropped, and the others go out."""

    def inventing(request: AskRequest) -> str | None:
        if request.prompt != "adapt-linkedin":
            return None
        answer = drafted("PostDraft", request.input)
        return json.dumps({**answer, "text": f"4711 boats came. {answer['text']}"})

    press.fake.claude = inventing
    handle = await press.start(campaign("x", "linkedin", max_revisions=1), skipping=False)
    task = await task_of(handle)
    await decide(handle)
    result = await press.finish(handle)

    assert any("4711" in reason and reason.startswith("linkedin: number") for reason in task.reasons)
    assert [job.state for job in result.jobs] == [JobState.PUBLISHED, JobState.DROPPED]
    assert press.fake.texts("linkedin") == []


async def test_scores_that_cannot_be_had_need_a_person(press: Press) -> None:
    """Without Claude's scores nothing vouches for a text: a person decides."""
    refusing(press.fake, "check-quality")
    handle = await press.start(campaign(), skipping=False)
    task = await task_of(handle)
    await decide(handle)
    result = await press.finish(handle)

    assert "the quality could not be scored" in task.reasons
    assert "check-quality" in result.degraded
    assert (await step_of(handle, "check-quality")).state is StepState.DEGRADED


async def test_evidence_that_exists_nowhere_is_dropped(press: Press) -> None:
    """An issue must quote the text that it is about; one that does not, even when asked again, counts for nothing."""
    press.fake.claude = scored({"score": 0.9, "issues": ["rude"], "evidence": ["you fools"]})
    result = await (await press.start(campaign())).result()

    assert len(asked(press, "check-quality")) == 3
    assert "not word for word" in str(asked(press, "check-quality")[1].turns[-1].content)
    assert result.quality[0].issues == result.quality[0].evidence == ()
    assert result.outcome is PublishingOutcome.PUBLISHED
