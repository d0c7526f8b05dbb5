"""Lengths are counted as X documents it, and as plain characters where a platform's rules say nothing else."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.platforms import LINKEDIN, X, with_rules
from towpath.policy.publishing.weights import composed, fitting, links, relinked, weighted_length

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
pieces = st.sampled_from(
    [
        *(
            "a",
            "가",
            "é",
            "e\u0301",
            "ᄒ\u1161\u11ab",
            " ",
            "\n",
            ".",
            "/",
            "#",
            "…",
            "“",
            "中",
            "1",
            "\ufe0f",
            "\u20e3",
        ),
        *(
            "https://a.io/x",
            "a.com",
            "HTTP://가.kr/나",
            "x@y.com",
            "pany",
            "🇰🇷",
            "🇰",
            FAMILY,
            "👍🏽",
            "❤️",
            "👍",
            "\u200d",
        ),
    ]
)
texts = st.one_of(st.text(max_size=200), st.lists(pieces, max_size=60).map("".join))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("Durable", 7, id="latin"),
        pytest.param("주문은 안전합니다", 17, id="hangul"),
        pytest.param("注文", 4, id="han"),
        pytest.param("ㅋㅋ", 4, id="jamo"),
        pytest.param("ქართული", 7, id="georgian-is-narrow"),
        pytest.param("“it’s” – fine", 13, id="typographic-quotes-and-dash-are-narrow"),
        pytest.param("wait…", 6, id="ellipsis-is-wide"),
        pytest.param("a • b", 6, id="bullet-is-wide"),
        pytest.param("cafe\u0301", 4, id="decomposed-accent"),
        pytest.param(unicodedata.normalize("NFD", "한글"), 4, id="decomposed-hangul"),
        pytest.param("👾", 2, id="emoji"),
        pytest.param("🙋🏽", 2, id="emoji-with-skin-tone"),
        pytest.param("👨\u200d🎤", 2, id="joined-emoji"),
        pytest.param(FAMILY, 2, id="family"),
        pytest.param("🇰🇷🇺🇸", 4, id="two-flags"),
        pytest.param("1️⃣", 2, id="keycap"),
        pytest.param("❤️", 2, id="heart-with-selector"),
        pytest.param("https://x.io", 23, id="short-link"),
        pytest.param("https://towpath.io/" + "a" * 400, 23, id="long-link"),
        pytest.param("see https://towpath.io/a, and", 32, id="link-before-a-comma"),
        pytest.param("https://towpath.io/a에서", 27, id="link-before-a-particle"),
        pytest.param("(https://a.example/x_(y))", 25, id="link-with-brackets-in-brackets"),
        pytest.param("example.com", 23, id="bare-domain"),
        pytest.param("kim@hanbit.com", 14, id="address-is-no-link"),
        pytest.param("Node.js v1.2", 12, id="dots-are-no-links"),
    ],
)
def test_length_on_x(text: str, length: int) -> None:
    """What each text takes of the 280 characters."""
    assert weighted_length(text, X) == length


@pytest.mark.parametrize(
    ("text", "length"),
    [("주문", 2), ("https://x.io/abc", 16), ("👍🏽", 2), ("cafe\u0301", 4)],
    ids=["hangul", "link", "emoji", "accent"],
)
def test_length_where_nothing_is_weighted(text: str, length: int) -> None:
    """On LinkedIn a character is a character, and a link is as long as it is written."""
    assert weighted_length(text, LINKEDIN) == length


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("자세히: https://towpath.example/가이드 참고", ["https://towpath.example/"]),
        ("https://한빛.kr/소개.", ["https://한빛.kr/"]),
        ("**https://a.example/b**", ["https://a.example/b"]),
        ("Is it at towpath.io? See docs.towpath.io/start!", ["towpath.io", "docs.towpath.io/start"]),
        ("a.companies and x.iot, mail me@a.com", []),
        ("“https://a.example/q?x=1&y=2”", ["https://a.example/q?x=1&y=2"]),
    ],
    ids=["before-hangul", "hangul-domain", "in-bold", "bare", "no-links", "in-quotes"],
)
def test_links_end_where_the_sentence_goes_on(text: str, found: list[str]) -> None:
    """A particle, a bracket or a punctuation mark behind a link is no part of it."""
    assert list(links(text)) == found


@settings(deadline=None)
@given(texts, texts)
def test_lengths_of_parted_texts_add_up(left: str, right: str) -> None:
    """Across a line break nothing joins, so a text is as long as its lines and the breaks between them."""
    both = f"{left}\n{right}"

    assert weighted_length(both, X) == weighted_length(left, X) + 1 + weighted_length(right, X)


@settings(deadline=None)
@given(texts)
def test_length_is_bounded_and_does_not_depend_on_the_form(text: str) -> None:
    """Composed or decomposed, a text has one length; without links it is at most twice its characters."""
    length = weighted_length(text, X)

    assert length == weighted_length(composed(text), X)
    assert length == weighted_length(unicodedata.normalize("NFD", text), X)
    if not links(composed(text)):
        assert length <= 2 * len(composed(text))
    assert weighted_length(text, with_rules(LINKEDIN, escapes="")) == len(composed(text))


@settings(deadline=None)
@given(texts, st.integers(0, 80))
def test_what_fits_is_the_longest_that_does(text: str, limit: int) -> None:
    """Nothing more would fit, and neither a link nor an emoji is cut in two."""
    text = composed(text)
    end = fitting(text, X, limit)

    assert all(not end or text[:end].endswith(link) or link in text[:end] or link in text[end:] for link in links(text))
    assert (end == len(text)) == (weighted_length(text, X) <= limit)
    assert fitting(text, X, weighted_length(text, X)) == len(text)
    assert fitting(text, X, limit) <= fitting(text, X, limit + 1)


@settings(deadline=None)
@given(texts)
def test_links_changed_into_themselves_change_nothing(text: str) -> None:
    """The places of links are exact."""
    seen: list[str] = []

    def keep(link: str) -> str:
        seen.append(link)
        return link

    assert relinked(text, keep) == text
    assert tuple(seen) == links(text)


def test_family_is_not_cut() -> None:
    """An emoji of seven code points stays whole or goes."""
    assert fitting(f"ab{FAMILY}", X, 3) == 2
    assert fitting(f"ab{FAMILY}", X, 4) == 2 + len(FAMILY)
