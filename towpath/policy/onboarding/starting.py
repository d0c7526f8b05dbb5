"""What an onboarding may not start with, whoever starts it: names and addresses that hide something."""

from towpath.contracts.onboarding.customer import OnboardingRequest


def start_problems(request: OnboardingRequest) -> tuple[str, ...]:
    """Field, problem and mend. No value is in it."""
    return tuple(
        f"customer.{field}: has {what}: give it on one line, of characters that are seen"
        for field, what in request.customer.hidden.items()
    )
