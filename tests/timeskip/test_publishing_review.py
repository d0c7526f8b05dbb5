"""The human task of a campaign: when a person must approve, who may change texts, and what silence means."""

import pytest
from temporalio.client import WorkflowFailureError

from tests.timeskip.described import described_as
from tests.timeskip.publishing import LINK, Press, campaign, decide, refusal, step_of, task_of, view_of
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.process import PENDING_ASSIGNEES, PENDING_UNTIL
from towpath.contracts.core.review import Verdict
from towpath.contracts.core.run import StepState
from towpath.contracts.publishing.campaign import Adaptation, PublishingOutcome, PublishingRequest
from towpath.contracts.publishing.posting import EditPosts, Post
from towpath.temporal.attributes import search_key
from workflows.publishing.workflow import ContentPublishingWorkflow

TEXT = f"The canal is open again.\n\n{LINK}"


def edit(text: str, by: str = "dana", job: str = "linkedin") -> EditPosts:
    return EditPosts(job=job, posts=(Post(text=text),), by=by)


@pytest.mark.parametrize(
    ("model", "request_", "reason"),
    [
        pytest.param("offline-stand-in", campaign(), "no model of Claude's", id="not-claude"),
        pytest.param("claude-test-1", campaign(require_approval=True), "asks for approval", id="asked-for"),
    ],
)
async def test_a_person_must_approve(press: Press, model: str, request_: PublishingRequest, reason: str) -> None:
    """Answers that are not Claude's need an approval, whatever the scores are; so does a campaign that asks for it."""
    press.fake.model = model
    handle = await press.start(request_, skipping=False)
    task = await task_of(handle)
    described = await described_as(handle, "waiting-for-review")
    await decide(handle)
    result = await press.finish(handle)

    assert any(reason in line for line in task.reasons)
    assert described.typed_search_attributes[search_key(PENDING_ASSIGNEES)] == ["content-team"]
    assert described.typed_search_attributes[search_key(PENDING_UNTIL)] == task.due_at
    assert result.outcome is PublishingOutcome.PUBLISHED
    assert [title.partition(":")[0] for title in press.fake.notices()] == ["Texts to approve", "Review closed"]


async def test_rejected_texts_are_not_published(press: Press) -> None:
    """A rejection with its reason ends the campaign, and nothing goes out."""
    handle = await press.start(campaign(require_approval=True), skipping=False)
    await task_of(handle)
    await decide(handle, Verdict.REJECT)
    result = await press.finish(handle)

    assert result.outcome is PublishingOutcome.REJECTED
    assert result.jobs == ()
    assert press.fake.timelines == {}


async def test_silence_publishes_nothing(press: Press) -> None:
    """Nobody decides: the team is reminded, the leads are told, and at the deadline the campaign expires."""
    result = await (await press.start(campaign(require_approval=True))).result()

    assert result.outcome is PublishingOutcome.EXPIRED
    assert press.fake.timelines == {}
    assert [title.partition(":")[0] for title in press.fake.notices()] == [
        "Texts to approve",
        "Texts still wait",
        "Approval escalated",
        "Review closed",
    ]


async def test_a_reviewer_mends_a_text_and_it_is_published(press: Press) -> None:
    """Who may approve may also edit, before the approval as well; the text that goes out is theirs."""
    handle = await press.start(campaign("linkedin", require_approval=True), skipping=False)
    await task_of(handle)
    changed = await handle.execute_update("edit", edit(TEXT), result_type=Adaptation)
    await decide(handle)
    await press.finish(handle)

    assert changed.edited_by == "dana"
    assert press.fake.texts("linkedin") == [TEXT]


@pytest.mark.parametrize(
    ("change", "code", "what"),
    [
        pytest.param(edit("word " * 900), FailureCode.JOB_REFUSED, "3000 are allowed", id="too-long"),
        pytest.param(edit(f"4711 boats came.\n\n{LINK}"), FailureCode.JOB_REFUSED, "4711", id="not-in-the-source"),
        pytest.param(edit("No link."), FailureCode.JOB_REFUSED, "must hold the link", id="no-link"),
        pytest.param(edit(TEXT, by="noah"), FailureCode.JOB_REFUSED, "may not approve", id="no-role"),
        pytest.param(edit(TEXT, by="eve"), FailureCode.JOB_REFUSED, "may not approve", id="unknown-person"),
        pytest.param(edit(TEXT, job="blog"), FailureCode.JOB_UNKNOWN, "its jobs are linkedin", id="no-such-job"),
    ],
)
async def test_edits_that_break_a_rule_are_refused(
    press: Press, change: EditPosts, code: FailureCode, what: str
) -> None:
    """People's texts keep the same rules as Claude's, and only people who may approve write them."""
    handle = await press.start(campaign("linkedin", require_approval=True), skipping=False)
    await task_of(handle)
    before = (await view_of(handle)).adaptations
    found, text = await refusal(handle.execute_update(ContentPublishingWorkflow.edit, change))
    after = (await view_of(handle)).adaptations
    await decide(handle, Verdict.REJECT)
    await press.finish(handle)

    assert found == code
    assert what in text
    assert before == after


async def test_cancelled_while_it_waits(press: Press) -> None:
    """A campaign that is cancelled during its review publishes nothing, and says so."""
    handle = await press.start(campaign(require_approval=True), skipping=False)
    await task_of(handle)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert press.fake.timelines == {}
    assert (await step_of(handle, "publish-x")).state is StepState.PENDING
