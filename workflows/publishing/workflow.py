"""The process content-publishing: analyse, adapt, check, approve, schedule, and publish each post exactly once."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

from activities.reviews import ReviewActivities
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.process import DEAD_LETTER_QUEUE, PENDING_ASSIGNEES, PENDING_UNTIL, RUNNING
from towpath.contracts.core.review import DecidedReview, FindReviewers, Reviewers, Verdict
from towpath.contracts.core.run import DeadLetter, RunRecord, Waiting
from towpath.contracts.publishing.campaign import (
    CampaignView,
    PublishingFailure,
    PublishingOutcome,
    PublishingRequest,
    PublishingResult,
)
from towpath.contracts.publishing.posting import Job
from towpath.contracts.publishing.process import PUBLISHING
from towpath.policy.core.messages import failure_notice
from towpath.policy.publishing.messages import approval_notice, cancelled_notice
from towpath.policy.publishing.outcome import outcome_of
from towpath.temporal.attributes import search_key
from workflows.kit.calling import CallFailedError, call
from workflows.kit.compensation import shielded
from workflows.kit.notices import tell_team
from workflows.kit.options import LOOKUP
from workflows.kit.steps import StepFailedError
from workflows.kit.task import Reviewable, ReviewDesk
from workflows.publishing.board import Board
from workflows.publishing.desk import PostingDesk
from workflows.publishing.quality import Quality
from workflows.publishing.steps import APPROVE, PublishingState, Writing

OPERATIONS_TEAM = "ops-team"
NOT_PENDING = (search_key(PENDING_ASSIGNEES).value_unset(), search_key(PENDING_UNTIL).value_unset())


@workflow.defn(name=PUBLISHING.name)
class ContentPublishingWorkflow(Reviewable, PostingDesk):
    """One campaign from content to posts. Nothing goes out unapproved, late or twice."""

    @workflow.init
    def __init__(self, request: PublishingRequest) -> None:
        self._request = request
        self._state = PublishingState(request)
        self._steps = self._state.steps
        self._board = Board(self._state)
        Reviewable.__init__(self)
        PostingDesk.__init__(self, self._state, self._board, self._why_not_edit)
        self._decision: DecidedReview | None = None

    @workflow.query(name="status")
    def status(self) -> RunRecord:
        """Every step with state, attempts, times and cost, and what the run waits for until when."""
        return self._steps.record()

    @workflow.query(name="campaign")
    def campaign(self) -> CampaignView:
        """The texts side by side with their quality, and the jobs."""
        channels = self._state.channels.values()
        return CampaignView(
            campaign=self._request.metadata.campaign,
            title=self._request.metadata.title,
            analysis=self._state.analysis,
            adaptations=tuple(channel.adaptation for channel in channels if channel.adaptation is not None),
            quality=tuple(channel.quality for channel in channels if channel.quality is not None),
            jobs=self._board.jobs,
        )

    @workflow.run
    async def run(self, request: PublishingRequest) -> PublishingResult:
        self._steps.introduce(PUBLISHING.attributes(request))
        redrive = request.redrive
        if redrive is not None and redrive.discard is not None:
            return self._end(PublishingOutcome.DISCARDED).model_copy(update={"discarded": redrive.discard})
        try:
            result = await self._publish()
        except StepFailedError as error:
            raise await shielded(self._fail(error)) from error
        except BaseException as error:
            if is_cancelled_exception(error):
                await shielded(self._cancel())
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    async def _publish(self) -> PublishingResult:
        writing = Writing(self._state)
        quality = Quality(self._state, writing)
        await writing.run()
        await quality.run()
        refused = await self._approve(quality.reasons())
        if refused is not None:
            return self._end(refused)
        await self._board.set_up()
        await self._board.run()
        return self._end(outcome_of(self._board.jobs))

    def _end(self, outcome: PublishingOutcome) -> PublishingResult:
        self._steps.end(outcome)
        channels = self._state.channels.values()
        return PublishingResult(
            campaign=self._request.metadata.campaign,
            outcome=outcome,
            jobs=self._board.jobs,
            quality=tuple(channel.quality for channel in channels if channel.quality is not None),
            analysis=self._state.analysis,
            decision=self._decision,
            degraded=self._state.degraded,
            cost=self._steps.cost,
        )

    async def _approve(self, reasons: tuple[str, ...]) -> PublishingOutcome | None:
        """How the run ends, when a person is needed and does not approve."""
        if not reasons:
            self._steps.skip(APPROVE, "not needed")
            return None
        policy = self._request.review
        self._steps.begin(APPROVE)
        opened_at = workflow.now()
        due = opened_at + policy.deadline
        self._steps.wait_for(Waiting(what="an approval", who=policy.team, until=due))
        self._steps.status(
            "waiting-for-review",
            search_key(PENDING_ASSIGNEES).value_set([policy.team]),
            search_key(PENDING_UNTIL).value_set(due),
        )
        desk = ReviewDesk(reviewers=self._find_reviewers, tell=self._tell_reviewers)
        title = f"publish {self._request.metadata.title}"
        task = await self.hold_review(policy, title, reasons, opened_at, desk)
        self._steps.wait_for(None)
        self._steps.status(RUNNING, *NOT_PENDING)
        self._decision = task.decision
        await self._tell_reviewers(policy.team, "closed")
        if task.decision is None:
            self._steps.complete(APPROVE, note="expired: nothing is published")
            return PublishingOutcome.EXPIRED
        self._steps.complete(APPROVE, note=f"{task.decision.verdict} by {task.decision.reviewer}")
        return None if task.decision.verdict is Verdict.APPROVE else PublishingOutcome.REJECTED

    def _why_not_edit(self, person: str) -> str:
        """Where texts are approved by people, nobody else may change them, before or after."""
        task = self.review()
        if task is None or self.may_decide(person):
            return ""
        return f"{person!r} may not approve for {task.team}, and so not edit what it approves"

    async def _find_reviewers(self, team: str) -> Reviewers:
        try:
            return await call(
                ReviewActivities.find_reviewers,
                FindReviewers(team=team),
                LOOKUP,
                activity_id=f"{APPROVE}/reviewers/{team}",
                summary=f"Who may decide for {team}",
            )
        except CallFailedError as error:
            self._steps.fail(APPROVE, error.failure)
            raise StepFailedError(APPROVE, error.failure) from error

    async def _tell_reviewers(self, team: str, event: str) -> Failure | None:
        task = self.review()
        if task is None:
            return None
        if event == "escalation":
            workflow.upsert_search_attributes(
                [search_key(PENDING_ASSIGNEES).value_set([self._request.review.team, team])]
            )
        title, text = approval_notice(task, event)
        return await tell_team(team, f"{APPROVE}/{event}", title, text)

    async def _fail(self, error: StepFailedError) -> ApplicationError:
        """Give the times free, tell operations and queue. Nothing was published, so a redrive starts anew with what
        Claude had read.
        """
        left = await self._board.schedule.release_unused(())
        letter = DeadLetter(
            queue=PUBLISHING.dead_letter_queue,
            step=error.step,
            failure=error.failure,
            at=workflow.now(),
            not_undone=tuple(f"{job}: {why}" for job, why in left.items()),
            cost=self._steps.cost,
        )
        title, text = failure_notice(workflow.info().workflow_id, letter)
        await tell_team(OPERATIONS_TEAM, "failure-notice", title, text)
        self._steps.end("failed", search_key(DEAD_LETTER_QUEUE).value_set(letter.queue), *NOT_PENDING)
        start = PublishingFailure(
            request=self._request.model_copy(update={"redrive": None}), analysis=self._state.analysis
        )
        message = f"{error.step} failed: {error.failure.message}"
        return ApplicationError(message, letter, start, type=error.failure.code, non_retryable=True)

    async def _cancel(self) -> None:
        out: tuple[Job, ...] = self._board.abandon()
        await self._board.release_unused()
        if out:
            title, text = cancelled_notice(workflow.info().workflow_id, out)
            await tell_team(self._request.review.team, "cancelled-notice", title, text)
        self._steps.end("cancelled", *NOT_PENDING)
