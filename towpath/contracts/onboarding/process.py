"""The process of customer onboarding, and the key of a customer."""

import hashlib
import hmac

from towpath.contracts.core.process import PLAN, TRIGGER, Process
from towpath.contracts.core.wire import CustomerKey
from towpath.contracts.onboarding.customer import Customer, OnboardingRequest, OnboardingResult


def customer_key(customer: Customer, salt: bytes) -> CustomerKey:
    """The customer's own id where given; else the first 128 bits of HMAC-SHA-256 over the normalised e-mail address."""
    if customer.customer_id is not None:
        return CustomerKey(customer.customer_id)
    digest = hmac.new(salt, customer.email.strip().lower().encode(), hashlib.sha256)
    return CustomerKey(digest.hexdigest()[:32])


ONBOARDING = Process(
    name="customer-onboarding",
    request=OnboardingRequest,
    result=OnboardingResult,
    key=lambda request, salt: customer_key(request.customer, salt),
    labels=lambda request: {PLAN: request.customer.plan, TRIGGER: request.trigger},
    dead_letter_queue="failed-onboarding",
)
