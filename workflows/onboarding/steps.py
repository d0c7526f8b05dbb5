"""The steps of customer-onboarding: what each one asks for, and what a missing answer means."""

import asyncio

from temporalio import workflow
from temporalio.types import MethodAsyncSingleParam

from activities.delivery import DeliveryActivities
from activities.services import ServiceActivities
from towpath.contracts.core.delivery import Delivered, Delivery, DeliveryState, PostSlack, SendEmail, UpdateCrm
from towpath.contracts.core.run import StepState
from towpath.contracts.core.service import (
    Account,
    CreateAccount,
    EmailVerification,
    SetUpBilling,
    Subscription,
    Undone,
    UndoRequest,
    VerifyEmail,
)
from towpath.contracts.onboarding.customer import (
    CompanyFacts,
    CompanyProfile,
    CompanyResearch,
    DecisionRecord,
    KitSource,
    OnboardingCheckpoint,
    OnboardingRequest,
    ResearchNotes,
    RiskAssessment,
    WelcomeKit,
)
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.contracts.prompts import RESEARCH_COMPANY, STRUCTURE_RESEARCH, WELCOME_KIT
from towpath.policy.core.messages import announcement, welcome_mail
from towpath.policy.onboarding.kit import kit_problems, template_kit
from towpath.policy.onboarding.plans import kit_facts
from towpath.policy.onboarding.risk import FIRST_VERSION, RULE_VERSION, RiskUnavailableError, assess_customer_risk
from workflows.kit.asking import Asked, Asker
from workflows.kit.calling import ArgT, CallFailedError, SelfT, call
from workflows.kit.compensation import Compensations, may_stand
from workflows.kit.failing import StepFailedError
from workflows.kit.options import CHECK, EFFECT, UNDO
from workflows.kit.steps import Steps

NEW_CUSTOMERS_CHANNEL = "#new-customers"
ONBOARDED, NOT_ONBOARDED = "onboarded", "not-onboarded"
"""The customer's status in the CRM; the second one after a run that was cancelled."""
LOOKALIKES = "lookalike-domains-2026-12"

TITLES = {
    "verify-email": "Verify the e-mail address",
    "company-research": "Research the company",
    "risk-assessment": "Assess the customer's risk",
    "manual-review": "Review by a person",
    "auto-approve": "Approve automatically",
    "create-account": "Create the account",
    "setup-billing": "Set up billing",
    "generate-welcome-kit": "Write the welcome kit",
    "send-email": "Send the welcome e-mail",
    "send-slack": "Announce in Slack",
    "send-crm": "Set the CRM status",
}


class OnboardingState:
    """What one run knows: its request, its step record, and what a redrive of it would keep."""

    def __init__(self, request: OnboardingRequest) -> None:
        redrive = request.redrive
        self.request = request
        self.customer = request.customer
        self.steps = Steps(ONBOARDING.name, TITLES, None if redrive is None else redrive.run_id)
        self.asker = Asker(self.steps, request.budget)
        self.degraded: dict[str, str] = {}
        self.rules = RULE_VERSION
        """By which the risk is assessed."""
        kept = OnboardingCheckpoint() if redrive is None else redrive.checkpoint
        self.verification: EmailVerification | None = kept.verification
        self.profile: CompanyProfile | None = kept.profile
        self.decision: DecisionRecord | None = kept.decision
        self.kit: WelcomeKit | None = kept.kit
        self.risk: RiskAssessment | None = None

    @property
    def reference(self) -> str:
        """How the services know the customer: the run's business key."""
        return workflow.info().workflow_id.removeprefix(f"{ONBOARDING.name}/")

    def checkpoint(self) -> OnboardingCheckpoint:
        return OnboardingCheckpoint(
            verification=self.verification, profile=self.profile, decision=self.decision, kit=self.kit
        )

    def degrade(self, step: str, note: str) -> None:
        self.degraded[step] = note
        self.steps.degrade(step, note)


class Checks:
    """The checks that run together. One that cannot be had degrades, by the policy in its docstring."""

    def __init__(self, state: OnboardingState) -> None:
        self._state = state
        self._steps = state.steps

    async def run(self) -> RiskAssessment | None:
        await asyncio.gather(
            asyncio.ensure_future(self._verify_email()), asyncio.ensure_future(self._research_company())
        )
        return self._assess_risk()

    async def _verify_email(self) -> None:
        """No verification: a person decides."""
        step, state = "verify-email", self._state
        if state.verification is not None:
            self._steps.keep(step)
            return
        request = VerifyEmail(email=state.customer.email, key=self._steps.key(step))
        try:
            state.verification = await self._steps.perform(step, ServiceActivities.verify_email, request, CHECK)
        except StepFailedError as error:
            state.degrade(step, f"no verification ({error.failure.code}): human review")

    async def _research_company(self) -> None:
        """No research: an empty profile that is marked as such."""
        step, state = "company-research", self._state
        if state.profile is not None and not state.profile.empty:
            self._steps.keep(step)
            return
        self._steps.begin(step)
        try:
            asked = await self._ask_about_company(step)
        except StepFailedError as error:
            why = f"no research ({error.failure.code})"
            state.degrade(step, f"{why}: empty profile")
            nothing = CompanyResearch(industry="unknown", size="unknown", recent_news=[], competitors=[], sources=[])
            state.profile = CompanyProfile(research=nothing, empty=True, why_empty=why)
            return
        self._steps.complete(step, attempts=self._steps[step].attempts)
        state.profile = CompanyProfile(research=asked.output, provenance=asked.provenance)

    async def _ask_about_company(self, step: str) -> Asked[CompanyResearch]:
        customer, asker = self._state.customer, self._state.asker

        async def structure(notes: str) -> Asked[CompanyResearch]:
            def invented(found: CompanyResearch) -> tuple[str, ...]:
                return tuple(f"source {url} is not in the notes" for url in found.sources if url not in notes)

            return await asker.ask(
                step, STRUCTURE_RESEARCH, ResearchNotes(company=customer.company, notes=notes), invented
            )

        facts = CompanyFacts(
            company=customer.company,
            website=customer.website,
            country=customer.country,
            employees=customer.employees,
            industry=customer.industry,
        )
        return await asker.ask(step, RESEARCH_COMPANY, facts, notes=structure)

    def _assess_risk(self) -> RiskAssessment | None:
        """No score: a person decides."""
        step = "risk-assessment"
        self._steps.begin(step)
        self._state.rules = RULE_VERSION if workflow.patched(LOOKALIKES) else FIRST_VERSION
        try:
            risk = assess_customer_risk(self._state.customer, self._state.rules)
        except RiskUnavailableError as error:
            self._state.degrade(step, f"no score ({error}): human review")
            return None
        self._steps.complete(step, note=f"score {risk.score:.2f}")
        self._state.risk = risk
        return risk


class Provisioning:
    """Account, billing and welcome kit, together. Account or billing failing for good fails the run."""

    def __init__(self, state: OnboardingState, undo: Compensations) -> None:
        self._state = state
        self._steps = state.steps
        self._undo = undo

    async def run(self) -> tuple[Account, Subscription, WelcomeKit]:
        """Raises StepFailedError after all three have ended: what runs is let finish, so that it can be undone."""
        account = asyncio.ensure_future(self._create_account())
        subscription = asyncio.ensure_future(self._set_up_billing())
        kit = asyncio.ensure_future(self._write_kit())
        await asyncio.gather(account, subscription, kit, return_exceptions=True)
        return account.result(), subscription.result(), kit.result()

    async def _create_account(self) -> Account:
        step, customer = "create-account", self._state.customer
        self._undo.add(step, lambda: self._undo_step(step, ServiceActivities.close_account))
        request = CreateAccount(
            reference=self._state.reference,
            company=customer.company,
            email=customer.email,
            plan=customer.plan,
            language=customer.language,
            key=self._steps.key(step),
        )
        return await self._steps.perform(step, ServiceActivities.create_account, request, EFFECT)

    async def _set_up_billing(self) -> Subscription:
        step, customer = "setup-billing", self._state.customer
        self._undo.add(step, lambda: self._undo_step(step, ServiceActivities.cancel_billing))
        request = SetUpBilling(
            reference=self._state.reference, plan=customer.plan, email=customer.email, key=self._steps.key(step)
        )
        return await self._steps.perform(step, ServiceActivities.set_up_billing, request, EFFECT)

    async def _write_kit(self) -> WelcomeKit:
        """No kit from Claude: the template."""
        step, state = "generate-welcome-kit", self._state
        if state.kit is not None and state.kit.source is KitSource.MODEL:
            self._steps.keep(step)
            return state.kit
        self._steps.begin(step)
        industry = "unknown" if state.profile is None else state.profile.research.industry
        facts, language = kit_facts(state.customer, industry), state.customer.language
        try:
            asked = await state.asker.ask(step, WELCOME_KIT, facts, lambda draft: kit_problems(draft, facts))
        except StepFailedError as error:
            why = f"no kit from Claude ({error.failure.code})"
            state.degrade(step, f"{why}: template")
            template = template_kit(facts)
            state.kit = WelcomeKit(draft=template, language=language, source=KitSource.TEMPLATE, why_template=why)
            return state.kit
        self._steps.complete(step, attempts=self._steps[step].attempts)
        state.kit = WelcomeKit(
            draft=asked.output, language=language, source=KitSource.MODEL, provenance=asked.provenance
        )
        return state.kit

    async def _undo_step(self, step: str, activity: MethodAsyncSingleParam[SelfT, UndoRequest, Undone]) -> bool:
        """Keyed by the run: a customer that fails twice is undone twice."""
        key = self._steps.key(f"{step}/undo/{workflow.info().run_id}")
        title = self._steps[step].title
        try:
            undone = await call(
                activity,
                UndoRequest(reference=self._state.reference, key=key),
                UNDO,
                activity_id=f"{step}/undo",
                summary=f"Undo: {title}",
            )
        except CallFailedError as error:
            self._undo.not_undone.append(step)
            self._steps.remark(step, f"not undone ({error.failure.code})")
            return False
        if undone.found:
            self._steps.undo(step)
        return undone.found


class Telling:
    """One message to each channel, together. A dead channel is reported, not fatal."""

    def __init__(self, state: OnboardingState, undo: Compensations) -> None:
        self._state = state
        self._steps = state.steps
        self._undo = undo

    async def run(self, kit: WelcomeKit) -> tuple[Delivery, ...]:
        """A cancellation passes after all three have ended, so that it is known what was sent."""
        email = asyncio.ensure_future(self._email(kit))
        slack = asyncio.ensure_future(self._slack())
        crm = asyncio.ensure_future(self._crm())
        await asyncio.gather(email, slack, crm, return_exceptions=True)
        return email.result(), slack.result(), crm.result()

    def told(self) -> tuple[str, ...]:
        """What a cancelled run has said to people, or may have: a message cannot be taken back."""
        found: list[str] = []
        for step in ("send-email", "send-slack"):
            record = self._steps[step]
            if record.state is StepState.COMPLETED:
                found.append(f"{step}: sent")
            elif may_stand(record):
                found.append(f"{step}: perhaps sent")
                self._steps.remark(step, "perhaps sent: its answer did not come")
        return tuple(found)

    async def _email(self, kit: WelcomeKit) -> Delivery:
        subject, body = welcome_mail(kit)
        message = SendEmail(
            to=self._state.customer.email,
            subject=subject,
            body=body,
            language=kit.language,
            key=self._steps.key("send-email"),
        )
        return await self._send("email", "send-email", DeliveryActivities.send_email, message)

    async def _slack(self) -> Delivery:
        message = PostSlack(
            channel=NEW_CUSTOMERS_CHANNEL, text=announcement(self._state.customer), key=self._steps.key("send-slack")
        )
        return await self._send("slack", "send-slack", DeliveryActivities.post_slack, message)

    async def _crm(self) -> Delivery:
        step = "send-crm"
        self._undo.add(step, self._set_back)
        update = UpdateCrm(reference=self._state.reference, status=ONBOARDED, key=self._steps.key(step))
        delivery = await self._send("crm", step, DeliveryActivities.update_crm, update)
        if delivery.failure is not None and not delivery.failure.unknown:
            self._undo.drop(step)
        return delivery

    async def _set_back(self) -> bool:
        """The CRM does not say what the status was: it gets one that says what became of the customer."""
        step = "send-crm"
        key = self._steps.key(f"{step}/undo/{workflow.info().run_id}")
        update = UpdateCrm(reference=self._state.reference, status=NOT_ONBOARDED, key=key)
        options = {"activity_id": f"{step}/undo", "summary": f"Undo: {self._steps[step].title}"}
        try:
            await call(DeliveryActivities.update_crm, update, UNDO, **options)
        except CallFailedError as error:
            self._undo.not_undone.append(step)
            self._steps.remark(step, f"not undone ({error.failure.code})")
            return False
        self._steps.undo(step)
        return True

    async def _send(
        self, channel: str, step: str, activity: MethodAsyncSingleParam[SelfT, ArgT, Delivered], message: ArgT
    ) -> Delivery:
        try:
            delivered = await self._steps.perform(step, activity, message, EFFECT)
        except StepFailedError as error:
            return Delivery(channel=channel, state=DeliveryState.FAILED, failure=error.failure)
        return Delivery(channel=channel, state=DeliveryState.DELIVERED, message_id=delivered.message_id)
