"""The process content-publishing: analyse, adapt, check, approve, schedule, and publish each post exactly once."""

from datetime import datetime, timedelta
from functools import partial

from temporalio import workflow

from towpath.contracts.core.delivery import OPERATIONS_TEAM
from towpath.contracts.core.review import DecidedReview, ReviewPolicy, Verdict
from towpath.contracts.core.run import DeadLetter
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
from towpath.policy.publishing.messages import approval_notice, cancelled_notice, expired_note
from towpath.policy.publishing.outcome import outcome_of
from towpath.policy.publishing.starting import start_problems
from workflows.kit.failing import StepFailedError
from workflows.kit.notices import tell_team
from workflows.kit.process import ProcessRun
from workflows.kit.review import Asking, Reviewable, plan_by
from workflows.kit.starting import refuse_start
from workflows.kit.task import Desk
from workflows.publishing.board import Board
from workflows.publishing.desk import PostingDesk
from workflows.publishing.quality import TextQuality
from workflows.publishing.steps import APPROVE, PublishingState, Writing


@workflow.defn(name=PUBLISHING.name)
class ContentPublishingWorkflow(ProcessRun, Reviewable, PostingDesk):
    """One campaign from content to posts. Nothing goes out unapproved, late or twice."""

    @workflow.init
    def __init__(self, request: PublishingRequest) -> None:
        refuse_start(start_problems(request))
        self._request = request
        self._state = PublishingState(request)
        self._board = Board(self._state)
        ProcessRun.__init__(self, PUBLISHING, self._state.steps)
        Reviewable.__init__(self)
        PostingDesk.__init__(self, self._state, self._board, self._why_not_edit)
        self._decision: DecidedReview | None = None

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
        self.introduce(request)
        redrive = request.redrive
        if redrive is not None and redrive.discard is not None:
            return self._end(PublishingOutcome.DISCARDED).model_copy(update={"discarded": redrive.discard})
        result = await self.carry_out(self._publish())
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    async def _publish(self) -> PublishingResult:
        writing = Writing(self._state)
        quality = TextQuality(self._state, writing)
        await writing.run()
        await quality.run()
        refused = await self._approve(quality.reasons())
        if refused is not None:
            return self._end(refused)
        await self._board.set_up()
        await self._board.run()
        return self._end(outcome_of(self._board.jobs))

    def _end(self, outcome: PublishingOutcome) -> PublishingResult:
        self.steps.end(outcome)
        channels = self._state.channels.values()
        return PublishingResult(
            campaign=self._request.metadata.campaign,
            outcome=outcome,
            jobs=self._board.jobs,
            quality=tuple(channel.quality for channel in channels if channel.quality is not None),
            analysis=self._state.analysis,
            decision=self._decision,
            degraded=self._state.degraded,
            cost=self.steps.cost,
        )

    async def _approve(self, reasons: tuple[str, ...]) -> PublishingOutcome | None:
        """How the run ends, when a person is needed and does not approve."""
        if not reasons:
            self.steps.skip(APPROVE, "not needed")
            return None
        self.steps.begin(APPROVE)
        policy, stale_at = self._review_in_time()
        if policy.deadline <= timedelta():
            self.steps.complete(APPROVE, note=expired_note(stale_at))
            return PublishingOutcome.EXPIRED
        plan = plan_by(policy, APPROVE, f"publish {self._request.metadata.title}", reasons)
        asking = Asking(self, self.steps, plan, Desk(partial(approval_notice, stale_at=stale_at), tell_team))
        asking.open(APPROVE, what="an approval")
        decision = self._decision = await asking.decision()
        await asking.tell_end()
        if decision is None:
            self.steps.complete(APPROVE, note=expired_note(stale_at))
            return PublishingOutcome.EXPIRED
        self.steps.complete(APPROVE, note=f"{decision.verdict} by {decision.reviewer}")
        return None if decision.verdict is Verdict.APPROVE else PublishingOutcome.REJECTED

    def _review_in_time(self) -> tuple[ReviewPolicy, datetime | None]:
        """Nobody is asked beyond `not_after`: the task ends with it. The second is that end, where it comes first."""
        policy, not_after = self._request.review, self._request.metadata.not_after
        left = policy.deadline if not_after is None else not_after - workflow.now()
        if left >= policy.deadline or not workflow.patched("stale-approvals-2026-12"):
            return policy, None
        return policy.model_copy(update={"deadline": left}), not_after

    def _why_not_edit(self, person: str) -> str:
        """Where texts are approved by people, nobody else may change them, before or after."""
        asked = self.human_task
        if asked is None or asked.may_decide(person):
            return ""
        return f"{person!r} may not approve for {asked.task.team}, and so not edit what it approves"

    async def on_failure(self, error: StepFailedError) -> tuple[DeadLetter, PublishingFailure]:
        """Give the times free, tell operations and queue. Nothing was published, so a redrive starts anew with what
        Claude had read.
        """
        left = await self._board.schedule.release_unused(())
        letter = self.letter(error, workflow.now(), not_undone=tuple(f"{job}: {why}" for job, why in left.items()))
        await tell_team(OPERATIONS_TEAM, "failure-notice", *failure_notice(workflow.info().workflow_id, letter))
        request = self._request.model_copy(update={"redrive": None})
        return letter, PublishingFailure(request=request, analysis=self._state.analysis)

    async def on_cancel(self) -> None:
        out: tuple[Job, ...] = self._board.abandon()
        await self._board.release_unused()
        if out:
            title, text = cancelled_notice(workflow.info().workflow_id, out)
            await tell_team(self._request.review.team, "cancelled-notice", title, text)
