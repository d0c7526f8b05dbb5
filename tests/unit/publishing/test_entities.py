"""Links, hashtags and mentions are those that X reads, and two implementations agree on how a text is counted.

The cases follow the kinds of twitter-text's conformance suite. Of that suite four addresses are no links to us, as they
are none to X in a text: with a user and a password, of IPv4, of IPv6, and with a sign at the end of the query. Two
lengths are of configuration 2, in which each code point of an emoji counts; X uses configuration 3.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endings import MODULE, written
from tests.fakes.platforms import X
from towpath.policy.core.endings import ENDINGS
from towpath.policy.core.entities import find_links
from towpath.policy.core.signs import find_hashtags, find_mentions
from towpath.policy.publishing.weights import composed, weighted_length
from towpath.standins import x_counting

pieces = st.sampled_from(
    [
        *(
            "a",
            "b",
            "가",
            "é",
            "中",
            "1",
            " ",
            "\n",
            ".",
            "-",
            "_",
            "/",
            ":",
            "#",
            "@",
            "?",
            "&",
            "(",
            ")",
            ",",
            "=",
            "$",
        ),
        *("http://", "https://", "HTTP://", "a.com", "b.co.kr", "pizza", ".kr", ".한국", "xn--p1ai", "t.co/abc", "://"),
        *("👍🏽", "🇰🇷", "❤️", "👨\u200d🎤", "1️⃣", "…", "“", "\u200f", "\ufeff", "com", ".x"),
    ]
)
texts = st.one_of(st.text(max_size=80), st.lists(pieces, max_size=30).map("".join))


def read(text: str) -> list[str]:
    return [text[link.start : link.end] for link in find_links(text)]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        pytest.param("http://hanbit.kr", ["http://hanbit.kr"], id="domain"),
        pytest.param("Go to evil.pl or claim.zip or evil.finance", ["evil.pl", "claim.zip", "evil.finance"], id="bare"),
        pytest.param("see WWW.Hanbit.KR.", ["WWW.Hanbit.KR"], id="capitals-and-full-stop"),
        pytest.param("harvard.edu allegro.pl rnz.co.nz", ["harvard.edu", "allegro.pl", "rnz.co.nz"], id="any-ending"),
        pytest.param("자세히는 hanbit.kr에서", ["hanbit.kr"], id="particle"),
        pytest.param("한빛.한국에서", [], id="bare-in-hangul-is-none"),
        pytest.param("http://한빛.한국에서", ["http://한빛.한국"], id="hangul-with-a-scheme"),
        pytest.param("한빛hanbit.kr", ["hanbit.kr"], id="latin-part-of-a-bare-domain"),
        pytest.param("hanbit.kr한빛.net", ["hanbit.kr"], id="one-of-two"),
        pytest.param("https://localhost:3000/a https://intranet/b", [], id="no-ending"),
        pytest.param("http://hanbit.com-and-more", [], id="hyphen-behind-the-ending"),
        pytest.param("hanbit.company hanbit.companies", ["hanbit.company"], id="whole-endings-only"),
        pytest.param("kim@hanbit.kr hanbit.kr@x", [], id="addresses-of-mail"),
        pytest.param("#hanbit.kr @hanbit.kr $hanbit.kr", [], id="behind-a-sign"),
        pytest.param("-hanbit.kr _hanbit.kr ../hanbit.kr", [], id="behind-a-hyphen-or-slash"),
        pytest.param("(hanbit.kr) [http://hanbit.kr/a]", ["hanbit.kr", "http://hanbit.kr/a"], id="in-brackets"),
        pytest.param("http://hanbit.kr/a_(b)_c)", ["http://hanbit.kr/a_(b)_c"], id="brackets-in-the-path"),
        pytest.param("http://hanbit.kr/((a)b)", ["http://hanbit.kr/((a)b)"], id="brackets-in-brackets"),
        pytest.param(
            "http://hanbit.kr/a, http://hanbit.kr/b!", ["http://hanbit.kr/a", "http://hanbit.kr/b"], id="ends"
        ),
        pytest.param("http://hanbit.kr/소개", ["http://hanbit.kr/"], id="path-in-hangul"),
        pytest.param("http://hanbit.kr/п?q=1&r=a.b,", ["http://hanbit.kr/п?q=1&r=a.b"], id="cyrillic-and-query"),
        pytest.param("http://hanbit.kr:8080?x=1", ["http://hanbit.kr:8080?x=1"], id="port-and-query"),
        pytest.param("https://t.co/abc/def https://t.co/x?y=z", ["https://t.co/abc", "https://t.co/x?y=z"], id="short"),
        pytest.param(f"https://t.co/{'a' * 41}", [], id="too-long-a-short-link"),
        pytest.param(
            "http://sub_domain.hanbit.kr http://hanbit_x.kr", ["http://sub_domain.hanbit.kr"], id="underscore"
        ),
        pytest.param("http://xn--3e0b707e.kr", ["http://xn--3e0b707e.kr"], id="punycode"),
        pytest.param(f"http://{'가' * 64}.kr", [], id="label-too-long"),
        pytest.param("hanbit.kr hanbit.bd hanbit.mcdonalds", ["hanbit.kr", "hanbit.bd", "hanbit.mcdonalds"], id="old"),
    ],
)
def test_links_are_those_of_x(text: str, links: list[str]) -> None:
    """What is counted as a link is what X makes one of; both implementations read them alike."""
    assert read(text) == links
    if "mcdonalds" not in text:
        assert [text[start:end] for start, end in x_counting.links(text)] == links


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        pytest.param("#주문 ＃물류 #데이터_센터", ["#주문", "＃물류", "#데이터_센터"], id="hangul-and-full-width-sign"),
        pytest.param("#1 #2nd #a1", ["#2nd", "#a1"], id="a-letter-is-needed"),
        pytest.param("a#b 가#나 &#x27 1#a", [], id="within-a-word"),
        pytest.param("#a#b #c://d", [], id="behind-it"),
        pytest.param("(#a) .#b ##c", ["#a", "#b", "#c"], id="behind-signs"),
        pytest.param("#हिन्दी #ไทย #ガンダム゛", ["#हिन्दी", "#ไทย", "#ガンダム゛"], id="marks-belong-to-it"),
        pytest.param("#️⃣ ✌️#peace", ["#peace"], id="keycap-and-emoji"),
        pytest.param("http://hanbit.kr/#a hanbit.kr/x#y", [], id="in-a-link"),
        pytest.param("#naïve#", [], id="sign-behind-it"),
    ],
)
def test_hashtags_are_those_of_x(text: str, tags: list[str]) -> None:
    """As X links them."""
    assert [text[start:end] for start, end in find_hashtags(text)] == tags


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("@kim ＠lee", ["kim", "lee"], id="both-signs"),
        pytest.param("감사합니다@kim님", ["kim"], id="within-hangul"),
        pytest.param("a@kim _@kim !@kim #@kim $@kim %@kim &@kim *@kim", [], id="behind-a-letter-or-sign"),
        pytest.param("RT@kim rt:@lee art@park", ["kim", "lee"], id="retweets"),
        pytest.param("@kim@lee @kim://x @kimé", [], id="goes-on"),
        pytest.param("kim@hanbit.kr", [], id="address"),
        pytest.param("(@kim) .@lee \n@park", ["kim", "lee", "park"], id="behind-other-signs"),
        pytest.param(f"@{'a' * 25}", ["a" * 20], id="at-most-20"),
    ],
)
def test_mentions_are_those_of_x(text: str, names: list[str]) -> None:
    """Whoever X would call is found."""
    assert [text[start + 1 : end] for start, end in find_mentions(text)] == names


@settings(deadline=None, max_examples=300)
@given(texts)
def test_nothing_is_counted_shorter_than_x_counts_it(text: str) -> None:
    """Our count and the stand-in's, written apart, differ by what a long bare domain may take alone."""
    plain = composed(text)
    bare = [link for link in find_links(plain) if not link.has_scheme]
    ours, theirs = weighted_length(text, X), x_counting.weight(text)

    assert [(link.start, link.end) for link in find_links(plain)] == x_counting.links(plain)
    assert ours >= theirs
    assert ours == theirs or any(link.end - link.start > 11 for link in bare)


@settings(deadline=None)
@given(texts)
def test_what_is_found_lies_in_order_and_apart(text: str) -> None:
    """No link, hashtag or mention begins before the one before it has ended."""
    for places in ([(link.start, link.end) for link in find_links(text)], find_hashtags(text), find_mentions(text)):
        bounds = [bound for place in places for bound in place]
        assert bounds == sorted(bounds)


@pytest.mark.parametrize("text", ["a.com가-." * 6_000, "a.com/(" * 8_000, "#" * 50_000, "@a" * 25_000, "a." * 25_000])
def test_long_texts_take_no_time(text: str) -> None:
    """Linear in the text: hostile ones too."""
    assert len(find_links(text)) + len(find_hashtags(text)) + len(find_mentions(text)) < len(text)


def test_endings_are_those_of_the_list_in_use() -> None:
    """When the lock brings a newer list, `python -m tests.endings --write` takes it over."""
    assert written(MODULE.read_text(encoding="utf-8")) == MODULE.read_text(encoding="utf-8")
    assert {"kr", "한국", "pizza", "bd"} <= ENDINGS
