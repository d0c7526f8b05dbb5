"""The process customer-onboarding: check, decide, provision, tell; undone and queued when it fails."""

from temporalio import workflow

from towpath.contracts.core.delivery import OPERATIONS_TEAM
from towpath.contracts.core.review import Verdict
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.core.service import EmailVerdict, EmailVerification
from towpath.contracts.onboarding.customer import (
    RISK_THRESHOLD,
    DecisionRecord,
    OnboardingFailure,
    OnboardingOutcome,
    OnboardingRequest,
    OnboardingResult,
    OnboardingView,
    RiskAssessment,
)
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.policy.core.messages import cancelled_notice, failure_notice, review_notice
from towpath.policy.onboarding.starting import start_problems
from workflows.kit.compensation import Compensations
from workflows.kit.failing import StepFailedError
from workflows.kit.notices import tell_team
from workflows.kit.process import ProcessRun
from workflows.kit.review import Asking, Reviewable, plan_by
from workflows.kit.signing import kept_counts
from workflows.kit.starting import refuse_start
from workflows.kit.task import Desk
from workflows.onboarding.steps import Checks, OnboardingState, Provisioning, Telling


@workflow.defn(name=ONBOARDING.name)
class CustomerOnboardingWorkflow(ProcessRun, Reviewable):
    """One customer from request to told, at most once: every effect has a key that retries and redrives share."""

    @workflow.init
    def __init__(self, request: OnboardingRequest) -> None:
        self._request = request
        self._state = OnboardingState(request)
        ProcessRun.__init__(self, ONBOARDING, self._state.steps)
        Reviewable.__init__(self)
        self._undo = Compensations()
        self._provisioning = Provisioning(self._state, self._undo)
        self._telling = Telling(self._state, self._undo)

    @workflow.query(name="onboarding")
    def onboarding(self) -> OnboardingView:
        """The customer, and what is known of the risk."""
        state = self._state
        return OnboardingView(
            customer=state.customer,
            verification=state.verification,
            profile=state.profile,
            risk=state.risk,
            threshold=RISK_THRESHOLD,
            degraded=state.degraded,
        )

    @workflow.run
    async def run(self, request: OnboardingRequest) -> OnboardingResult:
        self.introduce(request)
        if request.redrive is not None and request.redrive.discard is not None:
            self.steps.end(OnboardingOutcome.DISCARDED)
            return OnboardingResult(outcome=OnboardingOutcome.DISCARDED, discarded=request.redrive.discard)
        refuse_start(start_problems(request))
        return await self.carry_out(self._onboard())

    async def _onboard(self) -> OnboardingResult:
        state = self._state
        risk = await Checks(state).run()
        if state.decision is not None and not kept_counts(self._request):
            state.decision = None
        if state.decision is None:
            state.decision = await self._decide(state.verification, risk)
        else:
            self._keep_decision(automatic=state.decision.automatic)
        if not state.decision.approved:
            return self._end(OnboardingOutcome.EXPIRED if state.decision.review is None else OnboardingOutcome.REJECTED)
        account, subscription, kit = await self._provisioning.run()
        deliveries = await self._telling.run(kit)
        return self._end(OnboardingOutcome.ONBOARDED).model_copy(
            update={
                "account": account,
                "subscription": subscription,
                "kit_source": kit.source,
                "deliveries": deliveries,
            }
        )

    def _end(self, outcome: OnboardingOutcome) -> OnboardingResult:
        self.steps.end(outcome)
        state = self._state
        return OnboardingResult(
            outcome=outcome,
            decision=state.decision,
            profile=state.profile,
            degraded=self._state.degraded,
            cost=self.steps.cost,
        )

    async def _decide(self, verification: EmailVerification | None, risk: RiskAssessment | None) -> DecisionRecord:
        reasons = _review_reasons(verification, risk)
        record = DecisionRecord(
            approved=True,
            automatic=True,
            at=workflow.now(),
            score=None if risk is None else risk.score,
            threshold=RISK_THRESHOLD,
            reasons=() if risk is None else risk.reasons,
            rule_version=self._state.rules,
            review_reasons=reasons,
        )
        if not reasons:
            self.steps.skip("manual-review")
            self.steps.complete("auto-approve")
            return record
        self.steps.skip("auto-approve")
        return await self._review(record)

    def _keep_decision(self, *, automatic: bool) -> None:
        kept, other = ("auto-approve", "manual-review") if automatic else ("manual-review", "auto-approve")
        self.steps.keep(kept)
        self.steps.skip(other)

    async def _review(self, record: DecisionRecord) -> DecisionRecord:
        step, policy, customer = "manual-review", self._request.review, self._request.customer
        self.steps.begin(step)
        title = f"onboard {customer.company} ({customer.plan})"
        plan = plan_by(policy, step, title, record.review_reasons)
        asking = Asking(self, self.steps, plan, Desk(review_notice, tell_team))
        asking.open(step)
        review = await asking.decision()
        note = "expired: not onboarded" if review is None else f"{review.verdict} by {review.reviewer}"
        self.steps.complete(step, note=note)
        if workflow.patched("review-closing-notice-2026-11"):
            await asking.tell_end()
        approved = review is not None and review.verdict is Verdict.APPROVE
        return record.model_copy(
            update={"approved": approved, "automatic": False, "review": review, "at": workflow.now()}
        )

    async def on_failure(self, error: StepFailedError) -> tuple[DeadLetter, OnboardingFailure]:
        """Undo, tell operations, queue: the fallback chain."""
        at, undone = workflow.now(), await self._undo.unwind()
        letter = self.letter(error, at, undone=undone, not_undone=tuple(self._undo.not_undone))
        await tell_team(
            OPERATIONS_TEAM, "failure-notice", *failure_notice(workflow.info().workflow_id, letter, "Onboarding")
        )
        request = self._request.model_copy(update={"redrive": None})
        return letter, OnboardingFailure(request=request, checkpoint=self._state.checkpoint())

    async def on_cancel(self) -> None:
        """Undo, and tell operations of what stays: the record alone is read by nobody."""
        undone, told = await self._undo.unwind(), self._telling.told()
        if told or self._undo.not_undone:
            stays = tuple(self._undo.not_undone)
            title, text = cancelled_notice(workflow.info().workflow_id, undone, stays, told)
            await tell_team(OPERATIONS_TEAM, "cancelled-notice", title, text)


def _review_reasons(verification: EmailVerification | None, risk: RiskAssessment | None) -> tuple[str, ...]:
    """Why a person must decide; empty means automatic approval."""
    reasons: list[str] = []
    if verification is None:
        reasons.append("the e-mail address could not be verified")
    elif verification.verdict is EmailVerdict.UNDELIVERABLE:
        reasons.append("the e-mail address cannot be delivered to")
    if risk is None:
        reasons.append("the risk could not be assessed")
    elif risk.score > RISK_THRESHOLD:
        reasons.append(f"risk {risk.score:.2f} is above {RISK_THRESHOLD}")
        reasons.extend(f"{reason.text} (+{reason.weight:.2f})" for reason in risk.reasons)
    return tuple(reasons)
