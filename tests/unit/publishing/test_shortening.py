"""Shortened posts keep every rule of their platform, and as much of the text as fits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.platforms import BLOG, LINK, LINKEDIN, X, with_rules
from towpath.contracts.publishing.campaign import PlatformRules
from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.limits import post_problems
from towpath.policy.publishing.shortening import shortened
from towpath.policy.publishing.weights import weighted_length

TINY = with_rules(X, platform="tiny", max_length=60, max_hashtags=1)
NO_LINK = with_rules(X, platform="unlinked", needs_link=False, max_links=0)
STRICT_BLOG = with_rules(BLOG, max_length=120, max_title_length=20, max_description_length=30, max_hashtags=2)
pieces = st.sampled_from(
    [
        *(
            "Orders stay safe. ",
            "주문은 사라지지 않습니다. ",
            "word ",
            "긴글",
            "a" * 40,
            "**bold** ",
            "1. ",
            "  ",
            "\n\n",
        ),
        *("[x](https://a.example/b) ", "https://b.example/c ", "abc.company", "towpath.io ", LINK, f" {LINK} ", "# "),
        *("# head\n", "```\ncode\n```\n", "#tag ", "#태그 ", "##x", "\x00", "\u202e", "…", "(", ")", "*", "_", "`"),
        *("1. ", "👨\u200d👩\u200d👧", "🇰🇷", "e\u0301"),
    ]
)
texts = st.one_of(st.lists(pieces, max_size=60).map("".join), st.text(max_size=400))
posts = st.lists(
    st.builds(
        Post,
        text=texts,
        title=st.one_of(st.just(""), texts),
        description=st.one_of(st.just(""), texts),
        tags=st.lists(st.text(max_size=10), max_size=4).map(tuple),
    ),
    max_size=9,
)


@settings(deadline=None, max_examples=400)
@given(posts, st.sampled_from([X, LINKEDIN, BLOG, TINY, NO_LINK, STRICT_BLOG]), st.sampled_from([None, LINK]))
def test_shortened_posts_pass_the_rules(given_posts: list[Post], rules: PlatformRules, link: str | None) -> None:
    """Whatever the posts were; and nothing comes back only where there was no word to publish."""
    made = shortened(given_posts, rules, link)

    assert not made or post_problems(made, rules, link) == ()
    if any("word" in post.text for post in given_posts):
        assert made


@settings(deadline=None)
@given(posts, st.sampled_from([X, LINKEDIN, BLOG, STRICT_BLOG]))
def test_what_is_within_the_rules_is_left_alone(given_posts: list[Post], rules: PlatformRules) -> None:
    """Shortening twice is shortening once."""
    once = shortened(given_posts, rules, LINK)

    assert shortened(once, rules, LINK) == once


@pytest.mark.parametrize(
    ("text", "made"),
    [
        pytest.param("Short enough.", "Short enough.", id="fits"),
        pytest.param(
            "Orders stay safe when a worker dies. " * 9,
            ("Orders stay safe when a worker dies. " * 7).strip(),
            id="at-a-sentence",
        ),
        pytest.param(
            "주문은 사라지지 않습니다. " * 20, ("주문은 사라지지 않습니다. " * 10).strip(), id="at-a-korean-sentence"
        ),
        pytest.param("word " * 80, "word " * 54 + "word…", id="at-a-word"),
        pytest.param("가" * 200, "가" * 139 + "…", id="without-a-space"),
        pytest.param("A. " + "b" * 400, "A. " + "b" * 275 + "…", id="sentence-too-short-to-stop-at"),
    ],
)
def test_cuts(text: str, made: str) -> None:
    """At the end of a sentence that uses enough of the room, else of a word, and with a mark then."""
    assert [post.text for post in shortened([Post(text=text)], X, None)] == [made]
    assert weighted_length(made, X) <= 280


def test_link_and_hashtags_at_the_end_are_kept() -> None:
    """What a post is for outlives its words."""
    text = f"{'Every order counts. ' * 20}\n\n{LINK} #DurableExecution #주문"

    made = shortened([Post(text="Hook."), Post(text=text)], X, LINK)[-1].text

    assert made.endswith(f"Every order counts.\n\n{LINK} #DurableExecution #주문")
    assert weighted_length(made, X) <= 280


def test_link_within_the_text_is_put_at_its_end() -> None:
    """A needed link that would be cut off, or that is missing, ends the last post."""
    made = shortened([Post(text=f"See {LINK} and {'read on ' * 60}")], X, LINK)[-1].text

    assert made.count(LINK) == 1
    assert made.endswith(LINK)


def test_thread_keeps_its_hook_and_its_call_to_action() -> None:
    """Of too many posts the last follow-ups go."""
    made = shortened([Post(text=f"Post {number}.") for number in range(9)], X, None)

    assert [post.text for post in made] == [f"Post {number}." for number in (0, 1, 2, 3, 4, 5, 8)]


def test_first_hashtags_stay() -> None:
    """Those beyond the limit go at the end of a text, and lose their sign within it."""
    made = shortened([Post(text="On #one and #two and #three."), Post(text="So #four it is.\n\n#five")], X, None)

    assert [post.text for post in made] == ["On #one and #two and #three.", "So four it is."]


def test_article_closes_its_code() -> None:
    """A cut within a block of code leaves no open fence."""
    made = shortened([Post(text="Intro.\n\n```python\n" + "call()\n" * 60, title="T")], STRICT_BLOG, None)[0]

    assert made.text.count("```") == 2
    assert made.text.endswith("\n```")
    assert len(made.text) <= 120
