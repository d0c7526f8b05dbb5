"""Past incidents like this one: the same fingerprint first, then by the words of their texts (BM25).

BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with k1 = 1.2 and
b = 0.75, and the inverse document frequency ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from towpath.contracts.incident.incident import IncidentRecord
from towpath.contracts.incident.investigation import FindSimilar, LogPattern, SimilarIncident
from towpath.policy.incident.patterns import VALUE

K1, B = 1.2, 0.75
SAME_SERVICE = 1.25
"""A record of the same service counts so much more: the same words mean more there."""
HALF = 6.0
"""The BM25 sum at which the score is one half."""
LEAST_SCORE = 0.15
MOST_TEMPLATES = 3
MAX_TEXT = 20_000

_SPLIT = re.compile(r"[a-z]+|[0-9]+|[\u3131-\ud7a3]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_HANGUL = re.compile(r"[\u3131-\ud7a3]")
_ENDINGS = ("ations", "ation", "ingly", "ions", "ion", "ings", "ing", "edly", "ies", "ed", "es", "s", "e", "y")
_SMALL_WORDS = """
a an and are as at be been but by for from had has have in into is it its no not of on or our so than that the their
then there these they this to was were when which while with error warn warning info fatal
"""
_STOP = frozenset(_SMALL_WORDS.split())


def fingerprint_of(service: str, alert_names: Iterable[str], patterns: Sequence[LogPattern]) -> str:
    """128 bits over the service, the names of its alerts, and the templates that make up most of its errors.

    Of the templates of level error and above, the three most frequent count that have at least a tenth of the lines of
    the most frequent one: what appears now and then must not make two incidents of one kind different.
    """
    severe = [pattern for pattern in patterns if pattern.level in {"fatal", "error"}]
    severe.sort(key=lambda pattern: (-pattern.count, pattern.template))
    kept = sorted(one.template for one in severe[:MOST_TEMPLATES] if one.count * 10 >= severe[0].count)
    text = "\n".join([service, *sorted(set(alert_names)), "", *kept])
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def query_text(alert_names: Iterable[str], patterns: Sequence[LogPattern], summary: str = "") -> str:
    """What an incident is looked up by: its alerts, its error templates, and what is known of it in words."""
    templates = [one.template.replace(VALUE, " ") for one in patterns if one.level in {"fatal", "error", "warning"}]
    return " ".join([*alert_names, *templates[:10], summary])[:MAX_TEXT]


def rank(
    query: FindSimilar, records: Sequence[IncidentRecord], limit: int | None = None
) -> tuple[SimilarIncident, ...]:
    """The most similar records first, at most `limit` (the query's own by default); those below 0.15 are left out.

    The score is 1 for the same fingerprint, else s / (s + 6) of the BM25 sum s, so below 1. Of equals the later one
    comes first. Time is linear in the texts of the records.
    """
    documents = [_words(_text(record)) for record in records]
    scores = _bm25(set(_words(query.text[:MAX_TEXT])), documents)
    found: list[SimilarIncident] = []
    for record, score in zip(records, scores, strict=True):
        same = record.fingerprint == query.fingerprint
        weighed = score * (SAME_SERVICE if record.service == query.service else 1.0)
        ranked = 1.0 if same else weighed / (weighed + HALF)
        if ranked >= LEAST_SCORE:
            found.append(_similar(record, round(ranked, 4) if same else min(0.9999, round(ranked, 4)), same=same))
    found.sort(key=lambda one: (-one.score, -one.at.timestamp(), one.incident_id))
    return tuple(found[: query.limit if limit is None else limit])


def relevance(query: str, texts: Sequence[str]) -> tuple[float, ...]:
    """The BM25 sum of each text for the words of the query."""
    return tuple(_bm25(set(_words(query[:MAX_TEXT])), [_words(text[:MAX_TEXT]) for text in texts]))


def _bm25(query: set[str], documents: Sequence[Sequence[str]]) -> list[float]:
    counts = [Counter(words) for words in documents]
    among = Counter(word for count in counts for word in sorted(query & count.keys()))
    weight = {word: math.log(1 + (len(documents) - n + 0.5) / (n + 0.5)) for word, n in among.items()}
    average = sum(map(len, documents)) / len(documents) if documents else 0.0
    scores: list[float] = []
    for words, count in zip(documents, counts, strict=True):
        long = K1 * (1 - B + B * len(words) / average) if average else K1
        common = sorted(query & count.keys())
        scores.append(sum(weight[word] * count[word] * (K1 + 1) / (count[word] + long) for word in common))
    return scores


def _text(record: IncidentRecord) -> str:
    parts = (record.service, record.summary, record.cause, record.resolution, *record.terms)
    return " ".join(parts)[:MAX_TEXT]


def _words(text: str) -> list[str]:
    """Stems of the words: names are split at capitals, dashes and digits; Korean is cut into pairs of syllables."""
    found: list[str] = []
    for word in _SPLIT.findall(_CAMEL.sub(" ", text).lower()):
        if _HANGUL.match(word):
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        elif word not in _STOP and len(word) > 1:
            found.append(_stem(word))
    return found


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _similar(record: IncidentRecord, score: float, *, same: bool) -> SimilarIncident:
    return SimilarIncident(
        incident_id=record.incident_id,
        at=record.at,
        service=record.service,
        summary=record.summary,
        cause=record.cause,
        resolution=record.resolution,
        score=score,
        same_fingerprint=same,
    )
