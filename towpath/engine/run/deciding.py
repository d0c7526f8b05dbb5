"""What a human task of a definition means: whom it tells and when, what counts, and what its end is for its step."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.review import DecidedReview, Decision, Verdict
from towpath.engine.language.steps import HumanTaskConfig
from towpath.engine.run.actions import Completed, Failed, Outcome, Rejected
from towpath.engine.run.evaluation import Evaluation

MOST_SUBMISSIONS = 1_000
MOST_SUBMITTED_BYTES = 1024 * 1024
"""Of one task: all of them are in the history of its run, and in its output."""
Called = tuple[timedelta, Literal["reminder", "escalation"], str]
"""How long after its opening which team hears of a task again."""


def agenda(given: HumanTaskConfig, team: str, evaluation: Evaluation) -> tuple[timedelta, tuple[Called, ...]]:
    """The deadline, and who is told before it, in order. Raises StepError."""
    escalations: list[Called] = [
        (evaluation.duration(entry.after, "escalate.after"), "escalation", entry.to) for entry in given.escalate
    ]
    reminders: list[Called] = [(evaluation.duration(after, "remind"), "reminder", team) for after in given.remind]
    deadline = evaluation.duration(given.deadline, "deadline")
    return deadline, tuple(called for called in sorted((*reminders, *escalations)) if called[0] < deadline)


def passed_on_to(given: HumanTaskConfig) -> str | None:
    """The team that gets the task, and the deadline once more, when nobody decided."""
    return given.escalate[-1].to if given.escalate and given.on_timeout == "escalate" else None


def verdict(
    decision: DecidedReview | None,
    approvals: Sequence[DecidedReview],
    due_at: datetime,
    given: HumanTaskConfig,
    lapse: str = "",
) -> Outcome:
    """What the end of a task means for its step; without a decision, its deadline passed, or `lapse` says why it
    was closed before.
    """
    if decision is None and given.on_timeout in {"fail", "escalate"}:
        message = f"nobody decided by {in_utc(due_at)}" + (f": {lapse}" if lapse else "")
        return Failed(Failure(code=FailureCode.REVIEW_EXPIRED, message=message))
    approved = given.on_timeout == "approve" if decision is None else decision.verdict is Verdict.APPROVE
    output: dict[str, JsonValue] = {
        "decision": "approve" if approved else "reject",
        "by": "nobody" if decision is None else decision.reviewer,
        "at": (due_at if decision is None else decision.at).isoformat(),
        "reason": (lapse or "the deadline passed") if decision is None else decision.reason,
        "data": {} if decision is None else decision.data,
        "approvals": [approval.reviewer for approval in approvals],
    }
    if not approved and given.on_reject == "stop":
        return Rejected(output)
    return Completed(output, note=f"{output['decision']} by {output['by']}")


def sent_before(submissions: Sequence[DecidedReview], decision: DecidedReview | Decision) -> DecidedReview | None:
    """The same that the same person has submitted: sent again, by whatever door, it counts once."""
    return next((one for one in submissions if _said(one) == _said(decision)), None)


def no_room(submissions: Sequence[DecidedReview], decision: Decision) -> str:
    """Why one more does not count, if that is so."""
    if sent_before(submissions, decision) is not None:
        return ""
    if len(submissions) >= MOST_SUBMISSIONS:
        return f"it was submitted {len(submissions)} times, and takes no more"
    size = sum(len(json.dumps([one.reason, one.data])) for one in (*submissions, decision))
    return f"all that is submitted may be {MOST_SUBMITTED_BYTES:,} bytes" if size > MOST_SUBMITTED_BYTES else ""


def collected(submissions: Sequence[DecidedReview], why: str) -> Completed:
    """The end of a task that is submitted any number of times: all that came, in its order."""
    runs: list[JsonValue] = [
        {
            "decision": str(one.verdict),
            "by": one.reviewer,
            "at": one.at.isoformat(),
            "reason": one.reason,
            "data": one.data,
        }
        for one in submissions
    ]
    return Completed({"runs": runs}, note=f"{len(runs)} submission{'' if len(runs) == 1 else 's'}; {why}")


def _said(one: DecidedReview | Decision) -> tuple[str, Verdict, str, object]:
    return one.reviewer, one.verdict, one.reason.strip(), one.data
