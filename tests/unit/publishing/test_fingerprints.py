"""An own post is recognised on a timeline, and no other one is taken for it, however little differs."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.fingerprints import fingerprint, is_versioned, matches
from towpath.policy.publishing.markup import cleaned
from towpath.policy.publishing.weights import composed

TEXT = "We lost no order – since 2024!\n\nRead on: https://towpath.example/orders #DurableExecution #주문"
pieces = st.sampled_from(
    [
        *("Node.js", "Next.js", "5%", "5", " ", "\n", ".", "-", "&", "<", "#주문", "@kim", "가", "é", "👍🏽"),
        *("https://hanbit.example/a", "http://hanbit.example/b", "hanbit.example", "xn--xx3br43b.kr", "&amp;"),
    ]
)
posts = st.one_of(st.text(min_size=1, max_size=120), st.lists(pieces, min_size=1, max_size=30).map("".join))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param(TEXT, TEXT, id="as-it-was"),
        pytest.param(TEXT, f"  {TEXT}\n", id="space-around-it"),
        pytest.param("See hanbit.example/a now", "See http://hanbit.example/a now", id="bare-domain-that-x-completes"),
        pytest.param("보세요 https://한빛.kr", "보세요 https://xn--xx3br43b.kr", id="domain-in-hangul"),
        pytest.param("cafe\u0301", "café", id="composed"),
    ],
)
def test_own_post_is_found(text: str, seen: str) -> None:
    """As X and LinkedIn give texts back, through their clients."""
    assert matches(fingerprint(Post(text=text)), seen)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("We moved to Node.js", "We moved to Next.js", id="inner-dot"),
        pytest.param("Up 5%", "Up 5", id="sign"),
        pytest.param("Up 5", "Up -5", id="minus"),
        pytest.param("Tip: https://hanbit.example/a", "Tip: https://hanbit.example/b", id="link"),
        pytest.param("See a.example", "See b.example", id="bare-domain"),
        pytest.param("we said yes", "We said yes", id="case"),
        pytest.param("one two", "one  two", id="space"),
        pytest.param("1 < 2", "1 &lt; 2", id="text-about-escapes"),
        pytest.param("Version 3.5", "Version 3.6", id="decimal"),
        pytest.param("👍", "👍🏽", id="skin-tone"),
        pytest.param("#주문", "#문의", id="hashtag"),
    ],
)
def test_other_post_is_not_taken_for_it(left: str, right: str) -> None:
    """A link, a dot or a sign that differs makes another post."""
    assert fingerprint(Post(text=left)) != fingerprint(Post(text=right))
    assert not matches(fingerprint(Post(text=left)), right)


@settings(deadline=None)
@given(posts, st.data())
def test_one_character_makes_another_post(text: str, data: st.DataObject) -> None:
    """Whichever it is, wherever it stands: replaced, left out or put in."""
    text = composed(cleaned(text))
    assume(text)
    place = data.draw(st.integers(0, len(text)))
    letter = data.draw(st.one_of(st.characters(), st.sampled_from(" .%-/:5hs")))
    for end in (place, place + 1):
        for middle in (letter, ""):
            other = composed(cleaned(text[:place] + middle + text[end:]))
            assert (fingerprint(Post(text=other)) == fingerprint(Post(text=text))) == (other == text)
            assert matches(fingerprint(Post(text=text)), other) == (other == text)


@settings(deadline=None)
@given(st.sampled_from(["text", "title", "description"]), st.text(min_size=1, max_size=40))
def test_every_field_of_an_article_counts(field: str, more: str) -> None:
    """An article with another body is another article."""
    article = Post(title="No order lost", description="How Hanbit did it.", text="# Long\n\nbody", tags=("etl",))

    assert fingerprint(article) != fingerprint(article.model_copy(update={field: getattr(article, field) + more}))
    assert fingerprint(article) != fingerprint(article.model_copy(update={"tags": ("etl", more)}))


def test_a_run_from_before_is_compared_by_its_rule() -> None:
    """An activity that was scheduled by an older worker has a fingerprint without a version."""
    wanted = "d582bc01c25673cfd9bf7169aed23fc8c3c1f8d1d93cfc2bce98f8cdd482daf5"

    assert not is_versioned(wanted)
    assert matches(wanted, TEXT.replace("https://towpath.example/orders", "https://t.co/a1B2c3D4e5"))
    assert not matches(wanted, TEXT.replace("2024", "2023"))
