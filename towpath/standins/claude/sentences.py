"""Taking a text apart without understanding it: its sentences, the words that stand out, and cutting at a word."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt

MAX_SENTENCES = 2_000
_MARKDOWN = MarkdownIt().enable("table").disable("inline")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_MARKUP = re.compile(r"[*_`>#]+")
_END = re.compile(r"(?<=[.!?。…])\s+")
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]{3,}|[가-힣]{2,}")
_URL = re.compile(r"https?://[^\s<>()\[\]\"']+")
_PARTICLE = re.compile(r"(?<=[가-힣]{2})(?:에서|으로|에게|까지|부터|은|는|이|가|을|를|의|에|로|와|과|도)$")
COMMON = frozenset(
    {
        *("about", "after", "also", "before", "being", "between", "cannot", "could", "does"),
        *("doing", "down", "during", "each", "every", "from", "have", "having", "here"),
        *("into", "just", "like", "made", "make", "many", "more", "most", "much"),
        *("must", "only", "other", "over", "same", "should", "some", "such", "than"),
        *("that", "their", "them", "then", "there", "these", "they", "this", "those"),
        *("through", "under", "until", "very", "were", "what", "when", "where", "which"),
        *("while", "will", "with", "without", "would", "your", "그리고", "그러나", "하지만"),
        *("있습니다", "합니다", "됩니다", "입니다", "있다", "한다", "된다", "이다", "위해"),
        *("통해", "대한", "대해", "함께"),
    }
)


def paragraphs(markdown: str) -> Iterator[str]:
    """Paragraphs of prose, each in one line, without code, headings and tables; an item of a list is one, too."""
    for before, token in pairwise(_MARKDOWN.parse(markdown)):
        if before.type == "paragraph_open":
            yield " ".join(token.content.split())


def sentences(markdown: str) -> list[str]:
    """Sentences of the prose without links, in their order, each once, still with the markup that stands in them."""
    found: dict[str, None] = {}
    for paragraph in paragraphs(markdown):
        parts = (part.strip() for part in _END.split(paragraph) if not _URL.search(part))
        found |= dict.fromkeys(part for part in parts if len(part) > 12)
        if len(found) >= MAX_SENTENCES:
            break
    return list(found)


def plain(sentence: str) -> str:
    """Without markup and addresses."""
    return " ".join(_URL.sub("", _MARKUP.sub("", _LINK.sub(r"\1", sentence))).split())


def terms(text: str) -> list[str]:
    """Words that stand out, the most frequent first; Korean ones without their particle."""
    counted: Counter[str] = Counter()
    for word in _WORD.findall(_URL.sub(" ", text)):
        bare = _PARTICLE.sub("", word)
        if bare.lower() not in COMMON and len(bare) > 1:
            counted[bare.lower()] += 1
    return [word for word, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))]


def ranked(found: Sequence[str], text: str) -> list[str]:
    """Sentences by how many of the frequent words they hold for their length; at a tie the earlier one."""
    weight = {word: 1 / (place + 1) for place, word in enumerate(terms(text)[:40])}

    def score(sentence: str) -> float:
        words = [_PARTICLE.sub("", word).lower() for word in _WORD.findall(sentence)]
        return sum(weight.get(word, 0.0) for word in set(words)) / (len(words) + 6)

    return sorted(found, key=lambda sentence: (-score(sentence), found.index(sentence)))


def weighed(text: str, url_length: int | None, wide: int) -> int:
    """Length as a platform counts it: URLs at a fixed length, wide characters as `wide`."""
    length = 0
    if url_length is not None:
        length = url_length * len(_URL.findall(text))
        text = _URL.sub("", text)
    return length + sum(wide if _is_wide(letter) else 1 for letter in text)


def cut(text: str, room: int, wide: int) -> str:
    """As many whole words as fit into `room`; a single word that does not fit is cut."""
    kept = ""
    for word in text.split():
        longer = f"{kept} {word}".strip()
        if weighed(longer, None, wide) > room - 1:
            break
        kept = longer
    if kept == " ".join(text.split()):
        return kept
    if not kept:
        while text and weighed(text, None, wide) > room - 1:
            text = text[:-1]
        kept = text
    return f"{kept.rstrip(' ,;:–-')}…"


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in {"W", "F"} or (
        ord(letter) >= 0x2000 and unicodedata.category(letter) in {"So", "Sk"}
    )
