"""A decision that came before the run had its task is sent again, and no other."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask, Verdict
from towpath.contracts.declared.run import Edit
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

    def __init__(self, shown: ReviewTask | None, refusals: Sequence[FailureCode], *others: ReviewTask) -> None:
        self.shown = shown
        self.tasks = [*others, *([] if shown is None else [shown])]
        self.refusals = list(refusals)
        self.sent: list[tuple[Any, str]] = []

    def get_workflow_handle(self, _: str) -> "Run":
        return self

    async def query(self, name: str, **__: Any) -> Any:
        if name == "reviews":
            return [task.model_dump(mode="json") for task in self.tasks]
        return self.tasks[0].model_dump(mode="json") if self.tasks else None

    async def execute_update(self, _: str, decision: Any, *, id: str = "", **__: Any) -> Any:
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


APPROVED_ONCE = TASK.model_copy(update={"approvals": (DECIDED,), "quorum": 2})


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        pytest.param(
            TASK.model_copy(update={"decision": DECIDED}),
            "already decided: approve by dana at 2026-11-30 00:00 UTC",
            id="decided",
        ),
        pytest.param(
            APPROVED_ONCE, "already approved by dana at 2026-11-30 00:00 UTC; 2 people must", id="one-of-several"
        ),
    ],
)
async def test_a_second_command_is_told_who_decided(shown: ReviewTask, told: str) -> None:
    """Also the same decision of the same person: nothing is sent, and the answer says who decided what and when."""
    run = Run(shown, [])

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await reviews.decide(cast("Client", run), "refund/1", DECISION, once=True)
    assert isinstance(refused.value.cause, ApplicationError)
    assert (refused.value.cause.message, refused.value.cause.type) == (told, FailureCode.REVIEW_ALREADY_DECIDED)
    assert run.sent == []


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(TASK, id="open"),
        pytest.param(TASK.model_copy(update={"repeatable": True, "submissions": (DECIDED,)}), id="repeatable"),
        pytest.param(
            APPROVED_ONCE.model_copy(update={"approvals": (DECIDED.model_copy(update={"reviewer": "sora"}),)}),
            id="by-another",
        ),
    ],
)
async def test_a_first_command_decides(shown: ReviewTask) -> None:
    """What the person has not decided yet is sent."""
    assert await reviews.decide(cast("Client", Run(shown, [])), "refund/1", DECISION, once=True) == DECIDED


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


OTHER = TASK.model_copy(update={"task": "other"})


@pytest.mark.parametrize("name", ["approve", "race/yes"])
async def test_a_task_that_is_named_is_decided_beside_others(name: str) -> None:
    """Also the choice of a race: another task that is shown first is not the one that is meant."""
    run = Run(TASK.model_copy(update={"task": name}), [FailureCode.REVIEW_NOT_OPEN] * 2, OTHER)

    assert await decide(run, DECISION.model_copy(update={"task": name})) == DECIDED
    assert [sent.task for sent, _ in run.sent] == [name] * 3


async def test_a_task_that_is_not_shown_is_not_waited_for() -> None:
    """Whoever names one that is not open is told at once, whatever else is open."""
    run = Run(None, [FailureCode.REVIEW_NOT_OPEN], OTHER)

    with pytest.raises(WorkflowUpdateFailedError):
        await decide(run, DECISION.model_copy(update={"task": "approve"}))
    assert len(run.sent) == 1


EDIT = Edit(step="approve", by="dana", reason="seen", value={"decision": "approve"})


@pytest.mark.parametrize("verb", ["skip", "set_output"])
@pytest.mark.parametrize(
    ("shown", "codes", "sent"),
    [
        pytest.param(TASK, [FailureCode.REVIEW_NOT_OPEN] * 2, 3, id="shown"),
        pytest.param(OTHER, [FailureCode.REVIEW_NOT_OPEN], 2, id="another-that-guards-it"),
        pytest.param(TASK, [FailureCode.REVIEW_NOT_OPEN] * 9, reviews.ATTEMPTS, id="lasts"),
        pytest.param(None, [FailureCode.REVIEW_NOT_OPEN], 1, id="no-task"),
        pytest.param(TASK, [FailureCode.REVIEW_ROLE_NOT_ALLOWED], 1, id="not-allowed"),
        pytest.param(TASK.model_copy(update={"withdrawn": True}), [FailureCode.REVIEW_NOT_OPEN], 1, id="withdrawn"),
    ],
)
async def test_an_operator_who_decides_is_sent_again_too(
    verb: Literal["skip", "set_output"], shown: ReviewTask | None, codes: list[FailureCode], sent: int
) -> None:
    """`skip` and `set-output` of what people decide, by the same rule, and no more often."""
    run = Run(shown, codes)
    counts = len(codes) < sent

    if counts:
        await reviews.edit_step(cast("Client", run), "refund/1", verb, EDIT)
    else:
        with pytest.raises(WorkflowUpdateFailedError):
            await reviews.edit_step(cast("Client", run), "refund/1", verb, EDIT)
    assert [given for given, _ in run.sent] == [EDIT] * sent
