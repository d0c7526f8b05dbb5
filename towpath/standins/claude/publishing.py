"""Answers for content publishing: sentences of the source chosen and cut, never written. Drafts carry their mark."""

import re
from collections.abc import Callable

from towpath.standins.claude.given import JsonObject, inner, lines, mark, number, text
from towpath.standins.claude.sentences import cut, holds_link, plain, ranked, sentences, terms, weighed

MESSAGES, QUOTES, HASHTAGS, KEYWORDS = 7, 5, 8, 10
UNBOUNDED = 100_000
TONES = (
    ("technical, matter-of-fact", r"\b(?:api|code|server|version|database|release|deploy|latency)\w*\b|서버|코드|배포"),
    ("promotional, upbeat", r"!|\b(?:new|launch|announc|excit|proud)\w*\b|출시|신규"),
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_URL = re.compile(r"https?://\S+")
_LEAST = 0.05


def analysis(given: JsonObject) -> JsonObject:
    source = _source(given)
    found = [sentence for sentence in sentences(source) if not holds_link(sentence)]
    messages = [plain(sentence) for sentence in ranked(found, source) if plain(sentence)]
    quotable = [sentence for sentence in ranked(found, source) if sentence == plain(sentence) and len(sentence) <= 200]
    words = terms(source)
    tone = next((name for name, pattern in TONES if re.search(pattern, source, re.IGNORECASE)), "plain, informative")
    subject = ", ".join(words[:3]) or text(given, "title")
    korean = given.get("language") == "ko"
    return {
        "key_messages": [*(messages[:MESSAGES] or [text(given, "title")])],
        "audience": f"{subject}에 관심이 있는 독자" if korean else f"readers interested in {subject}",
        "tone": tone,
        "quotes": [*quotable[:QUOTES]],
        "hashtags": [*(word.replace("-", "").replace("'", "") for word in words[:HASHTAGS])],
        "keywords": [*words[:KEYWORDS]],
    }


def thread(given: JsonObject) -> JsonObject:
    room, wide = number(given, "max_length", 280), number(given, "wide_weight", 1)
    least, most = number(given, "min_follow_ups", 3), number(given, "max_follow_ups", 5)
    messages = _messages(given)
    hook, *rest = messages
    follow_ups = rest[: max(least, min(most, 4))]
    spare = [entry for entry in _spare(given) if entry not in messages]
    while len(follow_ups) < least and spare:
        follow_ups.append(spare.pop(0))
    hashtags = _hashtags(given)
    call = _call(given)
    reserved = weighed(f"{call} {' '.join(f'#{tag}' for tag in hashtags)}", number(given, "url_length", 23), wide)
    while hashtags and reserved > room:
        hashtags.pop()
        reserved = weighed(f"{call} {' '.join(f'#{tag}' for tag in hashtags)}", number(given, "url_length", 23), wide)
    return {
        "hook": cut(f"{mark(given)} {hook}", room, wide),
        "follow_ups": [cut(message, room, wide) for message in follow_ups],
        "call_to_action": call,
        "hashtags": [*hashtags],
    }


def post(given: JsonObject) -> JsonObject:
    """Hook, key messages as lines, the link, a question; lines are left out from the end until it fits."""
    room, wide = number(given, "max_length", 3000), number(given, "wide_weight", 1)
    hook, *rest = _messages(given)
    points = [f"- {message}" for message in rest[:5]]
    hashtags = _hashtags(given)
    question = "어떻게 생각하십니까?" if given.get("language") == "ko" else "What is your experience?"
    link = text(given, "link")
    tail = ["", link, "", question] if link else ["", question]
    taken = sum(weighed(f" #{tag}", None, wide) for tag in hashtags) + 2
    while True:
        body = "\n".join((f"{mark(given)} {hook}", "", *points, *tail))
        if weighed(body, None, wide) + taken <= room or not points:
            break
        points.pop()
    return {"text": body, "hashtags": [*hashtags]}


def article(given: JsonObject) -> JsonObject:
    """The source itself below the mark; sections are not rewritten."""
    title = re.sub(r"\s+", " ", text(given, "title"))
    hook = _messages(given)[0]
    body = re.sub(r"\A\s{0,3}#\s[^\n]*\n", "", _source(given)).strip()
    link = text(given, "link")
    parts = [mark(given), body, *([link] if link and link not in body else [])]
    return {
        "title": cut(f"{mark(given)} {title}", number(given, "max_title_length", 120), 1),
        "description": cut(hook, number(given, "max_description_length", 160), 1),
        "body": "\n\n".join(parts)[: number(given, "max_length", UNBOUNDED)],
        "tags": [*_hashtags(given)],
    }


def quality(given: JsonObject) -> JsonObject:
    """Real checks: numbers that the source does not hold, and how many of the key messages are touched."""
    source = _source(given)
    known = set(_NUMBER.findall(source))
    telling = [set(terms(message)[:6]) for message in lines(given, "key_messages")]
    channels = given.get("texts")
    entries = [entry for entry in channels if isinstance(entry, dict)] if isinstance(channels, list) else []
    return {"scores": [_score(text(entry, "channel"), _raw(entry, "text"), known, telling) for entry in entries]}


def _score(channel: str, written: str, known: set[str], telling: list[set[str]]) -> JsonObject:
    unknown = [number for number in dict.fromkeys(_NUMBER.findall(_URL.sub("", written))) if number not in known]
    words = set(terms(written))
    touched = sum(bool(message & words) for message in telling)
    share = touched / len(telling) if telling else 1.0
    issues = [f"the source does not hold {number}" for number in unknown]
    if share < 1 / 3:
        issues.append("few of the key messages are there")
    score = max(_LEAST, 0.75 + 0.2 * share - 0.3 * len(unknown))
    evidence = [*unknown] or ([" ".join(written.split()[:8])] if issues else [])
    return {"channel": channel, "score": round(score, 2), "issues": [*issues], "evidence": [*evidence]}


def _messages(given: JsonObject) -> list[str]:
    """Key messages of the analysis without addresses: only the last post of a thread may hold the link."""
    found = [plain(message) for message in lines(inner(given, "analysis"), "key_messages")]
    return [message for message in found if message] or _spare(given) or [text(given, "title") or "…"]


def _spare(given: JsonObject) -> list[str]:
    """Sentences of the source for what the key messages do not fill, then its title and who wrote it."""
    found = [plain(sentence) for sentence in sentences(_source(given)) if not holds_link(sentence)]
    return [*dict.fromkeys(entry for entry in (*found, text(given, "title")) if entry)]


def _hashtags(given: JsonObject) -> list[str]:
    return lines(inner(given, "analysis"), "hashtags")[: number(given, "max_hashtags", 3)]


def _call(given: JsonObject) -> str:
    link, korean = text(given, "link"), given.get("language") == "ko"
    if link:
        return f"{'전문 보기:' if korean else 'Read all of it:'} {link}"
    return f"{'자세한 내용:' if korean else 'More in:'} {text(given, 'title')}"


def _source(given: JsonObject) -> str:
    return _raw(given, "source")


def _raw(given: JsonObject, name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


HANDLERS: dict[str, Callable[[JsonObject], JsonObject]] = {
    "ContentAnalysis": analysis,
    "ThreadDraft": thread,
    "PostDraft": post,
    "ArticleDraft": article,
    "QualityAnswer": quality,
}
