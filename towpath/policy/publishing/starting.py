"""What a campaign may not start with, whoever starts it: what the command refuses beyond the shape of a request."""

from towpath.contracts.publishing.campaign import PublishingRequest
from towpath.policy.publishing.timing import unknown_zones


def start_problems(request: PublishingRequest) -> tuple[str, ...]:
    """A sentence each."""
    empty = request.content is not None and not request.content.strip()
    return (*(["content: is empty"] if empty else []), *unknown_zones(request.metadata.audience_zones))
