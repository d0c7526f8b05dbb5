"""Notices of incident response that are not about its course: approvals, and a run that stops or fails."""

from collections.abc import Sequence

from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.review import ReviewTask
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.incident.incident import Acknowledged, IncidentProgress
from towpath.contracts.incident.remediation import ActionRecord, PlannedAction
from towpath.policy.incident.evidence import one_line


def approval_notice(task: ReviewTask, event: str) -> tuple[str, str]:
    """For the team that decides. `event` is `opened`, `reminder`, `escalation` or `closed`."""
    if event == "closed":
        decision = task.decision
        end = "nobody decided: it is not done" if decision is None else f"{decision.verdict} by {decision.reviewer}"
        return f"Approval closed: {task.title}", f"{end}."
    start = {"opened": "Approval wanted", "reminder": "Approval still wanted", "escalation": "Approval escalated"}
    lines = (
        *task.reasons,
        f"Without a decision by {in_utc(task.due_at)} it is not done.",
        f"python starter.py incident approve {task.workflow_id} --task {task.task} --as REVIEWER",
    )
    return f"{start[event]}: {task.title}", "\n".join(lines)


def stopped_notice(known: IncidentProgress, workflow_id: str, asked: Sequence[str] = ()) -> tuple[str, str]:
    """What stays behind when people cancel the run; `asked` are the approvals that it waited for."""
    ended = tuple(f"- the question whether to: {one_line(title)}" for title in asked)
    told = ("The run was cancelled. It ended:", *ended) if ended else ("The run was cancelled.",)
    text = "\n".join((*told, "Nothing is undone:", *_done(known), f"Run: {workflow_id}"))
    return f"Incident: response stopped: {one_line(known.service)}", text


def failed_notice(known: IncidentProgress, letter: DeadLetter, workflow_id: str) -> tuple[str, str]:
    text = (
        f"Step {letter.step} failed ({letter.failure.code}): {letter.failure.message}. The incident is yours.\n"
        + "\n".join(_done(known))
        + f"\nIt lies in the queue {letter.queue}: python starter.py queue show {workflow_id}"
    )
    return f"Incident: response failed: {one_line(known.service)}", text


def in_words(planned: PlannedAction) -> str:
    """The action with its parameters, as a person reads it."""
    given = ", ".join(f"{name} {value}" for name, value in planned.parameters.items())
    return planned.action.title + (f" ({given})" if given else "")


def acknowledged(taken: Acknowledged) -> str:
    return f"acknowledged by {one_line(taken.by)}" + (f": {one_line(taken.note)}" if taken.note else "")


def action_end(record: ActionRecord) -> str:
    """An action's state for the timeline."""
    return f"{record.title}: {record.state}" + (f" ({one_line(record.note)})" if record.note else "")


def _done(known: IncidentProgress) -> tuple[str, ...]:
    return tuple(f"- {action_end(action)}" for action in known.actions) or ("- nothing was changed",)
