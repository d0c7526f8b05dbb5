"""The platforms as their data files describe them, for tests of the rules."""

from pathlib import Path

from towpath.config.platforms import load_platforms
from towpath.contracts.publishing.campaign import PlatformRules

FOLDER = Path(__file__).resolve().parents[2] / "definitions" / "platforms"
PLATFORMS = load_platforms(FOLDER)
X, LINKEDIN, BLOG = PLATFORMS.named(["x", "linkedin", "blog"])
LINK = "https://towpath.example/orders"


def with_rules(rules: PlatformRules, **fields: object) -> PlatformRules:
    """Rules with some fields otherwise."""
    return PlatformRules.model_validate(rules.model_dump() | fields)
