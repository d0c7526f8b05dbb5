"""Which rules hold for the texts of a run: those that it began with, since a run replays its history on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from towpath.contracts.publishing.campaign import Draft, PlatformRules
from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing import limits, shortening
from towpath.policy.publishing.first import limits as first_limits
from towpath.policy.publishing.first import shortening as first_shortening

LATEST = 2
"""What a campaign that is loaded now is held to."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """The functions of `limits` and `shortening`, of one version."""

    draft_problems: Callable[[Draft, PlatformRules, str | None], tuple[str, ...]]
    post_problems: Callable[[Sequence[Post], PlatformRules, str | None], tuple[str, ...]]
    link_problems: Callable[[str, PlatformRules], tuple[str, ...]]
    posts_of: Callable[[Draft, PlatformRules, str | None], tuple[Post, ...]]
    shortened: Callable[[Sequence[Post], PlatformRules, str | None], tuple[Post, ...]]


_FIRST = TextRules(
    draft_problems=first_limits.draft_problems,
    post_problems=first_limits.post_problems,
    link_problems=first_limits.link_problems,
    posts_of=first_limits.posts_of,
    shortened=first_shortening.shortened,
)
_LATEST = TextRules(
    draft_problems=limits.draft_problems,
    post_problems=limits.post_problems,
    link_problems=limits.link_problems,
    posts_of=limits.posts_of,
    shortened=shortening.shortened,
)


def text_rules(version: int) -> TextRules:
    """1 is what runs began with before X's own grammar was used."""
    return _FIRST if version == 1 else _LATEST
