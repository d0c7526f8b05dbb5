"""The human task of customer-onboarding: who may decide, when, and what happens when nobody does."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError

from tests.fakes.house import refused, unavailable
from tests.timeskip.conftest import Bench, Handle
from tests.timeskip.described import described_as
from tests.timeskip.test_onboarding_paths import LOW_RISK, record_of, request
from tests.waiting import open_task
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.process import PENDING_ASSIGNEES, PENDING_UNTIL
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.core.run import RunRecord
from towpath.contracts.onboarding.customer import OnboardingOutcome
from towpath.temporal.attributes import search_key
from workflows.onboarding.workflow import CustomerOnboardingWorkflow

APPROVE = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="known customer")
REJECT = Decision(verdict=Verdict.REJECT, reviewer="dana", reason="sanctioned owner")
UNJUDGED = request(customer=LOW_RISK.model_copy(update={"country": "XX"}))
"""The risk of this customer cannot be assessed: a person decides."""


async def task_of(handle: Handle, holds: Callable[[ReviewTask], bool] = lambda _: True) -> ReviewTask:
    """The run's task, as soon as `holds` is true of it."""
    review = CustomerOnboardingWorkflow.review
    return await open_task(lambda: handle.query(review), lambda task: bool(task.opened_at) and holds(task))


async def decide(handle: Handle, decision: Decision) -> None:
    await handle.execute_update(CustomerOnboardingWorkflow.decide, decision)


async def refusal(handle: Handle, decision: Decision) -> str | None:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await decide(handle, decision)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause.type


async def test_approved_customer_is_onboarded_and_the_decision_kept(bench: Bench) -> None:
    """Who approved, when and why is kept in the result."""
    handle = await bench.start(UNJUDGED, skipping=False)
    await task_of(handle)
    await decide(handle, APPROVE)
    result = await handle.result()

    assert result.outcome is OnboardingOutcome.ONBOARDED
    assert result.decision is not None and not result.decision.automatic
    review = result.decision.review
    assert review is not None
    assert (review.reviewer, review.role, review.reason) == ("dana", "compliance-officer", "known customer")


async def test_a_domain_that_reads_as_another_one_asks_a_person(bench: Bench) -> None:
    """The reason names the label, its script and what it looks like, and its weight."""
    customer = LOW_RISK.model_copy(update={"email": "kim@аррӏе.com", "employees": 120})
    handle = await bench.start(request(customer=customer), skipping=False)
    reasons = (await task_of(handle)).reasons

    assert reasons[0] == "risk 0.75 is above 0.7"
    assert "'аррӏе' is wholly in Cyrillic; it looks like 'apple' (+0.75)" in reasons[1]
    await handle.cancel()


async def test_rejected_customer_gets_nothing(bench: Bench) -> None:
    """A rejection ends the run as `rejected` before any account is made."""
    handle = await bench.start(UNJUDGED, skipping=False)
    await task_of(handle)
    await decide(handle, REJECT)
    result = await handle.result()

    assert result.outcome is OnboardingOutcome.REJECTED
    assert "create_account" not in bench.house.names()


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        pytest.param(APPROVE.model_copy(update={"reviewer": "mallory"}), "review.unknown_reviewer", id="stranger"),
        pytest.param(APPROVE.model_copy(update={"reviewer": "noah"}), "review.role_not_allowed", id="role"),
        pytest.param(APPROVE.model_copy(update={"reviewer": "lee"}), "review.unknown_reviewer", id="before-escalation"),
        pytest.param(REJECT.model_copy(update={"reason": " "}), "review.reason_required", id="reason"),
    ],
)
async def test_decision_that_does_not_count_is_refused(bench: Bench, decision: Decision, code: str) -> None:
    """A decision by the wrong person or without its reason is refused with a code, and the task stays open."""
    handle = await bench.start(UNJUDGED, skipping=False)
    await task_of(handle)

    assert await refusal(handle, decision) == code
    assert (await task_of(handle)).decision is None
    await handle.cancel()


async def test_first_decision_wins(bench: Bench) -> None:
    """The second decision is refused and says who decided."""
    handle = await bench.start(UNJUDGED, skipping=False)
    bench.house.held["create_account"] = asyncio.Event()
    await task_of(handle)
    await decide(handle, APPROVE)

    assert await refusal(handle, REJECT) == FailureCode.REVIEW_ALREADY_DECIDED
    bench.house.held["create_account"].set()
    assert (await handle.result()).outcome is OnboardingOutcome.ONBOARDED


async def test_signal_decides_too(bench: Bench) -> None:
    """A plain signal `decide` with JSON is a decision; one that does not count is kept as refused."""
    handle = await bench.start(UNJUDGED, skipping=False)
    await task_of(handle)
    await handle.signal("decide", {"verdict": "approve", "reviewer": "mallory"})
    task = await task_of(handle, lambda task: bool(task.refused))
    await handle.signal("decide", {"verdict": "approve", "reviewer": "dana"})
    result = await handle.result()

    assert task.refused[0].code == FailureCode.REVIEW_UNKNOWN_REVIEWER
    assert result.decision is not None and result.decision.review is not None and result.decision.review.by_signal


async def test_nobody_decides(bench: Bench) -> None:
    """Reminded at half time, escalated before the end, and on expiry the customer is not onboarded."""
    handle = await bench.start(UNJUDGED)
    result = await handle.result()
    events = [(notice.team, notice.title.split(":")[0]) for notice in bench.house.asked("notify_team")]

    assert result.outcome is OnboardingOutcome.EXPIRED
    assert events == [
        ("compliance-team", "Review wanted"),
        ("compliance-team", "Review still open"),
        ("compliance-leads", "Review escalated"),
        ("compliance-team", "Review closed"),
    ]
    assert "create_account" not in bench.house.names()
    record = await record_of(handle)
    assert record.ended_at is not None
    waited = record.ended_at - record.started_at
    assert timedelta(hours=24) <= waited < timedelta(hours=24, minutes=5)


async def test_escalated_task_may_be_decided_by_a_lead(bench: Bench) -> None:
    """After the escalation the leads may decide as well."""
    handle = await bench.start(UNJUDGED, skipping=False)
    await task_of(handle)
    assert await bench.env.fast_forward(handle, timedelta(hours=22))
    await task_of(handle, lambda task: task.escalated)
    await decide(handle, APPROVE.model_copy(update={"reviewer": "lee"}))

    result = await handle.result()
    assert result.decision is not None and result.decision.review is not None
    assert result.decision.review.role == "compliance-lead"


async def test_run_can_be_found_while_it_waits(bench: Bench) -> None:
    """Status and search attributes say who it waits for and until when; afterwards they are gone."""
    handle = await bench.start(UNJUDGED, skipping=False)
    task = await task_of(handle)
    waiting = (await record_of(handle)).waiting
    attributes = (await described_as(handle, "waiting-for-review")).typed_search_attributes

    assert waiting is not None and waiting.who == "compliance-team" and waiting.until == task.due_at
    assert attributes.get(search_key(PENDING_ASSIGNEES)) == ["compliance-team"]
    await decide(handle, APPROVE)
    await handle.result()
    closed = (await handle.describe()).typed_search_attributes
    assert closed.get(search_key(PENDING_ASSIGNEES)) is None
    assert closed.get(search_key(PENDING_UNTIL)) is None


async def test_unverified_address_is_reviewed_and_never_approved_by_itself(bench: Bench) -> None:
    """When the e-mail check cannot be had, a person decides."""
    bench.house.faults["verify_email"] = [unavailable() for _ in range(9)]
    handle = await bench.start(request())
    result = await handle.result()

    assert result.outcome is OnboardingOutcome.EXPIRED
    assert result.decision is not None and result.decision.review_reasons == (
        "the e-mail address could not be verified",
    )
    assert "verify-email" in result.degraded


async def test_dead_notice_does_not_close_the_task(bench: Bench) -> None:
    """A team that cannot be told still finds the task in its list, and the task says that the notice failed."""
    bench.house.faults["notify_team"] = [unavailable() for _ in range(3)]
    handle = await bench.start(UNJUDGED, skipping=False)
    task = await task_of(handle, lambda task: bool(task.notice_failures))
    await decide(handle, APPROVE)

    assert task.notice_failures[0].code == FailureCode.SERVICE_UNAVAILABLE
    assert (await handle.result()).outcome is OnboardingOutcome.ONBOARDED


async def test_cancelling_while_waiting_ends_the_run(bench: Bench) -> None:
    """A cancelled review leaves no pending task behind."""
    handle = await bench.start(UNJUDGED, skipping=False)
    await task_of(handle)
    await handle.cancel()
    record = await ended(handle)

    assert record.status == "cancelled"
    assert (await handle.describe()).typed_search_attributes.get(search_key(PENDING_ASSIGNEES)) is None


async def test_cancelling_undoes_in_reverse(bench: Bench) -> None:
    """Cancelled in the middle of provisioning, billing and account are undone, the outcome of billing unknown."""
    bench.house.held["set_up_billing"] = asyncio.Event()
    handle = await bench.start(request(), skipping=False)
    await bench.house.entered["set_up_billing"].wait()
    await handle.cancel()
    record = await ended(handle)
    undone = [name for name in bench.house.names() if name in {"close_account", "cancel_billing"}]

    assert record.status == "cancelled"
    assert undone == ["cancel_billing", "close_account"]


async def test_cancelling_during_the_undo_does_not_stop_it(bench: Bench) -> None:
    """The undo is shielded: a cancellation that arrives in the middle of it lets it finish."""
    bench.house.faults["set_up_billing"] = [refused()]
    bench.house.held["close_account"] = asyncio.Event()
    handle = await bench.start(request(), skipping=False)
    await bench.house.entered["close_account"].wait()
    await handle.cancel()
    bench.house.held["close_account"].set()
    await ended(handle)

    assert len({asked.key for asked in bench.house.asked("close_account")}) == 1
    assert [notice.team for notice in bench.house.asked("notify_team")] == ["ops-team"]


async def ended(handle: Handle) -> RunRecord:
    """The record of a run that was cancelled."""
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    return await record_of(handle)
