"""An onboarding that is cancelled while it tells people: what was sent is told as sent, what was set is set back."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.fakes.house import refused
from tests.timeskip.conftest import Bench, Handle
from tests.timeskip.test_onboarding_paths import record_of, request
from tests.waiting import until
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.run import RunRecord, StepRecord

SENDS = {"send_email": "send-email", "post_slack": "send-slack", "update_crm": "send-crm"}


async def cancelled(bench: Bench, held: str) -> RunRecord:
    """The record of a run that was cancelled when all sends but the held one had ended."""
    bench.house.held[held] = asyncio.Event()
    handle = await bench.start(request(), skipping=False)
    others = [step for name, step in SENDS.items() if name != held]
    await bench.house.entered[held].wait()
    await until(lambda: steps(handle), lambda found: all(found[step].ended_at is not None for step in others))
    await handle.cancel()
    if held == "update_crm":
        await until(lambda: steps(handle), lambda found: found["send-crm"].ended_at is not None)
        bench.house.held.pop(held).set()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    return await record_of(handle)


async def steps(handle: Handle) -> dict[str, StepRecord]:
    return {step.step: step for step in (await record_of(handle)).steps}


def notes(record: RunRecord) -> dict[str, tuple[str, str]]:
    return {step.step: (str(step.state), step.note) for step in record.steps if step.step in SENDS.values()}


def notices(bench: Bench) -> list[str]:
    return [notice.text for notice in bench.house.asked("notify_team") if notice.team == "ops-team"]


async def test_what_was_sent_is_told(bench: Bench) -> None:
    """The mail is on its way when the run is cancelled: status set back, all undone, the messages told as sent."""
    record = await cancelled(bench, "send_email")
    assert notes(record) == {
        "send-email": ("cancelled", "perhaps sent: its answer did not come"),
        "send-slack": ("completed", ""),
        "send-crm": ("undone", "undone"),
    }
    assert [update.status for update in bench.house.asked("update_crm")] == ["onboarded", "not-onboarded"]
    assert len({update.key for update in bench.house.asked("update_crm")}) == 2
    assert bench.house.names()[-4:] == ["update_crm", "cancel_billing", "close_account", "notify_team"]
    (text,) = notices(bench)
    assert "Undone: send-crm, setup-billing, create-account." in text
    assert "Cannot be taken back: send-email: perhaps sent; send-slack: sent." in text


async def test_status_in_doubt_is_set_back(bench: Bench) -> None:
    """The CRM does not answer when the run is cancelled: the status may be set, so it is set back."""
    record = await cancelled(bench, "update_crm")
    assert notes(record)["send-crm"] == ("undone", "undone")
    statuses = [update.status for update in bench.house.asked("update_crm")]
    assert list(dict.fromkeys(statuses)) == ["onboarded", "not-onboarded"] and statuses[-1] == "not-onboarded"


async def test_status_that_cannot_be_set_back_is_told(bench: Bench) -> None:
    """The status may be set, and the CRM refuses another one: the record and the notice say so."""
    broken = HouseError(FailureCode.SERVICE_BAD_RESPONSE, "no JSON", final=True)
    bench.house.faults["update_crm"] = [broken, refused()]
    record = await cancelled(bench, "send_email")
    assert notes(record)["send-crm"] == ("failed", "not undone (service.refused)")
    (text,) = notices(bench)
    assert "STILL IN PLACE, or nobody knows: send-crm." in text


async def test_status_that_was_never_set_stays(bench: Bench) -> None:
    """The CRM refused the status: there is nothing to set back, and nothing is set."""
    bench.house.faults["update_crm"] = [refused()]
    record = await cancelled(bench, "send_email")
    assert notes(record)["send-crm"][0] == "failed"
    assert [update.status for update in bench.house.asked("update_crm")] == ["onboarded"]
