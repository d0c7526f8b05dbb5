"""Texts made to hurt the checks of posts: seconds for half a megabyte and for a whole one, which should be twice."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from towpath.config.platforms import load_platforms
from towpath.contracts.publishing.campaign import Adaptation
from towpath.contracts.publishing.posting import Post
from towpath.local.stack import ROOT
from towpath.policy.publishing.checks import findings
from towpath.policy.publishing.shortening import shortened

MEGABYTE = 1_000_000
UNITS: Mapping[str, str] = {
    "plain English": "Orders survive when a worker dies. ",
    "plain Korean": "주문은 사라지지 않습니다. ",
    "one word": "a",
    "links": "https://a.example/b ",
    "begun links": "https://",
    "domains": "a.",
    "hashtags": "#a1 ",
    "brackets": "[",
    "quotation marks": "“",
    "numbers": "1,",
    "Korean numbers": "1억 ",
    "combining marks": "a\u0315\u0300\u0316",
    "joined emoji": "👨\u200d",
    "names": "Aa Bb ",
    "Korean names": "김지우 ",
    "bold": "**a",
    "escapes": "&amp;",
}
LINK = "https://towpath.example/a"


@dataclass(frozen=True, slots=True)
class TextRow:
    """CPU seconds of a text as source, and as a post that is shortened; `ratio` is a whole megabyte against a half."""

    title: str
    source: float
    shortened: float
    ratio: float


def text_rows() -> list[TextRow]:
    platforms = load_platforms(Path(ROOT) / "definitions" / "platforms")
    (rules,) = platforms.named(["x"])
    post = Post(text=f"In 2024 Hanbit said “no order was lost”. {LINK}")
    adaptation = Adaptation(channel="x", posts=(post,), platform_version=rules.version)

    def as_source(text: str) -> None:
        findings(adaptation, rules, text, (LINK,), platforms.block_list)

    def as_post(text: str) -> None:
        shortened([Post(text=text)], rules, LINK)

    rows: list[TextRow] = []
    for title, unit in UNITS.items():
        texts = [unit * (size // len(unit.encode())) for size in (MEGABYTE // 2, MEGABYTE)]
        halves, wholes = ([_seconds(check, text) for check in (as_source, as_post)] for text in texts)
        rows.append(TextRow(title, *wholes, ratio=sum(wholes) / sum(halves)))
    return rows


def _seconds(check: Callable[[str], None], text: str) -> float:
    begun = time.process_time()
    check(text)
    return time.process_time() - begun
