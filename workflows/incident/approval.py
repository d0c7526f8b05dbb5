"""Asking a person whether one action may be carried out: one task at a time, named by the action."""

from collections.abc import Callable
from datetime import datetime
from typing import TypedDict

from temporalio import workflow

from activities.reviews import ReviewActivities
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.process import PENDING_ASSIGNEES, PENDING_UNTIL, RUNNING
from towpath.contracts.core.review import FindReviewers, Reviewers, ReviewTask
from towpath.contracts.core.run import Waiting
from towpath.contracts.incident.remediation import PlannedAction
from towpath.policy.incident.messages import approval
from towpath.policy.incident.notices import approval_notice, in_words
from towpath.temporal.attributes import search_key
from workflows.incident.state import IncidentState
from workflows.kit.calling import call
from workflows.kit.options import LOOKUP
from workflows.kit.task import ReviewDesk

STEP = "execute"
NOT_PENDING = (search_key(PENDING_ASSIGNEES).value_unset(), search_key(PENDING_UNTIL).value_unset())


class Terms(TypedDict):
    """What a review is opened with, beside its policy."""

    title: str
    reasons: tuple[str, ...]
    opened_at: datetime
    desk: ReviewDesk
    name: str


class ApprovalDesk:
    """One approval. `review` answers the run's latest task, which is another one's until this one is open."""

    def __init__(self, state: IncidentState, planned: PlannedAction, review: Callable[[], ReviewTask | None]) -> None:
        self.name = f"action-{planned.number}"
        self._state = state
        self._steps = state.steps
        self._planned = planned
        self._review = review
        self._title = f"{in_words(planned)} at {state.service}"

    def terms(self) -> Terms:
        return {
            "title": self._title,
            "reasons": tuple(approval(self._planned).splitlines()),
            "opened_at": workflow.now(),
            "desk": ReviewDesk(reviewers=self._find, tell=self._tell),
            "name": self.name,
        }

    def open(self) -> None:
        """Show who is waited for, where people list runs."""
        policy = self._state.request.review
        due = workflow.now() + policy.deadline
        self._steps.wait_in(STEP, (Waiting(what=f"approval of {self._title}", who=policy.team, until=due),))
        assignees, until = (
            search_key(PENDING_ASSIGNEES).value_set([policy.team]),
            search_key(PENDING_UNTIL).value_set(due),
        )
        self._steps.status("waiting-for-approval", assignees, until)

    def close(self) -> None:
        self._steps.wait_in(STEP, ())
        self._steps.status(RUNNING, *NOT_PENDING)

    async def closed(self) -> ReviewTask | None:
        """The task as it ended; the team is told. None when it was never opened."""
        task = self._own()
        if task is not None:
            await self._tell(self._state.request.review.team, "closed")
        return task

    def _own(self) -> ReviewTask | None:
        task = self._review()
        return task if task is not None and task.task == self.name else None

    async def _find(self, team: str) -> Reviewers:
        return await call(
            ReviewActivities.find_reviewers,
            FindReviewers(team=team),
            LOOKUP,
            activity_id=f"{self.name}/reviewers/{team}",
            summary=f"Who may decide for {team}",
        )

    async def _tell(self, team: str, event: str) -> Failure | None:
        task = self._own()
        if task is None:
            return None
        if event == "escalation":
            assignees = [self._state.request.review.team, team]
            workflow.upsert_search_attributes([search_key(PENDING_ASSIGNEES).value_set(assignees)])
        return await self._state.notify(team, f"{self.name}/{event}", *approval_notice(task, event))
