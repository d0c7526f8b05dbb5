"""What is asked of the rules of publishing."""

from datetime import datetime
from typing import Any

from tests.evaluations.cases import Strict
from tests.evaluations.decided.question import Question
from tests.fakes.platforms import PLATFORMS
from towpath.contracts.core.failure import PublishError
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.publishing.campaign import Adaptation
from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.checks import findings
from towpath.policy.publishing.fingerprints import fingerprint, matches
from towpath.policy.publishing.sources import source_of
from towpath.policy.publishing.timing import choose_time
from towpath.policy.publishing.weights import weighted_length

HELD_BY_NOTHING = "passes"


class TwoPosts(Strict):
    first: str
    second: str


class TextToCount(Strict):
    text: str


class TextToCheck(Strict):
    source: str
    text: str


class SourceToRead(Strict):
    content: str


class WishToTime(Strict):
    """Moments with their offset."""

    earliest: datetime
    at: datetime | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None


def _same(given: TwoPosts) -> JsonObject:
    return {"same": matches(fingerprint(Post(text=given.first)), given.second)}


def _count(given: TextToCount) -> JsonObject:
    return {"length": weighted_length(given.text, PLATFORMS.rules["x"])}


def _check(given: TextToCheck) -> JsonObject:
    """`rules` are those that were broken, each once."""
    made = Adaptation(channel="blog", posts=(Post(text=given.text),), platform_version="2026-11")
    found = findings(made, PLATFORMS.rules["blog"], given.source, (), PLATFORMS.block_list)
    relevant = [one for one in found if one.rule != "limits" and (one.blocking or one.doubtful)]
    answer = "blocked" if any(one.blocking for one in relevant) else "to a person" if relevant else HELD_BY_NOTHING
    return {"answer": answer, "rules": [*sorted({one.rule for one in relevant})]}


def _read(given: SourceToRead) -> JsonObject:
    try:
        source = source_of(given.content)
    except PublishError:
        return {"refused": True}
    not_before = source.not_before(("Asia/Seoul", "Europe/Berlin"))
    return {
        "refused": False,
        "draft": source.is_draft,
        "body": source.body.strip(),
        "unread": [*source.unread],
        "not_before": None if not_before is None else in_utc(not_before),
    }


def _choose(given: WishToTime) -> JsonObject:
    x, zones = PLATFORMS.rules["x"], ("Europe/London",)
    chosen = choose_time(x, zones, given.earliest, given.not_before, given.not_after, given.at)
    return {
        "at": None if chosen is None else in_utc(chosen.at),
        "as_asked": chosen is not None and chosen.at == given.at,
    }


QUESTIONS: dict[str, Question[Any]] = {
    "is it the same post": Question(TwoPosts, _same),
    "how long on X": Question(TextToCount, _count),
    "what is invented": Question(TextToCheck, _check),
    "what is for readers": Question(SourceToRead, _read),
    "when does it go out": Question(WishToTime, _choose),
}
