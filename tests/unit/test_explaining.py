"""A run in words says what its record says, and no more."""

from datetime import UTC, datetime
from typing import Any

import pytest

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.run import Cancellation, DeadLetter, RunRecord, StepRecord, StepState, Waiting
from towpath.control.runs import query_of
from towpath.views.explaining import explain

AT = datetime(2027, 3, 28, 9, 0, tzinfo=UTC)
FAILURE = Failure(code=FailureCode.SERVICE_REFUSED, message="402 card_declined")


def record(*steps: StepRecord, **fields: Any) -> RunRecord:
    given = {"process": "refund", "workflow_id": "refund/1", "run_id": "r", "status": "running", "started_at": AT}
    return RunRecord.model_validate({**given, "steps": steps, **fields})


@pytest.mark.parametrize(
    ("given", "said", "then"),
    [
        (record(), "What it waits for is unknown", "runs watch refund/1"),
        (
            record(StepRecord(step="bill", title="Bill", state=StepState.RUNNING)),
            "Step bill is under way",
            "runs watch",
        ),
        (
            record(StepRecord(step="bill", title="Bill", state=StepState.RUNNING, attempts=3, note="service.refused")),
            "Step bill is tried for the 3. time: service.refused",
            "runs watch",
        ),
        (
            record(StepRecord(step="bill", title="Bill", state=StepState.RUNNING, visit=4)),
            "Step bill, in visit 4, is under way",
            "runs watch",
        ),
        (
            record(waiting=Waiting(what="a decision", who="ops", until=AT)),
            "waits for a decision by ops, until",
            "watch",
        ),
        (record(paused=True), "People paused it", "resume refund/1"),
        (
            record(ended_at=AT, status="failed", cancelled=Cancellation(by="kim", reason="late")),
            "cancelled by kim: late",
            "runs result",
        ),
        (
            record(StepRecord(step="bill", title="Bill", state=StepState.DEGRADED, failure=FAILURE)),
            "402 card_declined (service.refused); the run went on without it",
            "runs watch",
        ),
    ],
)
def test_words_follow_the_record(given: RunRecord, said: str, then: str) -> None:
    """Waiting, failing, paused and ended runs are told apart, each with the command that comes next."""
    told = explain(given)

    assert said in "\n".join(told.lines)
    assert any(then in command for command in told.next)


def test_a_letter_says_what_was_left_and_how_to_go_on() -> None:
    """A run in a queue: its cause, what is still in place, and redrive or discard."""
    letter = DeadLetter(queue="failed-refund", step="bill", failure=FAILURE, at=AT, not_undone=("account",))
    told = explain(record(ended_at=AT, status="failed"), letter)

    assert "It lies in failed-refund, since step bill ended it: 402 card_declined." in told.lines
    assert "Still in place, or nobody knows: account. Look there first." in told.lines
    assert "starter.py runs redrive refund/1" in told.next


def test_an_open_task_is_shown_first() -> None:
    """Where a person must decide, the next command is the task."""
    assert explain(record(), has_task=True).next == ("starter.py review show refund/1",)


def test_filters_are_joined() -> None:
    """Process, status and time narrow the list; a quote in a word does not leave it."""
    query = query_of("re'fund", "failed", AT)

    assert "(ProcessName = 're''fund' OR DefinitionId = 're''fund')" in query
    assert "(ProcessStatus = 'failed' OR ExecutionStatus = 'Failed')" in query
    assert "StartTime >= '2027-03-28T09:00:00+00:00'" in query
