"""Texts that processes send: the welcome mail, the announcement, and the notices to teams."""

from collections.abc import Sequence

from towpath.contracts.core.delivery import Language
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.review import ReviewTask
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.onboarding.customer import Customer, WelcomeKit

_HEADINGS = {
    Language.EN: ("Getting started", "Best practices"),
    Language.KO: ("시작하기", "모범 사례"),
}


def welcome_mail(kit: WelcomeKit) -> tuple[str, str]:
    """Subject and plain-text body: the letter, the guide as numbered steps, the practices as a list."""
    guide, practices = _HEADINGS[kit.language]
    draft = kit.draft
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(draft.getting_started, 1))
    tips = "\n".join(f"- {practice}" for practice in draft.best_practices)
    return draft.email_subject, f"{draft.email_body}\n\n{guide}\n{steps}\n\n{practices}\n{tips}\n"


def announcement(customer: Customer) -> str:
    return f"New customer onboarded: {customer.company} ({customer.plan})"


def review_notice(task: ReviewTask, event: str) -> tuple[str, str]:
    """Title and text for the team that decides. `event` is `opened`, `reminder`, `escalation` or `closed`."""
    if event == "closed":
        decision = task.decision
        end = task.came or ("expired" if decision is None else f"{decision.verdict} by {decision.reviewer}")
        return f"Review closed: {task.title}", f"{end}. Nothing is left to do for {task.workflow_id}."
    reasons = "\n".join(f"- {reason}" for reason in task.reasons)
    start = {"opened": "Review wanted", "reminder": "Review still open", "escalation": "Review escalated"}[event]
    text = (
        f"{reasons}\nDecide by {in_utc(task.due_at)}, or the customer is not onboarded.\n"
        f"python starter.py review show {task.workflow_id}"
    )
    return f"{start}: {task.title}", text


def task_notice(task: ReviewTask, event: str) -> tuple[str, str]:
    """Title and text for the team of a definition's human task; events as for `review_notice`."""
    if event == "closed":
        return review_notice(task, event)
    start = {"opened": "Task", "reminder": "Task still open", "escalation": "Task escalated"}[event]
    instructions = f"{task.instructions.strip()}\n" if task.instructions.strip() else ""
    wanted = "Submit it as often as there is something to say, until" if task.repeatable else "Decide by"
    text = f"{instructions}{wanted} {in_utc(task.due_at)}.\npython starter.py review show {task.workflow_id}"
    return f"{start}: {task.title}", text


def cancelled_notice(
    workflow_id: str, undone: Sequence[str], not_undone: Sequence[str], told: Sequence[str]
) -> tuple[str, str]:
    """Title and text for the operations team about a cancelled run of which something stays. No customer data."""
    left = f" STILL IN PLACE, or nobody knows: {', '.join(not_undone)}." if not_undone else ""
    said = f" Cannot be taken back: {'; '.join(told)}." if told else ""
    text = f"Undone: {', '.join(undone) or 'nothing'}.{left}{said}\npython starter.py runs status {workflow_id}"
    return "Onboarding cancelled, but not all of it is undone", text


def failure_notice(workflow_id: str, letter: DeadLetter, name: str = "") -> tuple[str, str]:
    """Title and text for the operations team; the failure's own words only, no customer data.

    `name` is what people call the process; without it, the first part of the run's id stands for it.
    """
    undone = ", ".join(letter.undone) or "nothing"
    left = f" STILL IN PLACE, or nobody knows: {', '.join(letter.not_undone)}." if letter.not_undone else ""
    text = (
        f"Step {letter.step} failed ({letter.failure.code}): {letter.failure.message}. Undone: {undone}.{left}\n"
        f"It lies in the queue {letter.queue}: python starter.py queue show {workflow_id}"
    )
    return f"{name or workflow_id.partition('/')[0]} failed", text
