"""Functions about customers: risk, approval, and what a welcome kit is made of."""

from typing import Literal

from towpath.contracts.core.delivery import Language
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.core.wire import Wire
from towpath.contracts.onboarding.customer import (
    Customer,
    KitFacts,
    KitSource,
    RiskAssessment,
    WelcomeKit,
    WelcomeKitDraft,
)
from towpath.functions.registry import FunctionError, step_function
from towpath.policy.core.messages import welcome_mail
from towpath.policy.onboarding.kit import kit_problems, template_kit
from towpath.policy.onboarding.plans import kit_facts
from towpath.policy.onboarding.risk import RiskUnavailableError, assess_customer_risk


class Approval(Wire):
    """How a customer was approved."""

    approved: Literal[True] = True
    automatic: Literal[True] = True


class WelcomeMail(Wire):
    """The mail that is sent, and whether Claude or the template wrote it."""

    subject: str
    body: str
    source: KitSource


@step_function("assessCustomerRisk", pure=True)
def assess_risk(customer: Customer, rules: Literal["2026-11", "2026-12"] = "2026-11") -> RiskAssessment:
    """The risk of a new customer from 0 to 1, with reasons, by the rules of a version."""
    try:
        return assess_customer_risk(customer, rules)
    except RiskUnavailableError as error:
        raise FunctionError(FailureCode.FUNCTION_FAILED, f"no score: {error}") from error


@step_function("approveCustomer", pure=True)
def approve_customer() -> Approval:
    """Approve without a person."""
    return Approval()


@step_function("welcomeKitFacts", pure=True)
def welcome_kit_facts(customer: Customer, industry: str = "unknown") -> KitFacts:
    """All that a welcome kit may state about the customer and the plan."""
    return kit_facts(customer, industry)


@step_function("welcomeMail", pure=True)
def make_welcome_mail(facts: KitFacts, draft: WelcomeKitDraft | None = None) -> WelcomeMail:
    """The welcome mail of a draft that keeps the rules for kits; of the template for one that does not."""
    usable = draft is not None and not kit_problems(draft, facts)
    used = draft if draft is not None and usable else template_kit(facts)
    source = KitSource.MODEL if usable else KitSource.TEMPLATE
    subject, body = welcome_mail(WelcomeKit(draft=used, language=Language(facts.language), source=source))
    return WelcomeMail(subject=subject, body=body, source=source)
