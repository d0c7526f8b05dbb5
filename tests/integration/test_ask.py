"""`ask` on a real worker: stalled, cancelled, overloaded and rate-limited calls of Claude."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.integration.conftest import House, new_customer
from tests.waiting import until
from towpath.contracts.core.run import RunRecord, StepRecord, StepState
from towpath.contracts.onboarding.customer import KitSource, OnboardingOutcome
from towpath.control.temporal import Started


async def record(run: Started) -> RunRecord:
    return await run.handle.query("status", result_type=RunRecord)


def step(run: RunRecord, name: str) -> StepRecord:
    return next(step for step in run.steps if step.step == name)


async def test_cancelled_run_leaves_a_stalled_stream(house: House) -> None:
    """A stream that stands still is left when the run is cancelled: the run ends while the stream still stalls."""
    fault = await house.fault(service="claude", operation="CompanyResearch", hold=True, times=1)
    run = await house.start(new_customer())
    await until(lambda: house.hits(fault), lambda hits: hits == 1)
    async with asyncio.timeout(10):
        await run.handle.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await run.handle.result()
    await house.lift()

    assert isinstance(caught.value.cause, CancelledError)
    assert step(await record(run), "company-research").state is not StepState.COMPLETED


async def test_tokens_of_a_lost_answer_are_counted(house: House) -> None:
    """Overloaded in mid-stream: asked again, and what the lost attempt used is in the run's account."""
    await house.fault(service="claude", operation="CompanyResearch", code="overloaded_midstream", times=1)
    run = await house.start(new_customer())
    result = await run.handle.result()
    research = step(await record(run), "company-research")

    assert result.outcome is OnboardingOutcome.ONBOARDED
    assert research.attempts == 2
    assert research.usage is not None and research.usage.calls == 2
    assert result.cost.calls == 3


async def test_retry_after_is_waited_for(house: House) -> None:
    """A rate-limited call comes back no earlier than it was told."""
    await house.fault(service="claude", operation="CompanyResearch", status=429, retry_after="4", times=1)
    run = await house.start(new_customer())
    await run.handle.result()
    research = step(await record(run), "company-research")

    assert research.attempts == 2
    assert research.started_at is not None and research.ended_at is not None
    assert research.ended_at - research.started_at >= timedelta(seconds=4)


@pytest.mark.parametrize("code", ["unsupported_claims", "bad_output"])
async def test_kit_that_cannot_be_used_is_asked_again(house: House, code: str) -> None:
    """A number or address that nobody gave, or a broken schema, goes back to Claude once and is then right."""
    await house.fault(service="claude", operation="WelcomeKitDraft", code=code, times=1)
    run = await house.start(new_customer())
    result = await run.handle.result()

    assert result.kit_source is KitSource.MODEL
    assert result.cost.calls == 3


@pytest.mark.parametrize("code", ["pause_turn", "pause_before_text"])
async def test_a_paused_answer_is_gone_on_with(house: House, code: str) -> None:
    """A pause in the middle of an answer, or before its first word, costs one more call and nothing else."""
    await house.fault(service="claude", operation="WelcomeKitDraft", code=code, times=1)
    run = await house.start(new_customer())
    result = await run.handle.result()

    assert result.kit_source is KitSource.MODEL
    assert result.cost.calls == 3


async def test_permanent_error_is_not_tried_again(house: House) -> None:
    """A refused key degrades the step at its first attempt."""
    fault = await house.fault(service="claude", operation="CompanyResearch", status=401)
    run = await house.start(new_customer())
    result = await run.handle.result()
    hits = await house.hits(fault)
    await house.lift()

    assert hits == 1
    assert "claude.auth" in result.degraded["company-research"]
