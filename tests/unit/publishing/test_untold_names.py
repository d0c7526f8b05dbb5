"""Names that the source does not have are found wherever they stand, and a source's own words raise no alarm."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.evaluations.cases import ContentCase, load_contents
from towpath.policy.publishing.korean_names import untitled_names
from towpath.policy.publishing.names import name_findings
from towpath.policy.publishing.ordinary_words import KOREAN
from towpath.policy.publishing.sentences import sentences

SOURCE = """Hanbit Logistics opened three hubs in Busan. Drivers load every truck once, and nobody waits at night.
한빛물류는 부산에 물류센터 세 곳을 열었다. 기사들은 트럭마다 짐을 한 번에 싣고, 밤에는 아무도 기다리지 않는다."""
FAMILIES = st.sampled_from(
    [*"김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민류나진지엄채원", "남궁", "황보"]
)
SYLLABLES = st.sampled_from([*"민준서윤지우현수영진호은채예린하율아빈솔혁찬결슬탁훈규람윤별"])
GIVEN = st.sampled_from(
    [
        "Sarah",
        "Marta",
        "Kelly",
        "Jared",
        "Priya",
        "James",
        "Emily",
        "Zoë",
        "Mark",
        "Grace",
        "Olu",
        "Søren",
        "Ed",
        "Bill",
    ]
)
LAST = st.sampled_from(["Connor", "Quill", "O'Neil", "Lindqvist", "Fleming", "Okafor", "García", "Reed", "Nguyen"])
ENGLISH_PLACES = (
    *("{}.", "{} and the drivers", "{} loads every truck.", "{}: three hubs", "{}, three hubs", "{} in Busan", "{}!"),
    *("Three hubs opened. {} waits.", "Three hubs opened. {}?", "- {}\n- three hubs", "“{}”", "{}'s hubs", "# {}"),
    *(
        "The hubs of {} opened.",
        "Every truck, {}, and nobody waits.",
        "Hubs: {}",
        "Drivers load with {}",
        "({}) opened",
    ),
)
KOREAN_PLACES = (
    *(
        "{}",
        "{}은 트럭을 열었다.",
        "{}가 부산에 있다",
        "부산에서 {}을 기다린다.",
        "{}, 부산",
        "트럭마다 {}와 함께",
        "{}의 트럭",
        "{}는 트럭을",
    ),
    *(
        "물류센터 세 곳. {}입니다.",
        "밤에는 {}도 기다린다.",
        "“{}”",
        "짐은 {}에게",
        "{} 씨가 부산에",
        "- {}\n- 부산",
        "{}이 열었다",
    ),
)
ENGLISH_NAMES = st.one_of(
    GIVEN, st.builds("{} {}".format, GIVEN, LAST), st.builds(str.upper, st.builds("{}".format, LAST))
)


@st.composite
def korean_names(draw: st.DrawFn) -> str:
    """A family name, and one or two syllables."""
    return draw(FAMILIES) + "".join(draw(st.lists(SYLLABLES, min_size=1, max_size=2)))


def clean(case: ContentCase) -> list[str]:
    """Sentences of a source, each alone, and its words in another order."""
    words = [word for word in case.source.split() if word.strip("#*-|`").isalpha()]
    words.sort(key=lambda word: word[::-1])
    mixed = [" ".join(words[start : start + 9]) for start in range(0, len(words) - 9, 9)]
    return [*sentences(case.source), *mixed, *(f"{text[:1].upper()}{text[1:]}." for text in mixed)]


@settings(deadline=None, max_examples=300)
@given(ENGLISH_NAMES, st.sampled_from(ENGLISH_PLACES))
def test_english_names_in_every_place(name: str, place: str) -> None:
    """At the start of a sentence without a verb, in headings, lists and quotations: found, or left to a person."""
    assert name_findings([place.format(name)], [SOURCE])


@settings(deadline=None, max_examples=300)
@given(korean_names(), st.sampled_from(KOREAN_PLACES))
def test_korean_names_in_every_place(name: str, place: str) -> None:
    """Without a title and before any particle: left to a person, unless it begins with an ordinary word."""
    assume(not any(name.startswith(word) for word in KOREAN))

    assert name_findings([place.format(name)], [SOURCE])


@pytest.mark.parametrize("case", load_contents(), ids=lambda case: case.name)
def test_own_words_raise_no_alarm(case: ContentCase) -> None:
    """Whatever order the words of the source stand in."""
    facts = [fact for fact in (case.source, case.title, case.author) if fact]
    found = {text: name_findings([text], facts) for text in clean(case)}

    assert {text: alarm for text, alarm in found.items() if alarm} == {}


def test_clean_texts_are_many() -> None:
    """At least 60 of each language."""
    cases = load_contents()
    for language in {case.language for case in cases}:
        assert sum(len(clean(case)) for case in cases if case.language is language) >= 60


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("김지우는 트럭을 열었다", ["김지우"], id="particle"),
        pytest.param("어제 이상민입니다", ["이상민"], id="copula"),
        pytest.param("남궁민수에게", ["남궁민수"], id="two-syllables-of-family"),
        pytest.param("허준을", ["허준"], id="two-syllables"),
        pytest.param("주문은 정부와 고객이 확인하는 지난해 지표다", [], id="ordinary"),
        pytest.param("전달하며 지원했다, 정리합니다", [], id="verbs"),
    ],
)
def test_korean_words(text: str, names: list[str]) -> None:
    """What is told of a word: without its particle."""
    assert list(untitled_names(text, lambda _: False)) == names
