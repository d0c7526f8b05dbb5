"""An own post is recognised on a timeline, whatever the platform made of its links, signs and space."""

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.fingerprints import fingerprint, matches

TEXT = "We lost no order – since 2024!\n\nRead on: https://towpath.example/orders #DurableExecution #주문"


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(TEXT, id="as-it-was"),
        pytest.param(TEXT.replace("https://towpath.example/orders", "https://t.co/a1B2c3D4e5"), id="short-link"),
        pytest.param(html.escape(TEXT), id="html-escaped"),
        pytest.param(" ".join(TEXT.split()) + " https://t.co/Zz9", id="space-and-a-media-link"),
        pytest.param(
            TEXT.replace("#DurableExecution", r"{hashtag|\#|DurableExecution}").replace("!", r"\!"), id="little-text"
        ),
    ],
)
def test_own_post_is_found(seen: str) -> None:
    """As X and LinkedIn give texts back."""
    assert matches(fingerprint(Post(text=TEXT)), seen)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(TEXT.replace("2024", "2023"), id="other-number"),
        pytest.param(TEXT.replace("no order", "an order"), id="other-word"),
        pytest.param(TEXT.replace("주문", "문의"), id="other-hashtag"),
        pytest.param("", id="nothing"),
    ],
)
def test_other_post_is_not_taken_for_it(seen: str) -> None:
    """A number or a word that differs is another post."""
    assert not matches(fingerprint(Post(text=TEXT)), seen)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param("See towpath.photography now", "See https://t.co/x now", id="bare-domain-of-any-ending"),
        pytest.param("자세히는 https://a.example에서 보세요", "자세히는 https://t.co/x에서 보세요", id="particle"),
        pytest.param("Use &amp; and &lt;b&gt;", "Use &amp;amp; and &amp;lt;b&amp;gt;", id="text-about-escapes"),
        pytest.param("Version 3.5 is out", "Version 3.5 is out", id="decimal"),
        pytest.param("👍🏽🎉", "👍🏽🎉", id="emoji-only"),
    ],
)
def test_what_platforms_rewrite_does_not_count(text: str, seen: str) -> None:
    """Links of every kind are left out on both sides."""
    assert matches(fingerprint(Post(text=text)), seen)


def test_decimals_and_emoji_count() -> None:
    """They are no links, and posts may differ in nothing else."""
    assert not matches(fingerprint(Post(text="Version 3.5 is out")), "Version 3.6 is out")
    assert not matches(fingerprint(Post(text="👍")), "👎")


def test_article_is_known_by_title_and_description() -> None:
    """A site makes HTML of its body."""
    article = Post(title="No order lost", description="How Hanbit did it.", text="# Long\n\nbody")

    assert matches(fingerprint(article), "No order lost\nHow Hanbit did it.")
    assert fingerprint(article) == fingerprint(article.model_copy(update={"text": "<h1>Long</h1>"}))
    assert fingerprint(article) != fingerprint(article.model_copy(update={"title": "No order kept"}))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_escaped_text_is_the_same(text: str) -> None:
    """Whatever is in it."""
    assert matches(fingerprint(Post(text=text)), html.escape(text))
    assert matches(fingerprint(Post(text=text)), f"  {text}\n")
