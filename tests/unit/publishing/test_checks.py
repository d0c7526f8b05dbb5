"""Code finds what a text claims and its source does not, before anybody is asked."""

import pytest

from tests.fakes.platforms import LINK, LINKEDIN, PLATFORMS, X
from towpath.contracts.publishing.campaign import Adaptation, TextFinding
from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.checks import findings, in_pieces
from towpath.policy.publishing.quotations import kept_quotes

SOURCE = """# Orders that survive

In 2024, Hanbit moved its order process to durable execution. **No order was lost since**, and 37% of the calls that
once paged somebody are retried in silence. "We stopped writing retry code," says Ji-woo Kim, CTO of Hanbit.

한빛은 2024년에 주문 처리를 옮겼습니다. 처리량은 하루 1억 2,000만 건이며, 비용은 3천만 원 줄었습니다.
“재시도 코드를 더는 쓰지 않습니다”라고 김지우 대표는 말합니다. 자세한 내용은 https://hanbit.example/blog 에 있습니다.
"""
FACTS = ("Orders that survive", "Maria Lopez", LINK)


def adaptation(*texts: str, channel: str = "linkedin", account: str = "main") -> Adaptation:
    posts = tuple(Post(text=text) for text in texts)
    return Adaptation(channel=channel, account=account, posts=posts, platform_version="2026-11")


def check(*texts: str, others: tuple[Adaptation, ...] = (), channel: str = "linkedin") -> tuple[TextFinding, ...]:
    rules = PLATFORMS.rules[channel]
    return findings(adaptation(*texts, channel=channel), rules, SOURCE, FACTS, PLATFORMS.block_list, others)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Since 2024, Hanbit lost no order. 37% of the pages are gone.", id="numbers"),
        pytest.param("하루 120,000,000건을 처리합니다. 비용은 3,000만 원 줄었습니다.", id="korean-numbers-by-value"),
        pytest.param("“No order was lost since”, they say.", id="quote-without-its-emphasis"),
        pytest.param('"we stopped writing retry code," says Ji-woo Kim', id="quote-in-other-marks"),
        pytest.param("“재시도 코드를 더는 쓰지 않습니다”라고 김지우 대표가 말했습니다.", id="korean-quote"),
        pytest.param("“We stopped … retry code”", id="quote-with-an-ellipsis"),
        pytest.param("A so-called “happy path” is not enough.", id="ironic-quotes"),
        pytest.param("https://hanbit.example/blog에서 읽어 보세요.", id="link-before-a-particle"),
        pytest.param("By Maria Lopez: on Tuesday, read it in English!", id="author-and-common-words"),
        pytest.param("1. Keep state\n2. Retry\n3. Rest", id="numbered-list"),
        pytest.param("1️⃣ Keep state\n2️⃣ Retry", id="keycaps"),
    ],
)
def test_text_that_says_what_its_source_says(text: str) -> None:
    """Nothing is found."""
    assert check(f"{text}\n{LINK}") == ()


@pytest.mark.parametrize(
    ("text", "rule", "named"),
    [
        pytest.param("Since 2023 no order was lost.", "number", "2023", id="number"),
        pytest.param("38% fewer pages", "number", "38%", id="percentage"),
        pytest.param("비용은 4천만 원 줄었습니다.", "number", "4천만", id="korean-number"),
        pytest.param("See https://evil.example/x", "link", "https://evil.example/x", id="link"),
        pytest.param("Write to sales@hanbit.example", "link", "sales@hanbit.example", id="address"),
        pytest.param("“We never write retry code”, says Kim.", "quote", "We never write retry code", id="quote"),
        pytest.param('"재시도 코드는 필요하지 않습니다"', "quote", "필요하지 않습니다", id="korean-quote"),
        pytest.param("Sarah Connor said it works.", "name", "Sarah Connor", id="person"),
        pytest.param("Thanks to @sama for this", "mention", "@sama", id="mention"),
        pytest.param("Guaranteed  results for you", "block-list", "guaranteed results", id="block-list"),
        pytest.param("수익 보장을 약속합니다", "block-list", "수익 보장", id="korean-block-list"),
        pytest.param("a" * 3001, "limits", "shorten it by", id="limits"),
    ],
)
def test_text_that_says_more(text: str, rule: str, named: str) -> None:
    """It blocks, and the finding names what is meant."""
    found = [finding for finding in check(f"{text}\n{LINK}") if finding.rule == rule]

    assert len(found) == 1
    assert named in found[0].text
    assert found[0].blocking


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("This is not risk-freedom.", id="part-of-a-word"),
        pytest.param("Nobody gets richer.", id="inside-words"),
    ],
)
def test_block_list_matches_whole_words(text: str) -> None:
    """Latin entries are words, not letters."""
    assert [finding for finding in check(f"{text} {LINK}") if finding.rule == "block-list"] == []


def test_title_description_and_tags_are_checked_too() -> None:
    """An article claims with its title first."""
    post = Post(title="99% of orders", description="See https://evil.example", text="Fine.", tags=("risk-free",))
    made = Adaptation(channel="blog", posts=(post,), platform_version="2026-11")

    found = findings(made, PLATFORMS.rules["blog"], SOURCE, FACTS, PLATFORMS.block_list)

    assert [finding.rule for finding in found] == ["link", "number", "block-list"]


def test_counters_of_a_thread_are_no_numbers() -> None:
    """1/5 counts posts; in a single post it would be a claim."""
    texts = [
        "1/5 Orders survive",
        "(2/5) The state is kept",
        "Retries are silent 3/5",
        "4/ People decide",
        f"5/5 Read {LINK}",
    ]

    assert check(*texts, channel="x") == ()
    assert {finding.rule for finding in check(f"1/5 of orders\n{LINK}") if finding.blocking} == {"number"}


def test_repetitions() -> None:
    """The same post twice blocks; a sentence said twice, and a text shared by platforms, lower the score."""
    sentence = "No order was lost since then."

    twice = check("Hook", sentence, sentence, f"{sentence} Really.", LINK, channel="x")
    shared = check(f"{sentence}\n{LINK}", others=(adaptation(f"{sentence} {LINK}", channel="x"),))
    accounts = check(f"{sentence}\n{LINK}", others=(adaptation(f"{sentence} {LINK}", account="second"),))
    itself = check(f"{sentence}\n{LINK}", others=(adaptation(f"{sentence} {LINK}"),))

    assert [(finding.rule, finding.blocking) for finding in twice] == [("duplicate", True), ("duplicate", False)]
    assert [(finding.text, finding.blocking) for finding in shared] == [("the same text as on x.main", False)]
    assert [(finding.text, finding.blocking) for finding in accounts] == [("the same text as on linkedin.second", True)]
    assert itself == ()


def test_short_thread_lowers_the_score() -> None:
    """Three follow-ups are asked for."""
    found = check("Hook", "State", f"Read {LINK}", channel="x")

    assert [(finding.rule, finding.blocking) for finding in found] == [("thread-length", False)]


@pytest.mark.parametrize(
    ("quote", "kept"),
    [
        pytest.param("No order was lost since", True, id="emphasis-left-out"),
        pytest.param("retried\n in   silence", True, id="other-space"),
        pytest.param("“We stopped writing retry code,”", True, id="with-its-marks"),
        pytest.param("처리량은 하루 1억 2,000만 건이며", True, id="korean"),
        pytest.param("No orders were lost", False, id="changed"),
        pytest.param("no order was lost since", False, id="other-case"),
        pytest.param("", False, id="empty"),
    ],
)
def test_quotes_are_kept_word_for_word(quote: str, kept: bool) -> None:
    """Space, emphasis and the form of quotation marks aside."""
    assert kept_quotes([quote], SOURCE) == ((quote.strip(),) if kept else ())


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param("word 12 ", id="words"),
        pytest.param("가" * 7, id="without-a-space"),
        pytest.param("1억 2,000만 건\n", id="lines"),
    ],
)
def test_long_source_is_read_whole(unit: str) -> None:
    """A megabyte in pieces loses nothing, and a fact at its very end counts."""
    source = unit * (1_000_000 // len(unit.encode()))

    assert "".join(in_pieces(source)) == source
    made = findings(adaptation(f"It was 4711. {LINK}"), LINKEDIN, f"{source} It was 4711.", FACTS, ())
    assert made == ()
    missing = findings(adaptation(f"It was 4712. {LINK}"), LINKEDIN, f"{source} It was 4711.", FACTS, ())
    assert [finding.rule for finding in missing] == ["number"]


def test_link_of_the_campaign_may_be_missing() -> None:
    """Without one, no post needs any."""
    made = findings(adaptation("Hook", "a", "b", "c", "End.", channel="x"), X, SOURCE, ("Title",), ())

    assert made == ()
