"""A batch that is repeated after its worker died: what had ended is kept, what must not go out twice does not."""

import asyncio
import dataclasses
import logging
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.batch import BatchActivities
from tests.fakes.calls import Letter, Listener, Receiver
from towpath.contracts.core.batch import BatchedCall, CallBatch, CallOutcome, CallsReport
from towpath.contracts.core.failure import FailureCode, ServiceError


def calls(*letters: str, once: str = "") -> CallBatch:
    return CallBatch(
        number=1,
        calls=tuple(
            BatchedCall(
                id=to, activity="deliver", request=Letter(to=to).model_dump(mode="json"), seconds=5, once=to in once
            )
            for to in letters
        ),
    )


async def perform(receiver: Receiver, batch: CallBatch, attempt: int, details: list[Any]) -> dict[str, CallOutcome]:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=attempt, heartbeat_details=details)
    report = await environment.run(BatchActivities(receiver.activities()).perform_calls, batch)
    return {outcome.id: outcome for outcome in report.outcomes}


async def test_what_had_ended_is_not_sent_again() -> None:
    """The second attempt of a batch keeps what the first one told, and sends the rest."""
    receiver = Receiver()
    kept = CallsReport(number=1, outcomes=(CallOutcome(id="a", value={"to": "a", "attempt": 1}),)).model_dump(
        mode="json"
    )
    outcomes = await perform(receiver, calls("a", "b"), 2, [kept])

    assert receiver.got == ["b"]
    assert outcomes["a"].value == {"to": "a", "attempt": 1}
    assert outcomes["b"].value is not None and outcomes["b"].value["attempt"] == 2


async def test_what_must_go_out_once_stays_unknown() -> None:
    """A call without a key may have gone out before the crash: it is not sent again, and told as unknown."""
    receiver = Receiver()
    outcomes = await perform(receiver, calls("a", "b", once="a"), 2, [])
    failure = outcomes["a"].failure

    assert receiver.got == ["b"]
    assert failure is not None and (failure.code, failure.unknown) == (FailureCode.STEP_TIMEOUT, True)


async def test_a_refusal_after_a_crash_leaves_the_outcome_unknown() -> None:
    """The attempt before the crash may have had its effect, whatever the receiver says to the second one."""
    receiver = Receiver()
    receiver.faults["a"] = [ServiceError(FailureCode.SERVICE_REFUSED, "no")]
    receiver.faults["b"] = [ServiceError(FailureCode.SERVICE_REFUSED, "no")]
    first = (await perform(receiver, calls("a", "c"), 1, []))["a"].failure
    second = (await perform(receiver, calls("b", "c"), 2, []))["b"].failure

    assert first is not None and not first.unknown
    assert second is not None and second.unknown and second.attempts == 2


async def test_a_failed_call_is_logged_under_its_own_name(caplog: pytest.LogCaptureFixture) -> None:
    """A batch itself never fails, so whoever reads the log learns from it which call did, and why."""
    receiver = Receiver()
    receiver.faults["a"] = [ServiceError(FailureCode.SERVICE_UNAVAILABLE, "down")]
    receiver.faults["b"] = [KeyError("a customer's name")]
    with caplog.at_level(logging.WARNING):
        await perform(receiver, calls("a", "b", "c"), 1, [])

    told = sorted((record.__dict__["step"], record.getMessage().partition(" (")[0]) for record in caplog.records)
    assert told == [
        ("a", "a call failed: service.unavailable: down"),
        ("b", "a call failed: unexpected: KeyError"),
    ]


async def test_answers_too_large_for_a_heartbeat_are_left_out() -> None:
    """While a slow call goes on, small answers are kept for a crash; large ones would have the heartbeat refused."""
    receiver, beats = Receiver(large={"b"}), list[CallsReport]()
    receiver.held["slow"] = asyncio.Event()
    listener = Listener()
    environment = ActivityEnvironment(client=cast("Client", listener))

    def beat(*details: Any) -> None:
        beats.append(details[0])
        receiver.held["slow"].set()

    environment.on_heartbeat = beat
    report = await environment.run(BatchActivities(receiver.activities()).perform_calls, calls("a", "b", "slow"))

    assert [outcome.id for outcome in beats[0].outcomes] == ["a"]
    assert [outcome.id for outcome in listener.heard[0].outcomes] == ["a", "b"]
    assert [outcome.id for outcome in report.outcomes] == ["a", "b", "slow"]


async def test_details_of_another_shape_tell_nothing() -> None:
    """Heartbeat details that are none of a batch's are no outcomes."""
    receiver = Receiver()
    await perform(receiver, calls("a", "b"), 2, [{"outcomes": [{"no": "id"}]}])

    assert sorted(receiver.got) == ["a", "b"]
