"""A run measures its texts by the rules that it began with, so that its history replays; a new one by today's."""

import pytest

from tests.fakes.platforms import X
from towpath.contracts.publishing.campaign import Campaign
from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.texts import LATEST, text_rules


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("allegro.pl " + "a" * 265, id="ending-that-was-unknown"),
        pytest.param("https://intranet/" + "a" * 280, id="what-x-takes-for-text"),
    ],
)
def test_a_run_from_before_keeps_its_rules(text: str) -> None:
    """What was short enough when the run began stays so for it."""
    before = text_rules(Campaign(platforms=()).text_rules)

    assert before.post_problems([Post(text=text)], X, None) == ()
    assert text_rules(LATEST).post_problems([Post(text=text)], X, None) != ()
    assert before.shortened([Post(text=text)], X, None) == (Post(text=text),)
