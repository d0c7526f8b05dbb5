"""Notices to the content team: texts to approve, jobs on hold, outcomes to look at, campaigns that were cancelled."""

from collections.abc import Sequence
from datetime import datetime

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.review import ReviewTask
from towpath.contracts.publishing.posting import Job, JobState
from towpath.policy.core.messages import review_notice


def approval_notice(task: ReviewTask, event: str, *, stale_at: datetime | None = None) -> tuple[str, str]:
    """Title and text for those who approve texts. `event` is `opened`, `reminder`, `escalation` or `closed`.

    `stale_at` is the campaign's `not_after`, where that ends the task.
    """
    if event == "closed" and task.decision is None and stale_at is not None:
        return f"Too late to approve: {task.title}", f"{expired_note(stale_at)} by {task.workflow_id}."
    if event == "closed":
        return review_notice(task, event)
    start = {"opened": "Texts to approve", "reminder": "Texts still wait", "escalation": "Approval escalated"}[event]
    reasons = "\n".join(f"- {reason}" for reason in task.reasons)
    text = (
        f"{reasons}\nDecide by {in_utc(task.due_at)}, or nothing is published.\n"
        f"The texts side by side: python starter.py publishing show {task.workflow_id}"
    )
    return f"{start}: {task.title}", text


def expired_note(stale_at: datetime | None) -> str:
    """Why nobody is asked any more."""
    return (
        "expired: nothing is published"
        if stale_at is None
        else f"not_after was {in_utc(stale_at)}: nothing is published"
    )


def late_notice(workflow_id: str, late: Sequence[Job]) -> tuple[str, str]:
    """Title and text when wished times passed before the texts might go out."""
    first = late[0].job
    text = (
        "\n".join(f"- {job.job}: {job.reason}" for job in late) + f"\nNothing goes out late unless somebody says so:\n"
        f"python starter.py publishing reschedule {workflow_id} {first} --at TIME --by WHO\n"
        f"python starter.py publishing publish-now {workflow_id} {first} --by WHO\n"
        f"python starter.py publishing cancel {workflow_id} {first} --by WHO"
    )
    return f"Wished time passed: {_campaign(workflow_id)}", text


def held_notice(workflow_id: str, failed: Job, held: Sequence[Job]) -> tuple[str, str]:
    """Title and text when one job could not be published and the others wait for a person."""
    names = ", ".join(job.job for job in held)
    text = (
        f"{failed.job}: {failed.reason}\nHeld until somebody decides: {names}.\n"
        f"python starter.py publishing release {workflow_id} --by WHO\n"
        f"python starter.py publishing cancel {workflow_id} --by WHO"
    )
    return f"Campaign on hold: {_campaign(workflow_id)}", text


def unknown_notice(workflow_id: str, job: Job) -> tuple[str, str]:
    """Title and text when nobody but a person can find out whether a post is out."""
    why = "" if job.failure is None else f" ({job.failure.code}: {job.failure.message})"
    timeline = "its timeline cannot be read"
    if job.failure is not None and job.failure.code is FailureCode.PUBLISH_DUPLICATE:
        timeline = "now has such a text, which its timeline does not show"
    text = (
        f"{job.job}: the platform did not say whether it took post {len(job.posts) + 1}, and {timeline}{why}. "
        "Look at the account, then say what is there:\n"
        f"python starter.py publishing settle {workflow_id} {job.job} --by WHO --post-id ID\n"
        f"python starter.py publishing settle {workflow_id} {job.job} --by WHO --not-published"
    )
    return f"Is it out? {_campaign(workflow_id)} on {job.job}", text


def cancelled_notice(workflow_id: str, out: Sequence[Job]) -> tuple[str, str]:
    """Title and text when a cancelled campaign leaves posts on their platforms. `out` holds them, and unknown ones."""
    lines = [
        f"- {job.job}: "
        + (", ".join(post.url or post.post_id for post in job.posts) or "nothing known")
        + ("; nobody knows whether another one is out" if job.state is JobState.UNKNOWN else "")
        for job in out
    ]
    return f"Cancelled, but out: {_campaign(workflow_id)}", "These stay as they are:\n" + "\n".join(lines)


def _campaign(workflow_id: str) -> str:
    return workflow_id.partition("/")[2]
