"""Asking a person about a pipeline: whether a new specification is used, whether rows of low quality are loaded."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from temporalio import workflow

from activities.reviews import ReviewActivities
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.process import PENDING_ASSIGNEES, PENDING_UNTIL, RUNNING
from towpath.contracts.core.review import DecidedReview, FindReviewers, Reviewers, ReviewPolicy, ReviewTask
from towpath.contracts.core.run import Waiting
from towpath.policy.pipeline.messages import review_notice
from towpath.temporal.attributes import search_key
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import LOOKUP
from workflows.kit.task import ReviewDesk
from workflows.pipeline.state import PipelineState

NOT_PENDING = (search_key(PENDING_ASSIGNEES).value_unset(), search_key(PENDING_UNTIL).value_unset())


class Hold(Protocol):
    """`Reviewable.hold_review`."""

    def __call__(
        self,
        policy: ReviewPolicy,
        title: str,
        reasons: tuple[str, ...],
        opened_at: datetime,
        desk: ReviewDesk,
        name: str = "",
    ) -> Awaitable[ReviewTask]: ...


class Asking:
    """One task at a time. `hold` opens it, `latest` is the run's latest task."""

    def __init__(self, state: PipelineState, hold: Hold, latest: Callable[[], ReviewTask | None]) -> None:
        self._state = state
        self._steps = state.steps
        self._hold = hold
        self._latest = latest

    async def ask(self, step: str, title: str, reasons: tuple[str, ...]) -> DecidedReview | None:
        """The decision; None when nobody decided in time. Raises StepFailedError when nobody can be asked."""
        policy, opened_at = self._state.config.review, workflow.now()
        due = opened_at + policy.deadline
        self._steps.begin(step)
        self._steps.wait_for(Waiting(what="a decision", who=policy.team, until=due))
        self._steps.status(
            "waiting-for-review",
            search_key(PENDING_ASSIGNEES).value_set([policy.team]),
            search_key(PENDING_UNTIL).value_set(due),
        )

        async def find(team: str) -> Reviewers:
            return await call(
                ReviewActivities.find_reviewers,
                FindReviewers(team=team),
                LOOKUP,
                activity_id=f"{step}/reviewers/{team}",
                summary=f"Who may decide for {team}",
            )

        async def tell(team: str, event: str) -> Failure | None:
            return await self._tell(step, team, event)

        await self._state.hold_waiting(step, due)
        desk = ReviewDesk(reviewers=find, tell=tell)
        try:
            task = await self._hold(policy, title, reasons, opened_at, desk, step)
        except CallFailedError as error:
            raise self._state.failed(step, error.failure) from error
        self._steps.wait_for(None)
        self._steps.status(RUNNING, *NOT_PENDING)
        decided = task.decision
        note = "expired" if decided is None else f"{decided.verdict} by {decided.reviewer}"
        self._steps.complete(step, note=note)
        await self._tell(step, policy.team, "closed")
        await self._state.hold_on(f"{step}/closed")
        return decided

    async def _tell(self, step: str, team: str, event: str) -> Failure | None:
        task = self._latest()
        if task is None or task.task != step:
            return None
        if event == "escalation":
            assignees = [self._state.config.review.team, team]
            workflow.upsert_search_attributes([search_key(PENDING_ASSIGNEES).value_set(assignees)])
        return await self._state.notify(team, f"{step}/{event}", *review_notice(task, event))
