"""The stand-in's texts for content publishing: taken from the source, marked, and within the limits it is told."""

import pytest
from pydantic import JsonValue

from towpath.standins.claude.answer import drafted
from towpath.standins.claude.sentences import sentences, weighed

SOURCE = """# Canal locks, reopened

The Hanbit canal reopens on 14 March after
18 months of work. Boats save 40 minutes on the way to the sea.

- Sensors at every lock report the water level each 10 seconds.
- Visitors walk along the towpath on both sides again.
- See https://hanbit.example/canal for the plan of the works.

```
code = "no prose at all"
```
"""
KOREAN = """한빛 운하가 18개월의 공사를 마치고 3월 14일에 다시 열립니다. 배는 바다까지 가는 길에서 40분을 아낍니다.

갑문마다 설치한 센서가 10초마다 수위를 알립니다. 방문객은 다시 운하 양쪽 산책로를 걸을 수 있습니다.
참나무로 만든 새 갑문은 50년을 견딥니다.
"""


def given(source: str, language: str = "en", **more: JsonValue) -> dict[str, JsonValue]:
    asked: dict[str, JsonValue] = {"source": source, "title": "Canal locks", "language": language}
    analysis = drafted("ContentAnalysis", asked)
    limits: dict[str, JsonValue] = {"max_length": 280, "url_length": 23, "wide_weight": 2, "max_hashtags": 3}
    link = "https://hanbit.example/canal"
    return {**asked, "analysis": analysis, "link": link, "min_follow_ups": 3, "max_follow_ups": 5, **limits, **more}


def strings(value: JsonValue) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


@pytest.mark.parametrize("source", [SOURCE, KOREAN], ids=["english", "korean"])
def test_quotes_stand_in_the_source(source: str) -> None:
    """Key messages and quotes are sentences of the source, quotes character by character up to line breaks."""
    answer = drafted("ContentAnalysis", {"source": source, "title": "t", "language": "en"})
    plain = " ".join(source.split())

    assert strings(answer["quotes"])
    assert all(quote in plain for quote in strings(answer["quotes"]))
    assert all(message in plain for message in strings(answer["key_messages"]))
    assert not any("http" in message or "code" in message for message in strings(answer["key_messages"]))


@pytest.mark.parametrize(("source", "language"), [(SOURCE, "en"), (KOREAN, "ko")], ids=["english", "korean"])
def test_a_thread_keeps_its_limits_and_its_mark(source: str, language: str) -> None:
    """Every post is within 280 weighted characters, the last one holds the link, and the first the mark."""
    answer = drafted("ThreadDraft", given(source, language))
    hook, call = str(answer["hook"]), str(answer["call_to_action"])
    posts = [hook, *strings(answer["follow_ups"]), call]

    assert hook.startswith("[오프라인 초안]" if language == "ko" else "[offline draft]")
    assert "https://hanbit.example/canal" in call
    assert 3 <= len(strings(answer["follow_ups"])) <= 5
    assert all(weighed(post, 23, 2) <= 280 for post in posts)
    assert len(set(posts)) == len(posts)


def test_a_post_and_an_article_carry_their_mark() -> None:
    """What readers would see says that it is an offline draft."""
    post = drafted("PostDraft", given(SOURCE, max_length=3000))
    article = drafted("ArticleDraft", given(SOURCE, max_length=20000, max_title_length=70, max_description_length=160))

    assert str(post["text"]).startswith("[offline draft]")
    assert str(article["title"]).startswith("[offline draft]")
    assert len(str(article["description"])) <= 160


@pytest.mark.parametrize(
    "source", ["", "One.", "word " * 50_000, "#" * 10_000, "```\n" * 999], ids=["none", "one", "long", "signs", "code"]
)
def test_any_source_gets_an_answer(source: str) -> None:
    """An empty or odd content is answered as well, within the limits; whether it is usable code decides."""
    asked = given(source)

    assert weighed(str(drafted("ThreadDraft", asked)["hook"]), 23, 2) <= 280
    assert drafted("ArticleDraft", asked)["title"]
    assert drafted("PostDraft", {**asked, "max_length": 3000})["text"]


def test_a_number_that_is_not_in_the_source_lowers_the_score() -> None:
    """The stand-in's scores are real checks: an invented number costs, with the number as evidence."""
    texts: JsonValue = [{"channel": "x", "text": "Boats save 40 minutes."}, {"channel": "blog", "text": "4711 boats."}]
    answer = drafted("QualityAnswer", {"source": SOURCE, "key_messages": [], "texts": texts})
    scores = answer["scores"]
    assert isinstance(scores, list)
    good, bad = [score for score in scores if isinstance(score, dict)]

    assert (good["issues"], good["evidence"]) == ([], [])
    assert bad["evidence"] == ["4711"]
    assert float(str(bad["score"])) < 0.8 <= float(str(good["score"]))


def test_hard_wrapped_lines_are_one_sentence() -> None:
    """A sentence that goes over two lines is one sentence."""
    assert "The Hanbit canal reopens on 14 March after 18 months of work." in sentences(SOURCE)
