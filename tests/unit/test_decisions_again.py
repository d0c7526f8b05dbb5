"""A decision that came before the run had its task is sent again, and no other."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask, Verdict
from towpath.control import reviews

NOW = datetime(2026, 11, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
TASK = ReviewTask(
    workflow_id="refund/1",
    team="ops",
    title="a refund",
    reasons=(),
    opened_at=NOW,
    remind_at=NOW + HOUR,
    escalate_at=NOW + HOUR,
    due_at=NOW + HOUR,
    task="approve",
)
DECISION = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="seen")
DECIDED = DecidedReview(verdict=Verdict.APPROVE, reviewer="dana", role="ops", reason="seen", at=NOW)


class Run:
    """A run whose query shows `shown`, and which answers updates in order: with refusals, then with the decision."""

    def __init__(self, shown: ReviewTask | None, refusals: Sequence[FailureCode]) -> None:
        self.shown = shown
        self.refusals = list(refusals)
        self.sent: list[tuple[Decision, str]] = []

    def get_workflow_handle(self, _: str) -> "Run":
        return self

    async def query(self, name: str, **__: Any) -> Any:
        shown = None if self.shown is None else self.shown.model_dump(mode="json")
        return shown if name == "review" else [shown] if shown is not None else []

    async def execute_update(self, _: str, decision: Decision, *, id: str, **__: Any) -> DecidedReview:
        self.sent.append((decision, id))
        if self.refusals:
            raise WorkflowUpdateFailedError(ApplicationError("no", type=self.refusals.pop(0)))
        return DECIDED


async def decide(run: Run, decision: Decision = DECISION) -> DecidedReview:
    return await reviews.decide(cast("Client", run), "refund/1", decision)


async def test_a_task_that_is_shown_is_decided() -> None:
    """The query shows the task while the update is still refused: the same decision counts a moment later."""
    run = Run(TASK, [FailureCode.REVIEW_NOT_OPEN] * 2)

    assert await decide(run) == DECIDED
    assert len(run.sent) == 3
    assert len({update for _, update in run.sent}) == 1


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        pytest.param(None, FailureCode.REVIEW_NOT_OPEN, id="no-task"),
        pytest.param(TASK.model_copy(update={"decision": DECIDED}), FailureCode.REVIEW_NOT_OPEN, id="decided"),
        pytest.param(TASK.model_copy(update={"expired": True}), FailureCode.REVIEW_NOT_OPEN, id="expired"),
        pytest.param(TASK, FailureCode.REVIEW_UNKNOWN_REVIEWER, id="unknown-person"),
        pytest.param(TASK, FailureCode.REVIEW_ALREADY_DECIDED, id="decided-meanwhile"),
    ],
)
async def test_any_other_refusal_stays(shown: ReviewTask | None, code: FailureCode) -> None:
    """Nothing is sent twice where the run has no such task, or the person may not decide."""
    run = Run(shown, [code])

    with pytest.raises(WorkflowUpdateFailedError):
        await decide(run)
    assert len(run.sent) == 1


async def test_a_refusal_that_lasts_is_told() -> None:
    """After five times the refusal is the answer."""
    run = Run(TASK, [FailureCode.REVIEW_NOT_OPEN] * 9)

    with pytest.raises(WorkflowUpdateFailedError):
        await decide(run)
    assert len(run.sent) == reviews.ATTEMPTS


@pytest.mark.parametrize("named", [None, "approve"])
@pytest.mark.parametrize(("repeatable", "sent"), [(False, 1), (True, 2)])
async def test_a_submission_for_another_reason_is_another_one(named: str | None, repeatable: bool, sent: int) -> None:
    """A decision that is sent again is the same one; of a repeatable task, one for another reason is another."""
    run = Run(TASK.model_copy(update={"repeatable": repeatable}), [])
    decision = DECISION.model_copy(update={"task": named})

    for reason in ("seen", "seen ", "seen again"):
        await decide(run, decision.model_copy(update={"reason": reason}))
    assert len({update for _, update in run.sent}) == sent
