"""Every way through customer-onboarding that needs no person."""

from decimal import Decimal

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.fakes.house import RESEARCH, answered, refused, unavailable
from tests.timeskip.conftest import Bench, Handle
from towpath.contracts.core.claude import Answer, Budget, StopReason
from towpath.contracts.core.delivery import DeliveryState
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.process import DEAD_LETTER_QUEUE
from towpath.contracts.core.run import DeadLetter, RunRecord, StepState
from towpath.contracts.onboarding.customer import (
    Customer,
    CustomerPlan,
    KitSource,
    OnboardingFailure,
    OnboardingOutcome,
    OnboardingRequest,
    OnboardingResult,
    Redrive,
)
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.temporal.attributes import search_key
from workflows.onboarding.workflow import CustomerOnboardingWorkflow

LOW_RISK = Customer(email="kim@hanbit.example", company="Hanbit Logistics", plan=CustomerPlan.BUSINESS)


def request(**fields: object) -> OnboardingRequest:
    return OnboardingRequest.model_validate({"customer": LOW_RISK} | fields)


async def record_of(handle: Handle) -> RunRecord:
    return await handle.query(CustomerOnboardingWorkflow.status)


async def failure_of_run(handle: Handle) -> tuple[ApplicationError, DeadLetter, OnboardingFailure]:
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    error = caught.value.cause
    assert isinstance(error, ApplicationError)
    letter, failed = error.details
    return error, DeadLetter.model_validate(letter), OnboardingFailure.model_validate(failed)


async def test_low_risk_customer_is_onboarded_without_a_person(bench: Bench) -> None:
    """A low-risk customer is approved, provisioned and told; each step is done once."""
    handle = await bench.start(request())
    result = await handle.result()

    assert result.outcome is OnboardingOutcome.ONBOARDED
    assert result.decision is not None and result.decision.automatic
    assert result.account is not None and result.account.account_id == "acc-1"
    assert result.kit_source is KitSource.MODEL
    assert [delivery.state for delivery in result.deliveries] == [DeliveryState.DELIVERED] * 3
    assert result.degraded == {}
    assert sorted(bench.house.names()) == sorted(
        ["verify_email", "ask", "create_account", "set_up_billing", "ask", "send_email", "post_slack", "update_crm"]
    )


async def test_status_tells_every_step_with_cost(bench: Bench) -> None:
    """The query `status` tells every step's state, attempts and times, and what the run cost."""
    handle = await bench.start(request())
    await handle.result()
    record = await record_of(handle)
    states = {step.step: step.state for step in record.steps}

    assert record.status == "onboarded" and record.ended_at is not None
    assert states["manual-review"] is StepState.SKIPPED
    assert {state for step, state in states.items() if step != "manual-review"} == {StepState.COMPLETED}
    assert record.cost.usd == Decimal("0.02") and record.cost.calls == 2
    assert all(step.started_at and step.ended_at for step in record.steps)


async def test_effect_keys_name_run_and_step(bench: Bench) -> None:
    """Every effect carries the key `workflow id/step`."""
    handle = await bench.start(request())
    await handle.result()

    assert bench.house.asked("create_account")[0].key == f"{handle.id}/create-account"
    assert bench.house.asked("send_email")[0].key == f"{handle.id}/send-email"


async def test_passing_failure_is_retried_with_the_same_key(bench: Bench) -> None:
    """A service that fails twice is called a third time, with the same key, and the attempts are counted."""
    bench.house.faults["create_account"] = [unavailable(), unavailable()]
    handle = await bench.start(request())
    result = await handle.result()
    keys = {asked.key for asked in bench.house.asked("create_account")}

    assert result.outcome is OnboardingOutcome.ONBOARDED
    assert len(bench.house.asked("create_account")) == 3 and len(keys) == 1
    record = await record_of(handle)
    assert next(step for step in record.steps if step.step == "create-account").attempts == 3


async def test_permanent_failure_is_not_retried_and_undone(bench: Bench) -> None:
    """Refused billing undoes the account, tells ops-team, and lands the run in its queue."""
    bench.house.faults["set_up_billing"] = [refused("card declined")]
    handle = await bench.start(request())
    error, letter, failed = await failure_of_run(handle)

    assert error.type == FailureCode.SERVICE_REFUSED
    assert len(bench.house.asked("set_up_billing")) == 1
    assert letter.queue == "failed-onboarding" and letter.step == "setup-billing"
    assert letter.undone == ("setup-billing", "create-account")
    assert [notice.team for notice in bench.house.asked("notify_team")] == ["ops-team"]
    assert failed.checkpoint.kit is not None and failed.checkpoint.decision is not None
    assert (await handle.describe()).typed_search_attributes.get(search_key(DEAD_LETTER_QUEUE)) == "failed-onboarding"
    assert "send_email" not in bench.house.names()


async def test_three_failures_in_a_row_fail_the_run(bench: Bench) -> None:
    """Three attempts are made, as the article says, and then the run fails."""
    bench.house.faults["create_account"] = [unavailable() for _ in range(9)]
    handle = await bench.start(request())
    _, letter, _ = await failure_of_run(handle)

    assert len(bench.house.asked("create_account")) == 3
    assert letter.step == "create-account" and letter.failure.attempts == 3


async def test_redrive_keeps_what_was_done_and_uses_the_same_keys(bench: Bench) -> None:
    """A redriven run asks Claude nothing again and creates the account under the key of the first run."""
    bench.house.faults["set_up_billing"] = [refused()]
    handle = await bench.start(request())
    _, _, failed = await failure_of_run(handle)
    asked_before = len(bench.house.asked("ask"))
    again = failed.request.model_copy(
        update={"redrive": Redrive(run_id=handle.first_execution_run_id or "", checkpoint=failed.checkpoint)}
    )
    second = await bench.client.start_workflow(
        CustomerOnboardingWorkflow.run, again, id=handle.id, task_queue=ONBOARDING.queue
    )
    result: OnboardingResult = await second.result()

    assert result.outcome is OnboardingOutcome.ONBOARDED
    assert len(bench.house.asked("ask")) == asked_before
    assert len({asked.key for asked in bench.house.asked("create_account")}) == 1
    assert (await second.query(CustomerOnboardingWorkflow.status)).redrive_of == handle.first_execution_run_id


async def test_a_second_failure_is_undone_again(bench: Bench) -> None:
    """Undo keys differ between runs, since each failed run has something of its own to undo."""
    bench.house.faults["set_up_billing"] = [refused(), refused()]
    handle = await bench.start(request())
    _, _, failed = await failure_of_run(handle)
    second = await bench.client.start_workflow(
        CustomerOnboardingWorkflow.run, failed.request, id=handle.id, task_queue=ONBOARDING.queue
    )
    await failure_of_run(second)

    assert len({asked.key for asked in bench.house.asked("close_account")}) == 2


async def test_undo_that_stays_impossible_is_told(bench: Bench) -> None:
    """An undo that fails for good does not stop the others and is named in the dead letter."""
    bench.house.faults["set_up_billing"] = [refused()]
    bench.house.faults["close_account"] = [refused()]
    handle = await bench.start(request())
    _, letter, _ = await failure_of_run(handle)

    assert letter.not_undone == ("create-account",)
    assert "STILL IN PLACE" in bench.house.asked("notify_team")[0].text


async def test_dead_channel_is_reported_and_not_fatal(bench: Bench) -> None:
    """A channel that refuses is named in the result; the customer is onboarded all the same."""
    bench.house.faults["post_slack"] = [HouseError(FailureCode.DELIVERY_REFUSED, "no such channel")]
    handle = await bench.start(request())
    result = await handle.result()
    by_channel = {delivery.channel: delivery for delivery in result.deliveries}

    assert result.outcome is OnboardingOutcome.ONBOARDED
    assert by_channel["slack"].state is DeliveryState.FAILED
    assert by_channel["slack"].failure is not None and by_channel["slack"].failure.code == "delivery.refused"
    assert by_channel["email"].state is DeliveryState.DELIVERED


async def test_missing_research_degrades_to_an_empty_profile(bench: Bench) -> None:
    """Research that cannot be had is an empty profile marked as such, and nobody needs to review it."""
    bench.house.faults["ask"] = [HouseError(FailureCode.CLAUDE_REFUSAL, "refused")]
    handle = await bench.start(request())
    result = await handle.result()

    assert result.outcome is OnboardingOutcome.ONBOARDED
    assert result.profile is not None and result.profile.empty
    assert "company-research" in result.degraded


async def test_missing_kit_falls_back_to_the_template(bench: Bench) -> None:
    """A kit that stays invalid after two re-asks is replaced by the template, and the result says so."""
    bench.house.answers["welcome-kit"] = ["{}"] * 3
    handle = await bench.start(request())
    result = await handle.result()

    assert result.outcome is OnboardingOutcome.ONBOARDED and result.kit_source is KitSource.TEMPLATE
    assert len([asked for asked in bench.house.asked("ask") if asked.prompt == "welcome-kit"]) == 3
    assert "claude.output_invalid" in result.degraded["generate-welcome-kit"]


async def test_invalid_answer_is_asked_again_with_what_is_wrong(bench: Bench) -> None:
    """An answer that breaks the schema goes back to Claude with the error in words."""
    bench.house.answers["research-company"] = ['{"industry": 7}']
    handle = await bench.start(request())
    result = await handle.result()
    first, second = [asked for asked in bench.house.asked("ask") if asked.prompt == "research-company"]

    assert result.profile is not None and not result.profile.empty
    assert first.turns == () and [turn.role for turn in second.turns] == ["assistant", "user"]
    assert "industry" in second.turns[1].content


async def test_cut_answer_is_asked_again_with_more_room(bench: Bench) -> None:
    """An answer cut at max_tokens is never used: it is asked again with twice the room."""
    bench.house.answers["research-company"] = [answered("research-company", "{", stop_reason=StopReason.MAX_TOKENS)]
    handle = await bench.start(request())
    await handle.result()
    _, second = [asked for asked in bench.house.asked("ask") if asked.prompt == "research-company"]

    assert second.max_tokens == 2 * 4096 and second.turns == ()


async def test_search_notes_are_structured_by_a_second_prompt(bench: Bench) -> None:
    """Where the model could search the web, its notes are put into the schema by a second call."""
    notes: Answer = answered("research-company", "Hanbit moves boxes, see https://hanbit.example", notes=True)
    found = RESEARCH.model_copy(update={"sources": ["https://hanbit.example"]})
    bench.house.answers["research-company"] = [notes]
    bench.house.answers["structure-research"] = [found.model_dump_json()]
    handle = await bench.start(request())
    result = await handle.result()

    assert result.profile is not None and result.profile.research.sources == ["https://hanbit.example"]
    structured = next(asked for asked in bench.house.asked("ask") if asked.prompt == "structure-research")
    assert "moves boxes" in structured.input["notes"]


async def test_spent_budget_stops_asking(bench: Bench) -> None:
    """When the budget is spent Claude is not asked again: the process goes on without, and says so."""
    handle = await bench.start(request(budget=Budget(usd=Decimal("0.01"), tokens=1_000_000)))
    result = await handle.result()

    assert result.outcome is OnboardingOutcome.ONBOARDED and result.kit_source is KitSource.TEMPLATE
    assert "budget.exceeded" in result.degraded["generate-welcome-kit"]
    assert len(bench.house.asked("ask")) == 1
