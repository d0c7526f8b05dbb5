"""Nothing that is about a content reaches a post: front matter is read or refused, comments are left out."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.platforms import LINKEDIN, PLATFORMS, X
from towpath.contracts.core.failure import PublishError
from towpath.contracts.publishing.campaign import Adaptation
from towpath.contracts.publishing.posting import Post
from towpath.integrations.publishing.linkedin import escaped
from towpath.policy.publishing.checks import findings
from towpath.policy.publishing.markup import markdown_in, without_markdown
from towpath.policy.publishing.shortening import shortened
from towpath.policy.publishing.sources import body_of, source_of
from towpath.policy.publishing.weights import composed, weighted_length

FRONT = """---
title: "초안: 새 물류센터"
date: 2026-12-24T09:00:00+09:00
draft: true
author: "이서연"
tags: [물류, 비밀]
embargo: 2027-01-15
note: "연락처 010-1234-5678"
---

# 새 물류센터 개장
"""


def test_front_matter_is_read() -> None:
    """A draft is one, the embargo holds, what is not read is told, and the text begins behind it."""
    source = source_of(FRONT)

    assert source.body.strip() == "# 새 물류센터 개장"
    assert (source.is_draft, source.title, source.author) == (True, "초안: 새 물류센터", "이서연")
    assert source.embargo == date(2027, 1, 15)
    assert source.notes == ("front matter: nothing is done with date, tags, note",)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("embargo: 2027-01-15", datetime(2027, 1, 15, 5, tzinfo=UTC), id="day-in-the-latest-zone"),
        pytest.param("embargo: 2027-01-15T09:00:00+09:00", datetime(2027, 1, 15, 0, tzinfo=UTC), id="with-an-offset"),
        pytest.param("not_before: '2027-01-15 09:00'", datetime(2027, 1, 15, 14, tzinfo=UTC), id="local-time"),
        pytest.param("title: A", None, id="none"),
    ],
)
def test_embargo_is_the_earliest_moment(line: str, expected: datetime | None) -> None:
    """A local time has to have come for the whole audience."""
    assert source_of(f"---\n{line}\n---\ntext").not_before(("Asia/Seoul", "America/New_York")) == expected


@pytest.mark.parametrize(
    ("line", "is_draft"),
    [
        ("draft: true", True),
        ("draft: 'yes'", True),
        ("draft: false", False),
        ("published: false", True),
        ("a: b", False),
    ],
)
def test_drafts_in_every_spelling(line: str, is_draft: bool) -> None:
    """As the usual generators of sites write it."""
    assert source_of(f"---\n{line}\n---\ntext").is_draft is is_draft


@pytest.mark.parametrize(
    "content",
    [
        "---\ndraft: maybe\n---\ntext",
        "---\nembargo: soon\n---\ntext",
        "---\na: [\n---\ntext",
        "---\na: 1\na: 2\n---\ntext",
        "+++\ndraft = true\n+++\ntext",
        "---\nx: " + "y" * 20_000 + "\n---\ntext",
    ],
    ids=["flag", "moment", "no-yaml", "key-twice", "toml", "too-long"],
)
def test_front_matter_that_cannot_be_read_is_refused(content: str) -> None:
    """What it forbids is not known then."""
    with pytest.raises(PublishError):
        source_of(content)


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("text <!-- secret\n010-1234 --> more", "text  more"),
        ("text <!-- never closed", "text "),
        ("use `<!-- this -->` here", "use `<!-- this -->` here"),
        ("```html\n<!-- shown -->\n```\n", "```html\n<!-- shown -->\n```\n"),
        ("---\nA line between rules\n---\ntext", "---\nA line between rules\n---\ntext"),
        ("---\ntext without an end", "---\ntext without an end"),
        ("\ufeff---\r\ntitle: A\r\n---\r\ntext", "text"),
    ],
    ids=["comment", "open-comment", "code", "block-of-code", "rules", "one-rule", "windows"],
)
def test_body(content: str, body: str) -> None:
    """Comments go, code stays, and a rule is no front matter."""
    assert body_of(content) == body


@given(st.text(max_size=200))
def test_no_comment_is_left(text: str) -> None:
    """Whatever stands around it."""
    assert "s3cr3t" not in body_of(
        f"{text.replace('`', '').replace('~', '').replace('+', '').replace('-', '')}\n<!--s3cr3t-->"
    )


@pytest.mark.parametrize("mark", ["[…]", "[...]", "[ … ]"])
def test_a_gap_is_never_published(mark: str) -> None:
    """The mark of what was left out for Claude blocks a text."""
    made = Adaptation(channel="blog", posts=(Post(text=f"One {mark} two", title="T"),), platform_version="2026-11")
    found = findings(made, PLATFORMS.rules["blog"], "One two", ("T",), ())

    assert [(each.rule, each.blocking) for each in found] == [("gap", True)]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("2**10 and 3**4 are powers; use __init__", "2**10 and 3**4 are powers; use __init__"),
        ("a__b__c and __name__", "a__b__c and __name__"),
        ("**bold** and __Bold too__", "bold and Bold too"),
        ("이것은 **중요**합니다", "이것은 중요합니다"),
    ],
)
def test_code_is_no_emphasis(text: str, plain: str) -> None:
    """Powers and names of Python stay, bold words lose their signs."""
    assert without_markdown(text) == plain
    assert (markdown_in(text) is None) == (plain == text)


def test_shortening_keeps_numbers_and_brackets() -> None:
    """A text with a link too many loses the link alone."""
    made = shortened(
        [Post(text="Price is 3.5 million (up 2.1%). Docs: https://other.example/a")], X, "https://a.example/b"
    )

    assert "3.5 million (up 2.1%)" in made[-1].text
    assert "other.example" not in made[-1].text


@given(st.text(alphabet=st.sampled_from("ab1 #_\\|{}@[]()<>*~/.,\n가hashtag")))
def test_escapes_of_linkedin_count(text: str) -> None:
    """What is sent is never longer than what was counted at the edit."""
    assert weighted_length(text, LINKEDIN) >= len(escaped(composed(text)))
