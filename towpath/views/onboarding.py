"""How an onboarding ended, in words."""

from towpath.contracts.onboarding.customer import OnboardingResult
from towpath.views.processes import Views


def result_lines(ended: OnboardingResult) -> list[str]:
    """A result in lines for people."""
    lines = [f"outcome: {ended.outcome}"]
    if ended.decision is not None:
        by = "automatically"
        if ended.decision.review is not None:
            by = f"by {ended.decision.review.reviewer} ({ended.decision.review.reason or 'no reason given'})"
        lines.append(f"{'approved' if ended.decision.approved else 'not approved'} {by}, risk {ended.decision.score}")
    if ended.account is not None and ended.subscription is not None:
        lines.append(f"account {ended.account.account_id}, subscription {ended.subscription.subscription_id}")
    told = [f"{delivery.channel} {delivery.state}" for delivery in ended.deliveries]
    lines += [f"told: {', '.join(told)}"] if told else []
    lines += [f"without {step}: {note}" for step, note in ended.degraded.items()]
    return [*lines, f"cost: {ended.cost.in_words}"]


VIEWS = Views(result=result_lines)
