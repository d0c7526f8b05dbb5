"""The process of customer onboarding, and the key of a customer."""

import hashlib
import hmac

from towpath.contracts.core.process import PLAN, TRIGGER, Again, Process
from towpath.contracts.core.wire import CustomerKey
from towpath.contracts.onboarding.customer import (
    Customer,
    OnboardingCheckpoint,
    OnboardingFailure,
    OnboardingOutcome,
    OnboardingRequest,
    OnboardingResult,
    Redrive,
)


def customer_key(customer: Customer, salt: bytes) -> CustomerKey:
    """The customer's own id where given; else the first 128 bits of HMAC-SHA-256 over the normalised e-mail address."""
    if customer.customer_id is not None:
        return CustomerKey(customer.customer_id)
    digest = hmac.new(salt, customer.email.strip().lower().encode(), hashlib.sha256)
    return CustomerKey(digest.hexdigest()[:32])


def _again(failure: OnboardingFailure, again: Again) -> OnboardingRequest:
    kept = failure.checkpoint if again.discard is None else OnboardingCheckpoint()
    redrive = Redrive(run_id=again.run_id, checkpoint=kept, discard=again.discard)
    return failure.request.model_copy(update={"redrive": redrive})


ONBOARDING = Process(
    name="customer-onboarding",
    folder="onboarding",
    request=OnboardingRequest,
    result=OnboardingResult,
    failure=OnboardingFailure,
    key=lambda request, salt: customer_key(request.customer, salt),
    labels=lambda request: {PLAN: request.customer.plan, TRIGGER: request.trigger},
    title=lambda request: f"Onboard {request.customer.company} ({request.customer.plan})",
    succeeded=lambda result: result.outcome in {OnboardingOutcome.ONBOARDED, OnboardingOutcome.DISCARDED},
    keeps=lambda failure: [name for name, value in failure.checkpoint if value is not None],
    again=_again,
    dead_letter_queue="failed-onboarding",
    command="onboarding",
    named_by_key=True,
)
