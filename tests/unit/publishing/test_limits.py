"""Drafts and edited posts are measured against the platform's rules, and what is wrong is said in sentences."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.platforms import BLOG, LINK, LINKEDIN, X, with_rules
from towpath.contracts.core.delivery import Language
from towpath.contracts.publishing.campaign import ArticleDraft, Draft, PlatformRules, PostDraft, ThreadDraft
from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.limits import (
    draft_problems,
    draft_type,
    limits_in_words,
    link_problems,
    post_problems,
    posts_of,
)

THREAD = ThreadDraft(
    hook="No order lost since 2024.",
    follow_ups=["State is kept.", "Retries are safe.", "People decide."],
    call_to_action="Read how:",
    hashtags=["durable execution", "#Temporal", "temporal", "주문", "more"],
)
ARTICLE = ArticleDraft(title="No order lost", description="How.", body="# Why\n\nBecause.", tags=["#orders"])


def thread(**fields: object) -> ThreadDraft:
    return ThreadDraft.model_validate(THREAD.model_dump() | fields)


def test_thread_as_posts() -> None:
    """One post a part; the link and as many hashtags as are allowed, each once, end the last one."""
    assert [post.text for post in posts_of(THREAD, X, LINK)] == [
        "No order lost since 2024.",
        "State is kept.",
        "Retries are safe.",
        "People decide.",
        f"Read how:\n\n{LINK} #durableexecution #Temporal #주문",
    ]
    assert draft_problems(THREAD, X, LINK) == ()


def test_link_and_hashtags_that_are_there_are_not_put_twice() -> None:
    """Claude may have written them into the text."""
    draft = PostDraft(text=f"Safe orders with #Temporal. {LINK}에서 읽어 보세요.", hashtags=["temporal", "orders"])

    assert [post.text for post in posts_of(draft, LINKEDIN, LINK)] == [f"{draft.text}\n\n#orders"]


def test_markdown_is_taken_out_where_it_is_not_rendered() -> None:
    """It would show as signs; on the blog it is what is wanted."""
    text = "## Why\n**Because** orders matter, see [the docs](https://towpath.example/docs).\x00"

    assert posts_of(PostDraft(text=text, hashtags=[]), LINKEDIN, None)[0].text == (
        "Why\nBecause orders matter, see the docs https://towpath.example/docs."
    )
    assert posts_of(ARTICLE.model_copy(update={"body": text}), BLOG, None)[0].text == text.rstrip("\x00")


@pytest.mark.parametrize(
    ("draft", "rules", "problem"),
    [
        pytest.param(thread(hook=" "), X, "hook is empty", id="empty-hook"),
        pytest.param(PostDraft(text="\x1b", hashtags=[]), LINKEDIN, "text is empty", id="nothing-to-be-seen"),
        pytest.param(thread(follow_ups=["a", "", "b"]), X, "follow_ups[1] is empty", id="empty-follow-up"),
        pytest.param(thread(follow_ups=["a", "b"]), X, "follow_ups must have 3 to 5 posts, it has 2", id="too-few"),
        pytest.param(thread(follow_ups=["a"] * 6), X, "follow_ups must have 3 to 5 posts, it has 6", id="too-many"),
        pytest.param(
            thread(follow_ups=["a", "", "가" * 141, "b"]),
            X,
            "follow_ups[2] has 282 characters, 280 are allowed: shorten it by 2",
            id="too-long-and-named-rightly",
        ),
        pytest.param(
            thread(call_to_action="a" * 240),
            X,
            "call_to_action has 306 characters, 280 are allowed: shorten it by 26",
            id="link-and-hashtags-count",
        ),
        pytest.param(
            thread(hook="see https://a.example/1 and https://a.example/2"),
            X,
            "hook has 2 links, 1 are allowed",
            id="links",
        ),
        pytest.param(
            thread(hook="#a #b #c #d"), X, "at most 3 hashtags are allowed, there are 4", id="hashtags-in-the-text"
        ),
        pytest.param(
            ARTICLE.model_copy(update={"title": "t" * 71}),
            BLOG,
            "the title has 71 characters, 70 are allowed",
            id="long-title",
        ),
        pytest.param(ARTICLE.model_copy(update={"title": ""}), BLOG, "the title is empty", id="no-title"),
        pytest.param(ARTICLE.model_copy(update={"body": ""}), BLOG, "body is empty", id="no-body"),
        pytest.param(THREAD, LINKEDIN, "linkedin takes a post, and this is a ThreadDraft", id="wrong-shape"),
    ],
)
def test_draft_is_sent_back_with(draft: Draft, rules: PlatformRules, problem: str) -> None:
    """A sentence that names the part and says by how much."""
    assert problem in draft_problems(draft, rules, LINK)


@pytest.mark.parametrize(
    ("posts", "rules", "problem"),
    [
        pytest.param([], X, "there is no text to publish", id="nothing"),
        pytest.param([Post(text="a")] * 8, X, "X takes at most 7 posts here, there are 8", id="too-many"),
        pytest.param([Post(text="a")] * 2, LINKEDIN, "LinkedIn takes at most 1 posts here, there are 2", id="one"),
        pytest.param([Post(text="a"), Post(text="b")], X, f"the last post must hold the link {LINK}", id="no-link"),
        pytest.param([Post(text=f"{LINK}/other")], X, f"the last post must hold the link {LINK}", id="other-link"),
        pytest.param([Post(text="**a** b")], X, "the text has markdown, which X shows as signs: '**a**'", id="bold"),
        pytest.param([Post(text="a\x00")], X, "the text has control characters, or space at its edges", id="control"),
        pytest.param([Post(text="a", title="t")], X, "the text has a title, which X does not take", id="title"),
        pytest.param(
            [Post(text="a", title="two\nlines")],
            BLOG,
            "the title must be one line without control characters",
            id="title-of-two-lines",
        ),
        pytest.param(
            [Post(text="a", title="t", tags=tuple("abcdefghi"))],
            BLOG,
            "at most 8 hashtags are allowed, there are 9",
            id="tags",
        ),
    ],
)
def test_edit_is_refused_with(posts: list[Post], rules: PlatformRules, problem: str) -> None:
    """The same rules hold for people."""
    assert problem in post_problems(posts, rules, LINK)


def test_person_may_publish_a_shorter_thread() -> None:
    """The number of follow-ups is asked of Claude only."""
    assert post_problems([Post(text=f"All in one. {LINK}")], X, LINK) == ()


@pytest.mark.parametrize(
    ("link", "fits"),
    [
        pytest.param(LINK, True, id="short"),
        pytest.param(f"https://hanbit.kr/{'x' * 480}", True, id="long-and-ascii"),
        pytest.param(f"https://intranet/{'x' * 480}", False, id="no-link-to-x"),
        pytest.param(f"https://a.example/{'글' * 100}", False, id="korean-path-that-counts"),
    ],
)
def test_link_that_leaves_no_room_is_told_before(link: str, fits: bool) -> None:
    """Each character behind a link's ASCII part counts by itself on X."""
    assert (link_problems(link, X) == ()) is fits


def test_limits_are_told_in_the_language_of_the_posts() -> None:
    """With the figures of the data file."""
    english, korean = (" ".join(limits_in_words(X, language)) for language in (Language.EN, Language.KO))

    assert "at most 280 characters" in english and "3 to 5 follow-ups" in english and "counts 23" in english
    assert "최대 280자" in korean and "3~5개" in korean and "23자" in korean
    assert "at most 70 characters" in " ".join(limits_in_words(BLOG, Language.EN))
    assert "최대 160자" in " ".join(limits_in_words(BLOG, Language.KO))


def test_new_channel_of_a_known_shape_needs_no_code() -> None:
    """Its rules alone say what is asked for, what is allowed and how long it is."""
    rules = with_rules(
        LINKEDIN, platform="mastodon", title="Mastodon", max_length=500, url_length=23, max_hashtags=2, escapes=""
    )
    draft = PostDraft(text="a" * 471, hashtags=["one", "two", "three"])

    assert draft_type(rules) is PostDraft
    assert "at most 500 characters" in limits_in_words(rules, Language.EN)[0]
    assert draft_problems(draft, rules, LINK) == ("text has 513 characters, 500 are allowed: shorten it by 13",)


drafts = st.one_of(
    st.builds(
        ThreadDraft,
        hook=st.text(max_size=300),
        follow_ups=st.lists(st.text(max_size=300), max_size=7),
        call_to_action=st.text(max_size=300),
        hashtags=st.lists(st.text(max_size=20), max_size=6),
    ),
    st.builds(PostDraft, text=st.text(max_size=300), hashtags=st.lists(st.text(max_size=20), max_size=6)),
    st.builds(
        ArticleDraft,
        title=st.text(max_size=90),
        description=st.text(max_size=200),
        body=st.text(max_size=300),
        tags=st.lists(st.text(max_size=20), max_size=10),
    ),
)


@settings(deadline=None)
@given(drafts, st.sampled_from([None, LINK]))
def test_draft_without_problems_makes_posts_without_problems(draft: Draft, link: str | None) -> None:
    """What passes the check of drafts passes the check of posts, on every platform."""
    rules = next(rules for rules in (X, LINKEDIN, BLOG) if isinstance(draft, draft_type(rules)))

    if not draft_problems(draft, rules, link):
        assert post_problems(posts_of(draft, rules, link), rules, link) == ()
