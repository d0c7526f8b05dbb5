"""Whatever way a number, a link, a mention or a quotation is written: it is found when the source does not hold it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.platforms import PLATFORMS
from towpath.contracts.publishing.campaign import Adaptation, TextFinding
from towpath.contracts.publishing.posting import Post
from towpath.policy.core.reading import as_read, skeleton
from towpath.policy.publishing.addresses import addresses
from towpath.policy.publishing.checks import findings
from towpath.policy.publishing.number_words import in_digits, vague_numbers
from towpath.policy.publishing.quotations import quoted

SOURCE = """Hanbit Logistics cut delivery times by 20 percent in 2026. Three hubs opened, and one is in Busan.
세 곳의 물류센터가 하루 5만 상자를 처리한다. https://hanbit.example/locks 와 https://ko.example/wiki/서울 참고.
"We never ship an empty truck twice", the team wrote. It runs on Node.js. Orders doubled in March."""
FACTS = ("Locks",)
UNSEEN = ("", "\u200b", "\u2060", "\u00ad", "\ufeff")
DIGITS = ("0123456789", "０１２３４５６７８９", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "⁰¹²³⁴⁵⁶⁷⁸⁹")
ENGLISH = {
    **dict(
        zip((2, 4, 7, 12, 40, 90, 21), ["two", "four", "seven", "twelve", "forty", "ninety", "twenty-one"], strict=True)
    ),
    105: "one hundred and five",
    250: "two hundred and fifty",
    3_000: "three thousand",
    500_000: "half a million",
    2_000_000_000: "two billion",
    12_000_000: "twelve million",
    100_000: "a hundred thousand",
    24: "two dozen",
    3_500_000: "three point five million",
}
KOREAN = {
    **dict(zip((2, 4, 7, 12, 21, 40, 100), ["두", "네", "일곱", "열두", "스물한", "마흔", "백"], strict=True)),
    250: "이백오십",
    3_000: "삼천",
    1_000_000: "백만",
    35_000_000: "삼천오백만",
    200_000_000: "이억",
    1_200_000_000: "십이억",
}
QUOTES = (
    "“{}”",
    "„{}“",
    "„{}”",
    "«{}»",
    "»{}«",
    "「{}」",
    "『{}』",
    "《{}》",
    '"{}"',
    "＂{}＂",
    "‘{}’",
    "'{}'",
    "”{}”",
    "“{}",
    "''{}''",
    "``{}``",
)
VAGUE = (
    *("a quarter of customers left", "fell by a fifth", "two-thirds of drivers", "1/3 of all parcels", "삼분의 일"),
    *("double-digit growth", "a six-figure deal", "두 자릿수 성장", "과반의 고객", "twentyfold", "a couple of hubs"),
    *(
        "€3m",
        "3 mn",
        "3 Mio. parcels",
        "half a century",
        "for decades",
        "열흘 만에",
        "다섯 번째 도시",
        "the fourth city",
    ),
    *("三千箱", "百万", "三倍"),
)
KNOWN_FORMS = (
    *("Three hubs, 20 %, twenty per cent", "3 hubs, and one of them", "doubled, and doubled again", "twice"),
    *("하루 5만 상자, 세 곳", "a third-party service", "第一", "no one, someone, this quarter", "첫 번째, 두 번째"),
)


def found(text: str) -> list[TextFinding]:
    made = Adaptation(channel="blog", posts=(Post(text=text, title="Locks"),), platform_version="2026-11")
    return list(findings(made, PLATFORMS.rules["blog"], SOURCE, FACTS, PLATFORMS.block_list))


def rules(text: str) -> set[str]:
    return {finding.rule for finding in found(text) if finding.blocking}


def test_what_the_source_holds_is_found_in_no_form() -> None:
    """The same number, link and words in another way of writing are no invention."""
    texts = (
        "3 hubs opened, twenty percent faster. https://hanbit.example/locks에서",
        "3곳, 하루 50,000 상자. hanbit.example, https://ko.example/wiki/%EC%84%9C%EC%9A%B8",
        "„We never ship an empty\ntruck twice“",
        "one of them runs Node.js; orders doubled",
    )
    assert [found(text) for text in texts] == [[]] * len(texts)


@pytest.mark.parametrize(("value", "word"), ENGLISH.items(), ids=[f"en-{value}" for value in ENGLISH])
def test_english_number_words(value: int, word: str) -> None:
    """A number in words is the number, in small letters or capitals."""
    assert in_digits(f"about {word} hubs") == f"about {value} hubs"
    assert rules(f"about {word.upper()} hubs") == {"number"}


@pytest.mark.parametrize(("value", "word"), KOREAN.items(), ids=[f"ko-{value}" for value in KOREAN])
def test_korean_number_words(value: int, word: str) -> None:
    """Before a counter, with a space or without."""
    assert in_digits(f"고객 {word} 명") == f"고객 {value} 명"
    assert rules(f"고객 {word}명") == {"number"}


@pytest.mark.parametrize(
    "text",
    [
        "one of them, someone tonight, no one",
        "만일 그렇다면, 천만에요, 이번 주, 사건, 일부, 두 번째, 이 대표, 한 명",
        "The tension often mentions attendance.",
    ],
    ids=["english", "korean", "inside-words"],
)
def test_words_that_are_no_numbers(text: str) -> None:
    """What mostly says no number is left alone."""
    assert in_digits(text) == text


@settings(deadline=None)
@given(st.integers(2, 10**12), st.sampled_from(DIGITS), st.sampled_from(UNSEEN), st.booleans())
def test_digits_of_every_kind(value: int, digits: str, unseen: str, grouped: bool) -> None:
    """Full-width, superscript, in groups, with something unseen between: the number is read."""
    plain = f"{value:,}" if grouped else str(value)
    written = unseen.join(plain.translate(str.maketrans(DIGITS[0], digits)))
    is_known = value in {20, 2026, 3, 5, 50_000}

    assert ("number" in rules(f"Hubs: {written} of them")) != is_known


@settings(deadline=None)
@given(
    st.sampled_from(["https://", "http://", "HTTPS://", "ftp://", ""]),
    st.sampled_from(["evil.pl", "claim.zip", "evil.finance", "a.evil.co.kr", "evil.example", "evil.한국", "hanbit.pl"]),
    st.sampled_from(["", "/", "/a", "/LOCKS", "/wiki/부산", "?q=1", "#top"]),
    st.sampled_from(["", "에서", ".", ", and", ")", "”", "은"]),
    st.sampled_from(UNSEEN),
)
def test_links_of_every_kind(scheme: str, host: str, path: str, after: str, unseen: str) -> None:
    """Any ending, any path, before a particle or a mark of the sentence."""
    link = scheme + host[:2] + unseen + host[2:] + path
    assert "link" in rules(f"Go to {link}{after}")


@pytest.mark.parametrize(
    "text",
    [
        "http://hanbit.example/LOCKS",
        "https://hanbit.example/locks/2",
        "https://hanbit.example@evil.pl/locks",
        "https://ko.example/wiki/부산",
        "https://hаnbit.example/locks",
        "sales@hanbit.example",
        "intranet.corp/x",
        "tel://1",
        "evil[.]com",
        "evil。com",
        "evil [dot] com",
    ],
)
def test_another_path_or_host_is_another_link(text: str) -> None:
    """Letter case of a path counts, and so does a letter of another script in a host."""
    assert rules(f"See {text} now") >= {"link"}


@settings(deadline=None)
@given(
    st.sampled_from("@＠"),
    st.sampled_from(["", "감사합니다", "(", "RT ", "RT"]),
    st.from_regex(r"\A[a-z_][a-z0-9_]{1,14}\Z"),
)
def test_mentions_of_every_kind(sign: str, before: str, name: str) -> None:
    """As the platform reads them, with the full-width sign and within Korean words as well."""
    assert "mention" in rules(f"{before}{sign}{name}님")


@pytest.mark.parametrize("marks", QUOTES)
@pytest.mark.parametrize("words", ["We shall beat them all and win", "내년에는 모두를 이기겠다", "우리가 모두 이긴다"])
def test_quotations_of_every_kind(marks: str, words: str) -> None:
    """Typographic marks of all languages, and one that is never closed."""
    assert "quote" in rules(f"Kim: {marks.format(words)}")


def test_a_quotation_may_run_over_lines() -> None:
    """Double marks of every kind; single ones over lines are apostrophes."""
    assert all("quote" in rules(marks.format("We shall beat\nthem all")) for marks in QUOTES if marks[0] not in "‘'")


@pytest.mark.parametrize("text", ["Guaranteed\u200b results", "risk‑free", "Guаrаnteed results", "ＲＩＳＫ-free"])
def test_the_block_list_sees_through_disguises(text: str) -> None:
    """Unseen characters, other hyphens, letters of other scripts, full-width ones."""
    assert "block-list" in rules(text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("revenue tripled", "number"),
        ("millions of boxes", "number"),
        ("수백만 명이 찾았다", "number"),
        ("절반으로 줄었다", "number"),
        ("built with Next.js", "link"),
        ("Samsung opened an office", "name"),
        ("and then Samsung came", "name"),
    ],
)
def test_what_code_cannot_decide_goes_to_a_person(text: str, rule: str) -> None:
    """It blocks nothing, and says that it is undecided."""
    assert (rule, False, True) in [(each.rule, each.blocking, each.doubtful) for each in found(text)]
    assert rules(text) == set()


@settings(deadline=None)
@given(st.text(max_size=300))
def test_reading_never_fails(text: str) -> None:
    """Whatever stands in a text; and what is read once reads the same again."""
    assert as_read(as_read(text)) == as_read(text)
    assert isinstance(skeleton(in_digits(text)), str)
    assert isinstance(vague_numbers(text), tuple)
    assert all(text[each.start : each.end] == each.written for each in addresses(text))


@pytest.mark.parametrize("text", VAGUE)
def test_amounts_that_are_no_plain_numbers(text: str) -> None:
    """Fractions, ordinals, spans of time, scales by a letter, numbers in Han letters: found, or a person is asked."""
    assert [finding.rule for finding in found(text) if finding.blocking or finding.doubtful]


@pytest.mark.parametrize("text", KNOWN_FORMS)
def test_amounts_of_the_source_are_left_alone(text: str) -> None:
    """And words that count nothing."""
    assert [finding for finding in found(text) if finding.rule == "number"] == []


@pytest.mark.parametrize(
    "text", ["일분의" * 15_000, "3" * 50_000, "3m" * 25_000, "[dot]" * 10_000, "a[.]" * 12_500, "''" * 25_000]
)
def test_other_hostile_texts_take_no_time(text: str) -> None:
    """Disguised dots, typed marks, fractions."""
    assert len(addresses(text)) < 50_000 and len(quoted(text)) < 50_000
    assert in_digits(text) != "" and vague_numbers(text) is not None


@pytest.mark.parametrize(
    "text", ["a." * 25_000, "“" * 25_000, "two " * 12_500, "백" * 50_000, "@a" * 25_000, "x@" * 25_000]
)
def test_hostile_texts_take_no_time(text: str) -> None:
    """Time is linear in them."""
    assert len(addresses(text)) < 50_000
    assert in_digits(text) != "" and vague_numbers(text) is not None
