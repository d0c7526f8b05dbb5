"""Customer onboarding: what starts it, what it ends with, and what it keeps on the way."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self, cast

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    StringConstraints,
    model_validator,
)

from towpath.contracts.core.claude import Budget, Provenance
from towpath.contracts.core.delivery import Delivery, Language
from towpath.contracts.core.process import TriggerType
from towpath.contracts.core.review import DecidedReview, ReviewPolicy
from towpath.contracts.core.run import Cost, Discard
from towpath.contracts.core.service import Account, EmailVerification, Subscription
from towpath.contracts.core.signed import Signed
from towpath.contracts.core.text import clean_given, hidden_in
from towpath.contracts.core.wire import Wire


class CustomerPlan(StrEnum):
    STARTER = "starter"
    BUSINESS = "business"
    ENTERPRISE = "enterprise"


Email = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+$")
]
ShortText = Annotated[
    str, BeforeValidator(clean_given), StringConstraints(strip_whitespace=True, min_length=1, max_length=200)
]


class Customer(Wire):
    """A new customer. Only e-mail, company and plan must be given; more facts make a better assessment and kit."""

    email: Email = Field(description="contact e-mail address, gets the welcome mail")
    company: ShortText = Field(description="name of the company")
    plan: CustomerPlan = Field(description="the plan that was bought")
    customer_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = Field(
        default=None, description="your own id of the customer; names the run, so it must hold no personal data"
    )
    contact_name: ShortText | None = Field(default=None, description="how to address the contact")
    website: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+\S*$", max_length=200)] | None = Field(
        default=None, description="the company's site"
    )
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = Field(
        default=None, description="country of the company, two letters (ISO 3166-1)"
    )
    employees: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(default=None, description="head count")
    industry: ShortText | None = Field(default=None, description="industry, if known")
    language: Language = Field(default=Language.EN, description="language of the welcome kit and mail")
    _hidden: dict[str, str] = PrivateAttr(default_factory=dict[str, str])

    @property
    def hidden(self) -> dict[str, str]:
        """By field, what was given that no name and no address may hold. It is out of the names already."""
        return self._hidden

    @model_validator(mode="wrap")
    @classmethod
    def _note_hidden(cls, given: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(given)
        fields: Mapping[str, object] = cast("Mapping[str, object]", given) if isinstance(given, Mapping) else {}
        for name in cls.model_fields:
            text = fields.get(name)
            what = hidden_in(text) if isinstance(text, str) else None
            if what is not None:
                made.hidden[name] = what
        return made


class RiskReason(Wire):
    """One signal that was found, its weight, and a sentence for the reviewer."""

    signal: str
    weight: float
    text: str


class RiskAssessment(Wire):
    """`score` is 0 (none) to 1 (highest). The rule version names the weights that made it."""

    score: float
    reasons: tuple[RiskReason, ...]
    rule_version: str


class NewsItem(Wire):
    headline: str = Field(description="one sentence")
    date: str = Field(description="ISO date, or empty when unknown")


class CompanyResearch(Wire):
    """What Claude answers about a company. "unknown" and empty lists are proper answers; nothing may be invented."""

    industry: str = Field(description='the industry in one to three words, or "unknown"')
    size: str = Field(description='head count or size class, or "unknown"')
    recent_news: list[NewsItem] = Field(description="at most five, newest first")
    competitors: list[str] = Field(description="at most five names")
    sources: list[str] = Field(description="URLs that the facts were taken from")


class CompanyFacts(Wire):
    """What Claude is told for the research: no contact data."""

    company: str
    website: str | None
    country: str | None
    employees: int | None
    industry: str | None


class ResearchNotes(Wire):
    """Input of the second prompt after a web search: the notes to put into the schema."""

    company: str
    notes: str


class CompanyProfile(Wire):
    """The research as the process keeps it. `empty` marks a profile that could not be had, and why."""

    research: CompanyResearch
    empty: bool = False
    why_empty: str = ""
    provenance: Provenance | None = None


class KitFacts(Wire):
    """All that a welcome kit may state. Numbers and URLs outside of it are refused by `policy.claims`."""

    company: str
    contact_name: str | None
    industry: str
    plan: str
    features: tuple[str, ...]
    first_steps: tuple[str, ...]
    links: tuple[str, ...]
    support_email: str
    language: Language


class WelcomeKitDraft(Wire):
    """What Claude writes, in the customer's language."""

    email_subject: str = Field(description="at most 120 characters")
    email_body: str = Field(description="the welcome e-mail as plain text, at most 2500 characters")
    getting_started: list[str] = Field(description="three to eight steps, one sentence each")
    best_practices: list[str] = Field(description="three to six practices for the customer's industry, a sentence each")


class KitSource(StrEnum):
    MODEL = "model"
    TEMPLATE = "template"


class WelcomeKit(Wire):
    draft: WelcomeKitDraft
    language: Language
    source: KitSource
    why_template: str = ""
    provenance: Provenance | None = None


class OnboardingOutcome(StrEnum):
    ONBOARDED = "onboarded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DISCARDED = "discarded"


class DecisionRecord(Wire):
    """Why the customer was approved or not, and by whom: kept in the result."""

    approved: bool
    automatic: bool
    at: datetime
    score: float | None
    threshold: float
    reasons: tuple[RiskReason, ...]
    rule_version: str
    review_reasons: tuple[str, ...] = ()
    review: DecidedReview | None = None


class OnboardingView(Wire):
    """What a reviewer has to see of a customer: who it is, what the checks found, and what they could not find."""

    customer: Customer
    verification: EmailVerification | None = None
    profile: CompanyProfile | None = None
    risk: RiskAssessment | None = None
    threshold: float
    degraded: dict[str, str] = {}


class OnboardingCheckpoint(Wire):
    """What a failed run had already and a redrive does not do again: nothing that was undone."""

    verification: EmailVerification | None = None
    profile: CompanyProfile | None = None
    decision: DecisionRecord | None = None
    kit: WelcomeKit | None = None


class Redrive(Wire):
    """Continues a failed run: same workflow id, same effect keys."""

    run_id: str
    checkpoint: OnboardingCheckpoint = OnboardingCheckpoint()
    discard: Discard | None = None


class OnboardingRequest(Signed):
    """Input of the workflow `customer-onboarding`. From outside, `{"customer": {...}}` is enough."""

    customer: Customer
    trigger: TriggerType = TriggerType.MANUAL
    budget: Budget = Budget()
    review: ReviewPolicy = ReviewPolicy(team="compliance-team", escalate_to="compliance-leads")
    redrive: Redrive | None = None


class OnboardingResult(Wire):
    """How an onboarding ended. `degraded`: what could not be had, and what was done instead."""

    outcome: OnboardingOutcome
    decision: DecisionRecord | None = None
    account: Account | None = None
    subscription: Subscription | None = None
    profile: CompanyProfile | None = None
    kit_source: KitSource | None = None
    deliveries: tuple[Delivery, ...] = ()
    degraded: dict[str, str] = {}
    cost: Cost = Cost()
    discarded: Discard | None = None


class OnboardingFailure(Wire):
    """Second detail of a failed run, after its DeadLetter: what a redrive starts from."""

    request: OnboardingRequest
    checkpoint: OnboardingCheckpoint


RISK_THRESHOLD = 0.7
"""Above it, and not at it, a person decides."""
