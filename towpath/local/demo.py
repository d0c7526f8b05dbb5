"""The demo: three customers onboarded on the local stack, each a different way, and what a person does about it."""

from dataclasses import dataclass

from towpath.contracts.onboarding import Customer
from towpath.local.view import Watched

POLL_SECONDS = 0.25
STORY_SECONDS = 50
REVIEWER = "dana"


@dataclass(frozen=True, slots=True)
class Story:
    """One customer of the demo, and the panel that shows the run."""

    customer: Customer
    watched: Watched
    point: str
